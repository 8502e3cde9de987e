#!/usr/bin/env python3
"""Golden values of SwAV: Sinkhorn's assignments and the loss with its gradient, float64, by PyTorch -> swav.json.

    python3 test/golden/swav.py

The assignment is the multiplicative one of SwAV's code, whose shift by the largest score the core does without.

sinkhorn  {name, epsilon, iterations, scores [B, K], assignment [B, K]}
losses    {name, crops, temperature, epsilon, iterations, scores [crops B, K], queues ([Q, K] for each of two crops), loss, grad}:
          `grad` is that of the loss with respect to the scores.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

import ops


def sinkhorn(scores, epsilon, iterations):
    q = torch.exp((scores - scores.max()) / epsilon).T
    q = q / q.sum()
    prototypes, images = q.shape
    for _ in range(iterations):
        q = q / q.sum(1, keepdim=True) / prototypes
        q = q / q.sum(0, keepdim=True) / images
    return (q / q.sum(0, keepdim=True)).T


def cosines(rng, rows, prototypes):
    z = F.normalize(ops.uniform(rng, (rows, 6)), dim=1)
    c = F.normalize(ops.uniform(rng, (prototypes, 6)), dim=1)
    return torch.from_numpy((z @ c.T).numpy().round(4))


def sinkhorn_case(name, shape, epsilon, iterations):
    scores = cosines(ops.generator(name), *shape)
    return {'name': name, 'epsilon': epsilon, 'iterations': iterations, 'scores': ops.stored(scores),
            'assignment': ops.stored(sinkhorn(scores, epsilon, iterations))}


def loss_case(name, crops, batch, prototypes, queue=0, temperature=0.1, epsilon=0.05, iterations=3):
    rng = ops.generator(name)
    scores = cosines(rng, crops * batch, prototypes).requires_grad_()
    queues = [cosines(rng, queue, prototypes) for _ in range(2 if queue else 0)]
    of = lambda v: scores[v * batch:(v + 1) * batch]
    total = 0
    for g in range(2):
        with torch.no_grad():
            joined = torch.cat([of(g), queues[g]]) if queue else of(g)
            q = sinkhorn(joined, epsilon, iterations)[:batch]
        others = [v for v in range(crops) if v != g]
        total += sum(-(q * F.log_softmax(of(v) / temperature, dim=1)).sum(1).mean() for v in others) / len(others)
    loss = total / 2
    grad, = torch.autograd.grad(loss, [scores])
    return {'name': name, 'crops': crops, 'temperature': temperature, 'epsilon': epsilon, 'iterations': iterations,
            'scores': ops.stored(scores), 'queues': [ops.stored(q) for q in queues], 'loss': loss.item(), 'grad': ops.stored(grad)}


def main():
    sections = {
        'sinkhorn': [
            sinkhorn_case('as in SwAV', (12, 5), 0.05, 3),
            sinkhorn_case('as in SEER', (8, 16), 0.05, 10),
            sinkhorn_case('soft', (12, 5), 0.5, 3),
            sinkhorn_case('none', (12, 5), 0.05, 0),
        ],
        'losses': [
            loss_case('two crops', 2, 6, 5),
            loss_case('multi-crop', 5, 4, 7),
            loss_case('multi-crop and a queue', 4, 4, 10, queue=9),
        ],
    }
    body = ',\n'.join(f'"{name}": {ops.lines(entries)}' for name, entries in sections.items())
    pathlib.Path(__file__).with_suffix('.json').write_text(f'{{\n{body}\n}}\n')


if __name__ == '__main__':
    main()
