#!/usr/bin/env python3
"""Golden values of gradient matching with differentiable siamese augmentation, float64, by PyTorch -> dsa.json.

    python3 test/golden/dsa.py

The augmentations are those of the official code (affine_grid and grid_sample, clipped cut-outs), with the random numbers given instead of
drawn. Then, on a ConvNet of two blocks with group normalisation of one channel a group (so is the official code's instance
normalisation), the distance of the gradients of one class, its gradient with respect to the synthetic images through the gradient of the
loss, and what SGD with momentum makes of it. Random values are stored rounded, so that both sides start from the same.

augmentations  {images, cases: [{kind, numbers, output}]}: numbers are uniform in [0, 1), or whole where an integer is drawn
sizes          {synthetic n, batch b, channels of the first block, classes, label, lr}
state          tensors by name: the network's, without a prefix
real, images, momentum, distance, grad, after
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

import ops

N, B, WIDTH, CLASSES, LABEL, LR = 3, 4, 3, 3, 1, 0.1


def warp(x, theta):
    theta = torch.tensor(theta)[None].expand(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


def color(x, b, s, c):
    x = x + (b - 0.5)
    mean = x.mean(1, keepdim=True)
    x = (x - mean) * (2 * s) + mean
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (c + 0.5) + mean


def crop(x, down, right):
    height, width = x.shape[2:]
    most = [int(n * 0.125 + 0.5) for n in (height, width)]
    padded = F.pad(x, [1, 1, 1, 1])
    rows = torch.clamp(torch.arange(height) + (down - most[0]) + 1, 0, height + 1)
    columns = torch.clamp(torch.arange(width) + (right - most[1]) + 1, 0, width + 1)
    return padded[:, :, rows][:, :, :, columns]


def cutout(x, first, second):
    height, width = x.shape[2:]
    mask = torch.ones(height, width)
    size = [int(n * 0.5 + 0.5) for n in (height, width)]
    rows = torch.clamp(torch.arange(size[0]) + first - size[0] // 2, 0, height - 1)
    columns = torch.clamp(torch.arange(size[1]) + second - size[1] // 2, 0, width - 1)
    mask[rows[:, None], columns[None]] = 0
    return x * mask


def scale(x, sx, sy):
    low, high = 1 / 1.2, 1.2
    return warp(x, [[low + sx * (high - low), 0, 0], [0, low + sy * (high - low), 0]])


def rotate(x, u):
    a = (u - 0.5) * 2 * 15 / 180 * math.pi
    return warp(x, [[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0]])


CASES = [(color, [0.9, 0.3, 0.8]), (color, [0.1, 0.9, 0.2]), (crop, [0, 1]), (crop, [2, 0]), (cutout, [0, 7]), (cutout, [3, 2]),
         (cutout, [6, 0]), (scale, [0.1, 0.8]), (scale, [0.9, 0.05]), (rotate, [0.05]), (rotate, [0.8])]


def network():
    blocks, channels = [], 3
    for i in range(2):
        width = WIDTH * 2 ** i
        blocks.append((f'block{i + 1}', nn.ModuleDict({'conv': nn.Conv2d(channels, width, 3, padding=1), 'norm': nn.GroupNorm(width, width)})))
        channels = width
    return nn.ModuleDict({'encoder': nn.ModuleDict(dict(blocks)), 'head': nn.Linear(2 * WIDTH * 4, CLASSES)})


def scores(net, x):
    for block in net['encoder'].values():
        x = F.avg_pool2d(torch.relu(block['norm'](block['conv'](x))), 2)
    return net['head'](x.flatten(1))


def distance(real, synthetic):
    """The official code's `match_loss` with its metric 'ours'."""
    total = torch.zeros(())
    for a, b in zip(real, synthetic):
        if a.dim() == 1:
            continue
        a, b = a.flatten(1), b.flatten(1)
        total = total + torch.sum(1 - torch.sum(a * b, -1) / (torch.norm(a, dim=-1) * torch.norm(b, dim=-1) + 0.000001))
    return total


def main():
    rng = ops.generator('dsa')
    drawn = ops.uniform(rng, (2, 3, 7, 6), -1, 1)
    cases = [{'kind': f.__name__, 'numbers': numbers, 'output': ops.stored(f(drawn, *numbers))} for f, numbers in CASES]

    net = network()
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.copy_(ops.uniform(rng, tuple(tensor.shape), -0.6, 0.6))
    real, images = ops.uniform(rng, (B, 3, 8, 8)), ops.uniform(rng, (N, 3, 8, 8)).requires_grad_()
    momentum = ops.uniform(rng, (N, 3, 8, 8), -1, 1)
    gradient = lambda x, create: torch.autograd.grad(
        F.cross_entropy(scores(net, rotate(x, 0.8)), torch.full((len(x),), LABEL)), list(net.parameters()), create_graph=create)
    loss = distance([g.detach() for g in gradient(real, False)], gradient(images, True))
    loss.backward()
    body = {
        'augmentations': {'images': ops.stored(drawn), 'cases': cases},
        'sizes': {'size': N, 'batch': B, 'width': WIDTH, 'classes': CLASSES, 'label': LABEL, 'lr': LR},
        'state': {name: ops.stored(tensor) for name, tensor in net.state_dict().items()},
        'real': ops.stored(real), 'images': ops.stored(images), 'momentum': ops.stored(momentum), 'distance': loss.item(),
        'grad': ops.stored(images.grad), 'after': ops.stored(images - LR * (0.5 * momentum + images.grad)),
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
