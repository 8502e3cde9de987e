#!/usr/bin/env python3
"""Shapes of torchvision's EfficientNet-B0, and what it computes from given weights in float64 -> efficientnet.json.

    python3 test/golden/efficientnet.py

shapes    of every tensor by torchvision's name, without the classifier and the counters of batches.
features  of images [4, 3, 64, 64] of sin(1e-5 i^1.5) in training mode, without stochastic depth, where element j of the p-th
          parameter is 0.1 cos(1 + 0.37 j + 1.3 p), plus 1 for scales of batch norms: every 40th of 1,280.
"""

import json
import pathlib

import torch
import torchvision


def main():
    network = torchvision.models.efficientnet_b0(stochastic_depth_prob=0.0, dropout=0.0).double().train()
    network.classifier = torch.nn.Identity()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items() if not name.endswith('num_batches_tracked')}
    norms = {name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    with torch.no_grad():
        for p, (name, parameter) in enumerate(network.named_parameters()):
            owner, kind = name.rsplit('.', 1)
            values = 0.1 * torch.cos(1 + 0.37 * torch.arange(parameter.numel()).double() + 1.3 * p)
            parameter.copy_((values + (owner in norms and kind == 'weight')).reshape(parameter.shape).float())
        images = torch.sin(1e-5 * torch.arange(4 * 3 * 64 * 64).double() ** 1.5).float().double().reshape(4, 3, 64, 64)
        features = network(images)[:, ::40]
    body = {'shapes': shapes, 'features': features.tolist()}
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
