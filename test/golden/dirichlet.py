#!/usr/bin/env python3
"""Golden values of the Dirichlet-multinomial loss: PyTorch in float64 -> dirichlet.json.

    python3 test/golden/dirichlet.py

rising   {z, k, value, slope}: lgamma(z + k) - lgamma(z) and digamma(z + k) - digamma(z), z as float32 holds it.
batch    {questions, concentrations, votes, losses, grads}: -log p of each row and question, gradients of their sum.
"""

import json
import pathlib

import torch


def rising():
    z = torch.tensor([0.05, 0.5, 1, 1.001, 2.5, 7, 50.5, 101, 350, 2020]).float().double()
    k = torch.tensor([1, 2, 3, 7, 40, 300, 5000]).double()
    z, k = (grid.reshape(-1) for grid in torch.meshgrid(z, k, indexing='ij'))
    value = torch.lgamma(z + k) - torch.lgamma(z)
    slope = torch.digamma(z + k) - torch.digamma(z)
    return {'z': z.tolist(), 'k': k.tolist(), 'value': value.tolist(), 'slope': slope.tolist()}


def batch():
    generator = torch.Generator().manual_seed(5)
    questions = [(0, 2), (3, 4), (5, 5 + 5)]
    answers = questions[-1][1] + 1
    alpha = (1 + 100 * torch.rand(6, answers, generator=generator)).float().double().requires_grad_()
    votes = torch.randint(0, 30, (6, answers), generator=generator).double()
    votes[1, 3:5] = 0
    votes[2] = 0
    votes[3] *= 20
    columns = []
    for start, end in questions:
        a, k = alpha[:, start:end + 1], votes[:, start:end + 1]
        total, asked = a.sum(1), k.sum(1)
        columns.append(-(torch.lgamma(asked + 1) + torch.lgamma(total) - torch.lgamma(asked + total) + (
            torch.lgamma(k + a) - torch.lgamma(a) - torch.lgamma(k + 1)).sum(1)))
    losses = torch.stack(columns, 1)
    grads, = torch.autograd.grad(losses.sum(), alpha)
    return {
        'questions': [{'start': start, 'end': end} for start, end in questions], 'concentrations': alpha.tolist(), 'votes': votes.tolist(),
        'losses': losses.tolist(), 'grads': grads.tolist(),
    }


if __name__ == '__main__':
    body = {'rising': rising(), 'batch': batch()}
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')
