#!/usr/bin/env python3
"""Golden values of KRR-ST, float64, by PyTorch -> krr-st.json.

    python3 test/golden/krr-st.py

One outer step as the official code takes it, on a ConvNet of two blocks in evaluation mode: ridge regression on the synthetic
features with a column of ones, lambda = ridge trace(K_ss) without gradient, element mean of the squared error, AdamW without decay on
images and targets. Then one step of the pool: the network in training mode and a linear head, SGD with momentum and weight decay on the
mean squared error. Random values are stored rounded, so that both sides start from the same.

sizes    {synthetic m, batch b, channels of the first block, target dimension d, ridge, lr}
state    tensors by name: the network's (encoder.*, head.*) and the synthetic ones
real     images [b, 3, 8, 8] and targets [b, d]
loss, lambda, grads {images, targets}, after {images, targets}
pool     {loss, after: tensors by name}
"""

import json
import pathlib

import torch
from torch import nn

import ops

M, B, WIDTH, D, RIDGE, LR = 5, 7, 3, 4, 1e-6, 0.01


def network():
    blocks, channels = [], 3
    for i in range(2):
        width = WIDTH * 2 ** i
        block = nn.ModuleDict({'conv': nn.Conv2d(channels, width, 3, padding=1), 'norm': nn.BatchNorm2d(width)})
        blocks.append((f'block{i + 1}', block))
        channels = width
    return nn.ModuleDict(dict(blocks))


def features(net, x):
    for block in net.values():
        x = nn.functional.avg_pool2d(torch.relu(block['norm'](block['conv'](x))), 2)
    return x.flatten(1)


def main():
    rng = ops.generator('krr-st')
    net, head = network(), nn.Linear(2 * WIDTH * 4, D)
    with torch.no_grad():
        for tensor in [*net.parameters(), *head.parameters()]:
            tensor.copy_(ops.uniform(rng, tuple(tensor.shape), -0.6, 0.6))
        for block in net.values():
            block['norm'].running_mean.copy_(ops.uniform(rng, tuple(block['norm'].running_mean.shape), -0.3, 0.3))
            block['norm'].running_var.copy_(ops.uniform(rng, tuple(block['norm'].running_var.shape), 0.5, 1.5))
    images = ops.uniform(rng, (M, 3, 8, 8), 0, 1).requires_grad_()
    targets = ops.uniform(rng, (M, D)).requires_grad_()
    real, wanted = ops.uniform(rng, (B, 3, 8, 8), -2, 2), ops.uniform(rng, (B, D))
    state = {**{f'encoder.{k}': v for k, v in net.state_dict().items() if v.is_floating_point()},
             **{f'head.{k}': v for k, v in head.state_dict().items()}, 'synthetic.images': images, 'synthetic.targets': targets}
    before = {name: ops.stored(tensor) for name, tensor in state.items()}

    net.eval()
    one = lambda f: torch.cat([f, torch.ones(len(f), 1)], 1)
    fs, ft = one(features(net, images)), one(features(net, real).detach())
    kss = fs @ fs.T
    penalty = RIDGE * kss.trace().detach()
    predicted = ft @ fs.T @ torch.linalg.solve(kss + penalty * torch.eye(M), targets)
    loss = (predicted - wanted).pow(2).mean()
    outer = torch.optim.AdamW([images, targets], lr=LR, weight_decay=0)
    loss.backward()
    grads = {'images': ops.stored(images.grad), 'targets': ops.stored(targets.grad)}
    outer.step()

    net.train()
    inner = torch.optim.SGD([*net.parameters(), *head.parameters()], lr=0.1, momentum=0.9, weight_decay=1e-3)
    inner.zero_grad()
    pool_loss = nn.functional.mse_loss(head(features(net, images.detach())), targets.detach())
    pool_loss.backward()
    inner.step()
    moved = {**{f'encoder.{k}': v for k, v in net.state_dict().items() if v.is_floating_point()},
             **{f'head.{k}': v for k, v in head.state_dict().items()}}

    body = {'sizes': {'size': M, 'batch': B, 'width': WIDTH, 'dimension': D, 'ridge': RIDGE, 'lr': LR}, 'state': before,
            'real': {'images': ops.stored(real), 'targets': ops.stored(wanted)}, 'loss': loss.item(), 'lambda': penalty.item(),
            'grads': grads, 'after': {'images': ops.stored(images), 'targets': ops.stored(targets)},
            'pool': {'loss': pool_loss.item(), 'after': {name: ops.stored(tensor) for name, tensor in moved.items()}}}
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
