#!/usr/bin/env python3
"""Compares the probes with scikit-learn on random data, and times two large ones.

Usage: crosscheck-probe.py [--time] [byo command ...]
"""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn import linear_model, metrics, neighbors, preprocessing

TIME = '--time' in sys.argv
BYO = [a for a in sys.argv[1:] if a != '--time'] or ['node', str(Path(__file__).resolve().parent.parent / 'bin' / 'byo.js')]
OK = True


def byo(folder, kind, *args):
    command = [*BYO, 'probe', kind, str(folder / 'features.st'), '--json', '--no-progress', *args]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def check(name, ours, theirs, tolerance):
    global OK
    worst = float(np.max(np.abs(np.asarray(ours) - np.asarray(theirs))))
    OK &= worst <= tolerance
    print(f'{name:34s} largest difference {worst:.2e} {"ok" if worst <= tolerance else "WRONG"}')


def data(rng, n, test, d, classes):
    centres = rng.normal(size=(classes, d)) * 3 / np.sqrt(d)
    y = rng.integers(0, classes, n + test)
    x = (centres[y] + rng.normal(size=(n + test, d))).astype('f4')
    split = np.r_[np.zeros(n), np.full(test, 2)].astype('u1')
    targets = (x @ rng.normal(size=(d, 2)) + rng.normal(size=(n + test, 2))).astype('f4')
    tags = (x @ rng.normal(size=(d, 3)) + rng.normal(size=(n + test, 3)) > 1).astype('u1')
    return x, y, split, targets, tags


def values(folder):
    n, test = 600, 200
    x, y, split, targets, tags = data(np.random.default_rng(3), n, test, 24, 5)
    save_file({'features': x, 'labels': y.astype('i4'), 'split': split, 'targets': targets, 'tags': tags}, folder / 'features.st')
    scaler = preprocessing.StandardScaler().fit(x[:n].astype('f8'))
    z = scaler.transform(x.astype('f8'))
    one_c = ['--c-min', '0.5', '--c-count', '1', '--predictions', str(folder / 'p.st')]

    fit = linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(z[:n], y[:n])
    p = fit.predict_proba(z[n:])
    ours = byo(folder, 'linear', *one_c, '--tolerance', '1e-9', '--calibration')
    scores = load_file(folder / 'p.st')['scores'].astype('f8')
    q = np.exp(scores - scores.max(1, keepdims=True))
    check('logistic: probabilities', q / q.sum(1, keepdims=True), p, 1e-5)
    check('logistic: accuracy, NLL', [ours['value'], ours['calibration']['nll']],
          [fit.score(z[n:], y[n:]), metrics.log_loss(y[n:], p)], 1e-5)
    guess = p.argmax(1)
    check('logistic: balanced, macro F1', [ours['balancedAccuracy'], ours['macroF1']],
          [metrics.balanced_accuracy_score(y[n:], guess), metrics.f1_score(y[n:], guess, average='macro')], 1e-12)

    unit = preprocessing.normalize(x.astype('f8'))
    knn = neighbors.KNeighborsClassifier(15, metric='cosine', algorithm='brute', weights=lambda d: np.exp((1 - d) / 0.07))
    check('k-NN: accuracy', byo(folder, 'knn', '--k', '15')['value'], knn.fit(unit[:n], y[:n]).score(unit[n:], y[n:]), 1e-12)

    ridge = linear_model.Ridge(alpha=7, solver='svd').fit(z[:n], targets[:n])
    guess = ridge.predict(z[n:])
    ours = byo(folder, 'regression', '--alpha-min', '7', '--alpha-count', '1')
    check('regression: R2, MAE, RMSE', [ours['value'], ours['mae'], ours['rmse']], [
        metrics.r2_score(targets[n:], guess), metrics.mean_absolute_error(targets[n:], guess),
        np.mean(metrics.root_mean_squared_error(targets[n:], guess, multioutput='raw_values'))], 1e-5)
    one_hot = linear_model.Ridge(alpha=7, solver='svd').fit(z[:n], np.eye(5)[y[:n]]).predict(z[n:])
    check('ridge: accuracy', byo(folder, 'ridge', '--alpha-min', '7', '--alpha-count', '1')['value'], np.mean(one_hot.argmax(1) == y[n:]), 1e-12)

    rest = [linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(z[:n], t[:n]).decision_function(z[n:]) for t in tags.T]
    ours = byo(folder, 'multilabel', '--target', 'tags', '--c-min', '0.5', '--c-count', '1', '--resamples', '2')
    check('multilabel: mAP, AUROC', [ours['value'], ours['macroAuroc']], [
        metrics.average_precision_score(tags[n:], np.stack(rest, 1), average='macro'),
        metrics.roc_auc_score(tags[n:], np.stack(rest, 1), average='macro')], 2e-4)


def times(folder, repeats=3):
    n, test, d = 50_000, 10_000, 512
    x, y, split, *_ = data(np.random.default_rng(0), n, test, d, 10)
    save_file({'features': x, 'labels': y.astype('i4'), 'split': split}, folder / 'features.st')

    def sklearn_logistic():
        f = load_file(folder / 'features.st')
        scaler = preprocessing.StandardScaler().fit(f['features'][:n])
        z = scaler.transform(f['features'])
        linear_model.LogisticRegression(C=1, tol=1e-4, max_iter=1000).fit(z[:n], f['labels'][:n]).score(z[n:], f['labels'][n:])

    def sklearn_knn():
        f = load_file(folder / 'features.st')
        unit = preprocessing.normalize(f['features'])
        neighbors.KNeighborsClassifier(20, algorithm='brute', weights='distance').fit(unit[:n], f['labels'][:n]).score(unit[n:], f['labels'][n:])

    for name, theirs, args in [
        ('logistic, 50,000 x 512 x 10', sklearn_logistic, ('logistic', '--c-min', '1', '--c-count', '1')),
        ('k-NN, 10,000 in 50,000 x 512', sklearn_knn, ('knn',)),
    ]:
        ours, reference = [], []
        for _ in range(repeats):
            start = time.perf_counter()
            byo(folder, *args)
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            theirs()
            reference.append(time.perf_counter() - start)
        a, b = np.median(ours), np.median(reference)
        print(f'{name:30s} byo {a:6.2f} s (whole command), scikit-learn {b:6.2f} s (file to score), ratio {b / a:.2f}')


def main():
    with tempfile.TemporaryDirectory() as name:
        values(Path(name))
        if TIME:
            times(Path(name))
    sys.exit(0 if OK else 1)


if __name__ == '__main__':
    main()
