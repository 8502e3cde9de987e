#!/usr/bin/env python3
"""Golden values of src/core/stats from numpy, scipy and scikit-learn: writes stats.json beside this script."""
import json
from pathlib import Path

import numpy as np
from scipy import optimize, special, stats
from sklearn import cluster, linear_model, metrics, neighbors

rng = np.random.default_rng(7)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def distributions():
    x = [0.1, 0.5, 1.0, 3.7, 25.0, 1234.5, -0.5, -2.3]
    beta = [(0.3, 2.0, 5.0), (0.9, 0.5, 0.5), (0.001, 3.0, 200.0), (0.5, 40.0, 41.0), (0.999, 80.0, 0.7)]
    p = [1e-12, 1e-4, 0.025, 0.2, 0.5, 0.9, 0.995]
    dfs = [1, 2, 3.5, 10, 250]
    gamma = [(0.5, 0.1), (0.5, 9.0), (3.0, 2.0), (40.0, 55.0), (100.0, 80.0)]
    z = [-12.0, -5.0, -1.3, 0.0, 0.4, 3.0]
    return {
        'logGamma': [[v, special.gammaln(v)] for v in x],
        'incompleteBeta': [[v, a, b, special.betainc(a, b, v)] for v, a, b in beta],
        'incompleteGamma': [[a, v, special.gammainc(a, v)] for a, v in gamma],
        'normalCdf': [[v, stats.norm.cdf(v)] for v in z],
        'normalQuantile': [[v, stats.norm.ppf(v)] for v in p],
        'tCdf': [[v, df, stats.t.cdf(v, df)] for v in z for df in dfs],
        'tQuantile': [[v, df, stats.t.ppf(v, df)] for v in p for df in dfs],
        'betaQuantile': [[v, a, b, stats.beta.ppf(v, a, b)] for v in p[1:] for a, b in [(3, 8), (0.5, 2), (120, 7)]],
        'chiSquareQuantile': [[v, df, stats.chi2.ppf(v, df)] for v in p[1:] for df in dfs],
        'binomialCdf': [[k, n, q, stats.binom.cdf(k, n, q)] for k, n, q in [(0, 5, .2), (3, 9, .5), (50, 120, .4)]],
    }


def features():
    centers = rng.normal(size=(4, 6))
    labels = rng.permutation(np.repeat(np.arange(4), [30, 24, 18, 8]))
    x = np.round(centers[labels] + rng.normal(size=(80, 6)) * np.array([1, 2, .5, 1, 3, 1]), 3)
    return x, labels


def logistic(x, labels):
    fits = []
    for c, weight in [(0.01, None), (1.0, None), (1000.0, None), (1.0, 'balanced')]:
        model = linear_model.LogisticRegression(
            C=c, class_weight=weight, solver='newton-cg', tol=1e-12, max_iter=100_000).fit(x, labels)
        counts = np.bincount(labels)
        w = (len(labels) / (4 * counts) if weight else np.ones(4))[labels]
        ce = metrics.log_loss(labels, model.predict_proba(x), normalize=False, sample_weight=w)
        fits.append({'C': c, 'balanced': bool(weight), 'weights': model.coef_, 'bias': model.intercept_,
                     'objective': c * ce + 0.5 * (model.coef_ ** 2).sum()})
    return fits


def ridge():
    fits = []
    for n, d in [(30, 4), (12, 20)]:
        x, y = np.round(rng.normal(size=(n, d)) + 3, 3), np.round(rng.normal(size=(n, 2)), 3)
        models = [linear_model.Ridge(alpha=a, solver='svd').fit(x, y) for a in (0.01, 1.0, 100.0)]
        fits.append({'x': x, 'y': y, 'fits': [
            {'alpha': m.alpha, 'weights': m.coef_, 'bias': m.intercept_} for m in models]})
    return fits


def knn(x, labels):
    train, test, seen = x[:60], x[60:], labels[:60]
    nearest = neighbors.NearestNeighbors(n_neighbors=7, algorithm='brute').fit(train)
    distance, euclidean = nearest.kneighbors(test)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit[60:] @ unit[:60].T
    cosine = np.argsort(-similarity, axis=1, kind='stable')[:, :7]
    weights = np.exp((np.take_along_axis(similarity, cosine, 1)) / 0.07)
    votes = np.stack([np.where(seen[cosine] == c, weights, 0).sum(1) for c in range(4)], 1)
    inverse = neighbors.KNeighborsClassifier(7, weights=lambda d: 1 / (d + 1e-5), algorithm='brute').fit(train, seen)
    own = neighbors.NearestNeighbors(n_neighbors=3, algorithm='brute').fit(x).kneighbors()[1]
    return {'euclidean': euclidean, 'distance': distance, 'cosine': cosine,
            'shares': votes / votes.sum(1, keepdims=True), 'inverseShares': inverse.predict_proba(test),
            'leaveOneOut': own}


def scores(labels):
    raw = np.round(rng.normal(size=(80, 4)) + 1.5 * np.eye(4)[labels], 1)
    probabilities = special.softmax(raw, axis=1)
    predicted = raw.argmax(1)
    a = np.round(rng.normal(size=200), 1)
    b = np.round(a + rng.normal(size=200), 1)
    targets = (rng.random((80, 5)) < 0.3).astype(float)
    ranked = np.round(rng.normal(size=(80, 5)) + targets, 1)
    return {
        'raw': raw, 'a': a, 'b': b, 'targets': targets, 'ranked': ranked,
        'values': {
            'accuracy': metrics.accuracy_score(labels, predicted),
            'balancedAccuracy': metrics.balanced_accuracy_score(labels, predicted),
            'macroF1': metrics.f1_score(labels, predicted, average='macro'),
            'kappa': metrics.cohen_kappa_score(labels, predicted),
            'matthewsCorrelation': metrics.matthews_corrcoef(labels, predicted),
            'negativeLogLikelihood': metrics.log_loss(labels, probabilities),
            'macroAuroc': metrics.roc_auc_score(labels, probabilities, multi_class='ovr'),
            'meanAveragePrecision': metrics.average_precision_score(targets, ranked, average='macro'),
            'auroc': metrics.roc_auc_score(targets[:, 0], ranked[:, 0]),
            'confusion': metrics.confusion_matrix(labels, predicted),
            'r2': metrics.r2_score(a, b), 'meanAbsoluteError': metrics.mean_absolute_error(a, b),
            'meanR2': metrics.r2_score(targets, ranked),
            'rootMeanSquaredError': metrics.root_mean_squared_error(a, b),
            'pearson': stats.pearsonr(a, b)[0], 'spearman': stats.spearmanr(a, b)[0],
            'kendall': stats.kendalltau(a, b)[0],
        },
    }


def clustering(x, labels):
    found = cluster.KMeans(5, n_init=50, random_state=0, tol=0).fit(x)
    from_rows = cluster.KMeans(5, init=x[:5], n_init=1, tol=0, algorithm='lloyd').fit(x)
    guess = found.labels_
    cost = np.round(rng.normal(size=(6, 9)), 2)
    rows, columns = optimize.linear_sum_assignment(cost)
    return {
        'clusters': guess, 'silhouette': metrics.silhouette_score(x, guess), 'bestInertia': found.inertia_,
        'inertiaFromRows': from_rows.inertia_, 'labelsFromRows': from_rows.labels_,
        'nmi': metrics.normalized_mutual_info_score(labels, guess),
        'ami': metrics.adjusted_mutual_info_score(labels, guess),
        'ari': metrics.adjusted_rand_score(labels, guess),
        'homogeneity': metrics.homogeneity_score(labels, guess),
        'completeness': metrics.completeness_score(labels, guess),
        'vMeasure': metrics.v_measure_score(labels, guess),
        'cost': cost, 'assignment': columns, 'assignmentCost': cost[rows, columns].sum(),
    }


def retrieval(x, labels):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit @ unit.T
    keep = ~np.eye(80, dtype=bool)
    similarity = similarity[keep].reshape(80, 79)
    relevant = (labels[:, None] == labels[None, :])[keep].reshape(80, 79).astype(int)
    ap = [metrics.average_precision_score(r, s) for r, s in zip(relevant, similarity)]
    return {'map': np.mean(ap), 'ndcg10': metrics.ndcg_score(relevant, similarity, k=10)}


def spectra():
    x = np.round(rng.normal(size=(9, 5)) @ np.diag([100, 10, 1, .1, .01]) @ rng.normal(size=(5, 5)), 6)
    gram = np.cov(x.T, bias=True)
    values = np.linalg.eigvalsh(gram)[::-1]
    return {'x': x, 'singularValues': np.linalg.svd(x, compute_uv=False), 'covarianceSpectrum': values}


def bca():
    sample = np.round(rng.exponential(size=25), 3)
    result = stats.bootstrap((sample,), np.mean, n_resamples=199, method='BCa', random_state=3)
    jackknife = [np.delete(sample, i).mean() for i in range(25)]
    interval = result.confidence_interval
    return {'estimate': sample.mean(), 'resampled': result.bootstrap_distribution, 'jackknife': jackknife,
            'low': interval.low, 'high': interval.high}


def main():
    x, labels = features()
    golden = {
        'distributions': distributions(), 'x': x, 'labels': labels, 'logistic': logistic(x, labels),
        'ridge': ridge(), 'knn': knn(x, labels), 'metrics': scores(labels), 'clustering': clustering(x, labels),
        'retrieval': retrieval(x, labels), 'spectra': spectra(), 'bca': bca(),
    }
    path = Path(__file__).with_suffix('.json')
    path.write_text(json.dumps(plain(golden), separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
