#!/usr/bin/env python3
"""The best PyTorch configuration of a workload: runs its script over configurations, prints the fastest as JSON.

    best.py w1 [--limit 600] [--tries 1] [options of the workload's script ...]

First 1 and 2 threads; then, with the faster number, channels_last (convolutional workloads), torch.compile and both. Every
run is a process of its own. A configuration that fails (torch.compile needs a C++ compiler) or does not end within the limit
is listed with its error. The figure of a configuration is the median of its steps, of several tries the smallest.
"""

import argparse
import json
import pathlib
import subprocess
import sys

SCRIPTS = {
    'w1': 'w1_byol_resnet18.py', 'w2': 'w2_byol_a.py', 'w3': 'w3_t_jepa.py',
    'w4': 'w4_ddpm_unet.py', 'w5': 'w5_td3_bc.py', 'w6': 'w6_bmg.py',
    'w7': 'w7_simsiam.py', 'w8': 'w8_swav.py', 'w9': 'w9_byol_group.py',
    'krrst': 'krrst_step.py', 'ddim': 'ddim_sampling.py', 'docking': 'docking_step.py',
}
CONVOLUTIONAL = ('w1', 'w2', 'w4', 'w7', 'w8', 'w9', 'krrst', 'ddim')


def variants(workload):
    """What to add to the best number of threads, as lists of arguments."""
    layouts = [[], ['--channels-last']] if workload in CONVOLUTIONAL else [[]]
    return [layout + compiled for layout in layouts for compiled in ([], ['--compile']) if layout + compiled]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('workload', choices=SCRIPTS)
    parser.add_argument('--limit', type=float, default=600, help='seconds that one run of a configuration may take')
    parser.add_argument('--tries', type=int, default=1, help='runs of each configuration')
    args, passed_on = parser.parse_known_args()
    tried = []

    def best_of(candidates):
        """The fastest of what has been tried, once the candidates have been too; None where nothing works."""
        for options in [*candidates] * args.tries:
            tried.append({'options': ' '.join(options), **run(args.workload, [*passed_on, *options], args.limit)})
        working = [entry for entry in tried if 'error' not in entry]
        return min(working, key=lambda entry: entry['median_ms'], default=None)

    best = best_of([['--threads', '2'], ['--threads', '1']])
    if best:
        threads = best['options'].split()
        best = best_of([[*variant, *threads] for variant in variants(args.workload)])
    if not best:
        raise SystemExit(f'{args.workload}: no configuration ran; the first one failed with: {tried[0]["error"]}')
    print(json.dumps({'workload': args.workload.upper(), 'best': best, 'tried': tried}))


if __name__ == '__main__':
    main()
