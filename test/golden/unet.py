#!/usr/bin/env python3
"""Golden values of the U-Net of diffusion models, by PyTorch -> unet.json.

    python3 test/golden/unet.py

Two residual blocks a level that are scaled and shifted, attention with two heads at the lower level; the network is that of the
benchmark's peer. Element i of the n-th parameter in alphabetical order is sin(1 + n + 0.7 i) / sqrt(fan in). {parameters (their shapes,
by name), x [2, 3, 8, 8], timesteps [2], output, cotangent, grads}: `grads` are the gradients of sum(output * cotangent) with respect to
x and to some parameters, by name.
"""

import json
import pathlib
import sys

import torch

import ops

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / 'bench' / 'peers'))
from w4_ddpm_unet import UNet  # noqa: E402

CHECKED = ('conv_in.weight', 'down.1.1.attention.qkv.weight', 'mid.1.project.bias', 'up.0.1.time.weight', 'up.1.0.shortcut.weight')


def main():
    rng = ops.generator('unet')
    network = UNet(8, multipliers=(1, 2), blocks=2, scales=True, heads=2, attended_levels=(1,)).double()
    for n, (_, parameter) in enumerate(sorted(network.named_parameters())):
        angles = 1 + n + 0.7 * torch.arange(parameter.numel(), dtype=torch.float64)
        parameter.data = (torch.sin(angles) / parameter[0].numel() ** 0.5).reshape(parameter.shape)
    x = ops.uniform(rng, (2, 3, 8, 8)).round(decimals=3).requires_grad_()
    timesteps = torch.tensor([3.0, 700.0], dtype=torch.float64)
    cotangent = ops.uniform(rng, (2, 3, 8, 8)).round(decimals=3)
    output = network(x, timesteps)
    (output * cotangent).sum().backward()
    parameters = dict(network.named_parameters())
    body = {
        'parameters': {name: list(tensor.shape) for name, tensor in sorted(parameters.items())},
        'x': ops.stored(x.detach()), 'timesteps': timesteps.tolist(), 'cotangent': ops.stored(cotangent),
        'output': ops.stored(output.detach()),
        'grads': {'x': ops.stored(x.grad), **{name: ops.stored(parameters[name].grad) for name in CHECKED}},
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
