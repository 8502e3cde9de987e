#!/usr/bin/env python3
"""Compares `byo interval multi` with the published Multi-Bootstrap on the same resamples.

Uses google-research/language's multibootstrap.py where it can be imported (on PYTHONPATH), else the same algorithm written
out in numpy. Usage: crosscheck-multibootstrap.py [byo command ...]
"""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

BYO = sys.argv[1:] or ['node', str(Path(__file__).resolve().parent.parent / 'bin' / 'byo.js')]


def correlation(y_true, y_pred):
    return np.corrcoef(y_true, y_pred)[0, 1]


def mean(_y_true, y_pred):
    return np.mean(y_pred)


def draw(rng, n, m, examples, paired, nboot):
    """The random draws of the reference, in its order."""
    base, experiment, xs = [], [], []
    for _ in range(nboot):
        first = rng.choice(n, n)
        base.append(first)
        experiment.append(first if paired else rng.choice(m, m))
        xs.append(rng.choice(examples, examples))
    return np.array(base), np.array(experiment), np.array(xs)


def reference(scores, labels, sides, score, draws):
    samples = []
    for first, second, xs in zip(*draws):
        samples.append([np.mean([score(labels[xs], side[seed][xs]) for seed in seeds]) for side, seeds in zip(sides, (first, second))])
    return np.array(samples)


def published(scores, labels, seed, group, score, paired, nboot):
    import multibootstrap
    import pandas as pd
    info = pd.DataFrame({'seed': seed, 'intervention': group.astype(bool)})
    return np.array(multibootstrap.multibootstrap(
        info, scores, labels, score, nboot=nboot, rng=42, paired_seeds=paired, verbose=False))


def report(samples, level=0.95):
    tail = (1 - level) / 2
    effect = samples[:, 1] - samples[:, 0]
    rows = {'base': samples[:, 0], 'experiment': samples[:, 1], 'effect': effect}
    out = {name: {'mean': v.mean(), 'low': np.quantile(v, tail), 'high': np.quantile(v, 1 - tail)} for name, v in rows.items()}
    out['effect']['p'] = max(np.mean(effect <= 0), 1 / len(effect))
    return out


def byo(folder, *args):
    out = subprocess.run([*BYO, 'interval', 'multi', str(folder / 'runs.st'), '--json', '--draws', str(folder / 'draws.st'),
                          '--samples', str(folder / 'samples.st'), '--no-progress', *args], check=True, capture_output=True)
    samples = load_file(folder / 'samples.st')
    return json.loads(out.stdout), np.stack([samples['base'], samples['experiment']], 1)


def check(name, ours, theirs, tolerance):
    worst = float(np.max(np.abs(np.asarray(ours) - np.asarray(theirs))))
    print(f'{name:50s} largest difference {worst:.2e} {"ok" if worst <= tolerance else "WRONG"}')
    return worst <= tolerance


def main():
    ok = True
    generator = np.random.default_rng(0)
    n, m, examples, nboot = 6, 5, 120, 200
    labels = generator.normal(size=examples)
    scores = np.concatenate([labels + generator.normal(size=(n, examples)), labels + generator.normal(size=(m, examples)) * 0.8])
    seed, group = np.array([*range(n), *range(m)]), np.array([0] * n + [1] * m)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for paired in (False, True):
            kept = scores if not paired else np.concatenate([scores[:m], scores[n:]])
            seeds, groups = (seed, group) if not paired else (np.array([*range(m)] * 2), np.repeat([0, 1], m))
            sides = (kept[groups == 0], kept[groups == 1])
            draws = draw(np.random.RandomState(42), len(sides[0]), m, examples, paired, nboot)
            save_file({'scores': kept, 'labels': labels, 'seed': seeds.astype('i4'), 'group': groups.astype('i4')}, folder / 'runs.st')
            save_file(dict(zip(('base', 'experiment', 'examples'), (d.astype('i4') for d in draws))), folder / 'draws.st')
            for metric, score in (('mean', mean), ('pearson', correlation)):
                args = ['--metric', metric, *(['--paired'] if paired else [])]
                found, samples = byo(folder, *args)
                expected = reference(kept, labels, sides, score, draws)
                title = f'{metric}, {"paired" if paired else "unpaired"}'
                ok &= check(title, samples, expected, 1e-12)
                theirs = report(expected)
                ok &= check(f'{title}: report', [found[s][k] for s in theirs for k in theirs[s]],
                            [theirs[s][k] for s in theirs for k in theirs[s]], 1e-12)
                try:
                    ok &= check(f'{title}: published library', samples, published(kept, labels, seeds, groups, score, paired, nboot), 1e-12)
                except ImportError:
                    print(f'{title}: the published library is not installed; compared with the algorithm written out')

        # 25 seeds of 10,000 examples: the reference scores one list after the other.
        big = (generator.random((50, 10_000)) < 0.6).astype('f8')
        sides = (big[:25], big[25:])
        draws = draw(np.random.RandomState(1), 25, 25, 10_000, False, 1000)
        start = time.process_time()
        reference(big, np.zeros(10_000), sides, mean, draws)
        print(f'1,000 resamples of 25 x 10,000, two sides: numpy {time.process_time() - start:.2f} s of CPU')
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
