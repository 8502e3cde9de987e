#!/usr/bin/env python3
"""The best PyTorch configuration of a workload: runs its script over configurations, prints the fastest as JSON.

    best.py w1 [--rounds 1] [--limit 600] [options of the workload's script ...]

Configurations: channels_last on and off (convolutional workloads), torch.compile on and off, 1 and 2 threads. Every
run is a process of its own. A configuration that fails (torch.compile needs a C++ compiler) or does not end within the
limit is listed with its error, and not run again.
The figure of a configuration is the median of its rounds' medians; rounds alternate over the configurations.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import sys

SCRIPTS = {
    'w1': 'w1_byol_resnet18.py', 'w2': 'w2_byol_a.py', 'w3': 'w3_t_jepa.py',
    'w4': 'w4_ddpm_unet.py', 'w5': 'w5_td3_bc.py', 'w6': 'w6_bmg.py',
    'w7': 'w7_simsiam.py', 'w8': 'w8_swav.py', 'w9': 'w9_byol_group.py',
    'krrst': 'krrst_step.py', 'ddim': 'ddim_sampling.py',
}
CONVOLUTIONAL = ('w1', 'w2', 'w4', 'w7', 'w8', 'w9', 'krrst', 'ddim')


def configurations(workload):
    """The options to try, as lists of arguments."""
    layouts = [[], ['--channels-last']] if workload in CONVOLUTIONAL else [[]]
    threads = [['--threads', '2'], ['--threads', '1']]
    return [sum(parts, []) for parts in itertools.product(layouts, [[], ['--compile']], threads)]


def run(workload, options, limit):
    """What the workload's script printed, or {'error': the line that names its error}."""
    script = pathlib.Path(__file__).parent / SCRIPTS[workload]
    print(script.name, *options, file=sys.stderr, flush=True)
    try:
        done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {'error': f'not done after {limit:g} s'}
    if done.returncode == 0:
        return json.loads(done.stdout)
    lines = done.stderr.strip().splitlines() or [f'exit status {done.returncode}']
    return {'error': next((line for line in reversed(lines) if 'Error:' in line), lines[-1])}


def summary(options, results):
    """One configuration over its rounds."""
    failed = next((result['error'] for result in results if 'error' in result), None)
    if failed:
        return {'options': ' '.join(options), 'error': failed}
    return {
        'options': ' '.join(options),
        'median_ms': round(statistics.median(result['median_ms'] for result in results), 3),
        'min_ms': min(result['min_ms'] for result in results),
        'max_rss_mb': max(result['max_rss_mb'] for result in results),
        'losses': results[0]['losses'],
        'torch': results[0]['torch'],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('workload', choices=SCRIPTS)
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--limit', type=float, default=600, help='seconds that one run of a configuration may take')
    args, passed_on = parser.parse_known_args()
    options = configurations(args.workload)
    results = [[] for _ in options]
    for _ in range(args.rounds):
        for option, so_far in zip(options, results):
            if not any('error' in result for result in so_far):
                so_far.append(run(args.workload, [*passed_on, *option], args.limit))
    tried = [summary(option, found) for option, found in zip(options, results)]
    working = [entry for entry in tried if 'error' not in entry]
    if not working:
        raise SystemExit(f'{args.workload}: no configuration ran; the first one failed with: {tried[0]["error"]}')
    best = min(working, key=lambda entry: entry['median_ms'])
    print(json.dumps({'workload': args.workload.upper(), 'best': best, 'tried': tried}))


if __name__ == '__main__':
    main()
