#!/usr/bin/env python3
"""Golden values of src/core/stats/generative from numpy, scipy and scikit-learn: writes generative.json beside this script."""
import json
from pathlib import Path

import numpy as np
from scipy import linalg, special, stats
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, NearestNeighbors

rng = np.random.default_rng(11)
labelling = np.random.default_rng(12)


def frechet(x, y):
    c, d = np.atleast_2d(np.cov(x.T)), np.atleast_2d(np.cov(y.T))
    root = linalg.sqrtm(linalg.sqrtm(c) @ d @ linalg.sqrtm(c))
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c + d - 2 * np.real(root))


def mmd2(kernel, x, y):
    n, m = len(x), len(y)
    xx, yy = kernel(x, x), kernel(y, y)
    return ((xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * kernel(x, y).mean())


def covered(centres, rows, k):
    # kneighbors of the fitted rows themselves leaves each one out.
    radii = NearestNeighbors(n_neighbors=k).fit(centres).kneighbors()[0][:, -1]
    return (cdist(rows, centres) <= radii).any(1)


def modes(x, y):
    # Thirds along a random direction.
    labels = np.argsort(np.argsort(x @ labelling.normal(size=x.shape[1]))) * 3 // len(x)
    assigned = {
        'mean': NearestCentroid().fit(x, labels).predict(y), 'neighbour': KNeighborsClassifier(1).fit(x, labels).predict(y),
    }
    present = np.unique(labels)
    shares = {name: np.array([(own == c).mean() for c in present]) for name, own in assigned.items()}
    return {'labels': labels.tolist(), 'modes': {
        name: {'shares': p.tolist(), 'divergence': special.rel_entr(p, 1 / len(p)).sum()} for name, p in shares.items()
    }}


def paired(x, y):
    apart = np.linalg.norm(x - y, axis=1)
    return {'rms': np.sqrt((apart ** 2).mean()), 'median': np.median(apart)}


def scores(x, y):
    h = np.median(pdist(x))
    n = min(len(x), len(y))
    return {
        'x': x.tolist(), 'y': y.tolist(), 'bandwidth': h, 'frechet': frechet(x, y),
        'kid': mmd2(lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1 / x.shape[1], coef0=1), x, y),
        'mmd': mmd2(lambda a, b: rbf_kernel(a, b, gamma=1 / (2 * h * h)), x, y),
        'energy': 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean(),
        'precision': covered(x, y, 3).tolist(), 'recall': covered(y, x, 3).tolist(),
        'paired': paired(x[:n], y[:n]), **modes(x, y),
    }


def main():
    x = np.round(rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3, 4)
    y = np.round(1.3 * rng.normal(size=(35, 5)) @ rng.normal(size=(5, 5)) + 3.4, 4)
    line = [np.round(rng.exponential(size=(30, 1)), 4), np.round(rng.normal(size=(30, 1)), 4)]
    a, b = (np.sort(v[:, 0]) for v in line)
    wide = [np.round(rng.normal(size=(7, 10)), 4), np.round(rng.normal(size=(9, 10)) + 0.5, 4)]
    even = [np.round(rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4)) + 1, 4) for _ in range(2)]
    golden = {
        'general': scores(x, y),
        # scipy's energy distance is the root of the squared one.
        'line': {**scores(*line), 'energy': stats.energy_distance(a, b) ** 2, 'swd': np.sqrt(((a - b) ** 2).mean())},
        'wide': scores(*wide), 'even': scores(*even),
    }
    path = Path(__file__).with_suffix('.json')
    path.write_text(json.dumps(golden, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
