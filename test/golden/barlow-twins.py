#!/usr/bin/env python3
"""Golden values of the Barlow Twins loss and its gradients, float64, by PyTorch -> barlow-twins.json.

    python3 test/golden/barlow-twins.py

As in the official code: embeddings go through BatchNorm1d without scale and offset, and the diagonal and the rest of their
cross-correlation matrix are summed apart.

cases  {name, lambda, z1, z2 [B, d], loss, onDiagonal, offDiagonal, grads: of z1 and of z2}
"""

import pathlib

import torch

import ops


def case(name, batch, dimensions, weight):
    rng = ops.generator(name)
    z1, z2 = (ops.uniform(rng, (batch, dimensions)).requires_grad_() for _ in range(2))
    norm = torch.nn.BatchNorm1d(dimensions, affine=False)
    c = norm(z1).T @ norm(z2) / batch
    on = torch.diagonal(c).add(-1).pow(2).sum()
    off = c.flatten()[:-1].view(dimensions - 1, dimensions + 1)[:, 1:].pow(2).sum()
    loss = on + weight * off
    grads = torch.autograd.grad(loss, [z1, z2])
    return {'name': name, 'lambda': weight, 'z1': ops.stored(z1), 'z2': ops.stored(z2), 'loss': loss.item(), 'onDiagonal': on.item(),
            'offDiagonal': off.item(), 'grads': [ops.stored(g) for g in grads]}


def main():
    entries = [case('more rows than dimensions', 12, 5, 0.0051), case('more dimensions than rows', 6, 9, 0.02)]
    pathlib.Path(__file__).with_suffix('.json').write_text(f'{{"cases": {ops.lines(entries)}}}\n')


if __name__ == '__main__':
    main()
