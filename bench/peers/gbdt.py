#!/usr/bin/env python3
"""Gradient-boosted trees on a table of byo's, with its own parts: scikit-learn's, and XGBoost's where it is installed.

    byo export table.st --format npz -o table.npz && python3 bench/peers/gbdt.py table.npz
    byo export table.st --format csv -o table.csv && python3 bench/peers/gbdt.py table.csv

Prints a JSON object a model: {model, metric, value, n, rounds, seconds}; accuracy, or R2 and rmse where the target is a number. Trees
are added until the loss on the validation part has not fallen for --patience rounds; without such a part, a tenth of the training
part is taken for it. Missing values stay missing, and categories are categories. Other settings are the libraries' own.

Of an .npz are read numeric [N, C] (NaN: missing), categorical [N, K] (-1: missing), labels or targets [N], split [N] (0 train, 1
validation, 2 test); of a CSV file the columns, the parts under `split`, and the target in the last one.
"""

import argparse
import csv
import json
import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

PARTS = {'train': 0, 'validation': 1, 'test': 2}


def read_npz(path):
    arrays = np.load(path)
    blocks = [arrays[name].astype(float) for name in ('numeric', 'categorical') if name in arrays]
    if 'categorical' in arrays:
        blocks[-1][blocks[-1] < 0] = np.nan
    categorical = [name == 'categorical' for name in ('numeric', 'categorical') if name in arrays for _ in range(arrays[name].shape[1])]
    classes = 'labels' in arrays
    return np.hstack(blocks), np.array(categorical), arrays['labels' if classes else 'targets'], arrays['split'], classes


def numbers_of(cells):
    """The cells as numbers, NaN where empty; None where one is no number."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return None


def codes_of(cells):
    names = sorted(set(cells) - {''})
    codes = {name: float(code) for code, name in enumerate(names)}
    return np.array([codes.get(cell, np.nan) for cell in cells])


def read_csv(path):
    with open(path, newline='') as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, zip(*rows)))
    if 'split' not in columns:
        raise SystemExit(f'{path} has no column split; byo export --format csv writes one where the data set has parts')
    split = np.array([PARTS[part] for part in columns.pop('split')])
    target = columns.pop(header[-1])
    found = {name: numbers_of(cells) for name, cells in columns.items()}
    x = np.stack([codes_of(columns[name]) if values is None else values for name, values in found.items()], 1)
    y = numbers_of(target)
    classes = y is None or len(set(target)) <= 20 and all(value == int(value) for value in y)
    return x, np.array([values is None for values in found.values()]), codes_of(target).astype(int) if classes else y, split, classes


def parts_of(x, y, split, seed):
    """Rows to train on, to validate with and to test on."""
    train, validation, test = (np.flatnonzero(split == part) for part in (0, 1, 2))
    if len(test) == 0:
        raise SystemExit('no row is marked as test; byo convert --test-fraction marks some')
    if len(validation) == 0:
        shuffled = np.random.default_rng(seed).permutation(train)
        validation, train = np.split(shuffled, [len(train) // 10])
    return [(x[rows], y[rows]) for rows in (train, validation, test)]


def sklearn_trees(train, validation, categorical, classes, args):
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(categorical_features=categorical, max_iter=args.rounds, early_stopping=True, n_iter_no_change=args.patience,
                 random_state=args.seed)
    model.fit(*train, X_val=validation[0], y_val=validation[1])
    return model, model.n_iter_


def xgboost_trees(train, validation, categorical, classes, args):
    import xgboost
    kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
    model = kind(n_estimators=args.rounds, early_stopping_rounds=args.patience, random_state=args.seed, tree_method='hist',
                 enable_categorical=True, feature_types=['c' if is_category else 'q' for is_category in categorical])
    model.fit(*train, eval_set=[validation], verbose=False)
    return model, model.best_iteration + 1


def scored(model, test, classes):
    predicted = model.predict(test[0])
    if classes:
        return {'metric': 'accuracy', 'value': float(np.mean(predicted == test[1]))}
    errors = predicted - test[1]
    return {'metric': 'R2', 'value': float(1 - np.sum(errors ** 2) / np.sum((test[1] - test[1].mean()) ** 2)),
            'rmse': float(np.sqrt(np.mean(errors ** 2)))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('table', help='.npz or .csv that byo export wrote')
    parser.add_argument('--rounds', type=int, default=500, help='trees at most')
    parser.add_argument('--patience', type=int, default=20, help='rounds without a smaller validation loss')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    x, categorical, y, split, classes = (read_npz if args.table.endswith('.npz') else read_csv)(args.table)
    train, validation, test = parts_of(x, y, split, args.seed)
    for name, fit in (('HistGradientBoosting', sklearn_trees), ('XGBoost', xgboost_trees)):
        start = time.perf_counter()
        try:
            model, rounds = fit(train, validation, categorical, classes, args)
        except ModuleNotFoundError:
            continue
        seconds = time.perf_counter() - start
        print(json.dumps({'model': name, **scored(model, test, classes), 'rounds': int(rounds), 'seconds': round(seconds, 2),
                          'n': {'train': len(train[1]), 'val': len(validation[1]), 'test': len(test[1])}}))


if __name__ == '__main__':
    main()
