#!/usr/bin/env python3
"""Checks that torchvision's network gives the features that `byo embed` wrote, with the weights of the same model file.

    python3 scripts/check-torchvision.py MODEL.st DATA.st FEATURES.st

MODEL.st is a ResNet, a RegNetY or an EfficientNet on colour images with the imagenet stem, as `byo pretrain` writes it; DATA.st
the data set and FEATURES.st what `byo embed --model MODEL.st DATA.st` made of it. Exits with 1 where a feature differs by more
than 1e-4 of the largest. Needs torch, torchvision and safetensors.
"""

import functools
import json
import re
import sys

import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file

TOLERANCE = 1e-4
BATCH = 64


def network_of(path):
    """torchvision's network with the encoder's weights, and how its images are normalised."""
    with safe_open(path, 'pt') as file:
        meta = json.loads(file.metadata()['byo'])['meta']
    encoder = meta['encoder']
    weights = {name.removeprefix('encoder.'): tensor for name, tensor in load_file(path).items() if name.startswith('encoder.')}
    family = {'regnety': regnet, 'efficientnet_b0': efficientnet}.get(encoder['name'], resnet)
    if encoder.get('stem') != 'imagenet' or encoder.get('norm', 'batch') != 'batch':
        sys.exit(f'{path}: torchvision has no such network: {encoder}; use --stem imagenet --norm batch')
    network = family(encoder, weights)
    network.fc = torch.nn.Identity()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith('num_batches_tracked')]
    if missing or unexpected:
        sys.exit(f'{path}: torchvision misses {missing} and does not know {unexpected}')
    mean, std = (torch.tensor(meta['input'][key]).reshape(1, -1, 1, 1) for key in ('mean', 'std'))
    return network.eval(), lambda images: (images.float() / 255 - mean) / std


def resnet(encoder, weights):
    if encoder['width'] != 64:
        sys.exit(f'torchvision has no such network: {encoder}; use --width 64')
    return getattr(torchvision.models, encoder['name'])()


def efficientnet(encoder, weights):
    network = torchvision.models.efficientnet_b0()
    network.classifier = torch.nn.Identity()
    return network


def regnet(encoder, weights):
    """A RegNet of the widths and blocks that the weights have: torchvision's own rounding makes others of a few shapes."""
    blocks = re.findall(r'trunk_output\.(block\d+)\.block\d+-0\.f\.b\.0\.weight', ' '.join(weights))
    first = [f'trunk_output.{stage}.{stage}-0.f.b.0.weight' for stage in blocks]
    params = torchvision.models.regnet.BlockParams(
        depths=[sum(f'.{stage}-' in name and name.endswith('f.b.0.weight') for name in weights) for stage in blocks],
        widths=[weights[name].shape[0] for name in first], group_widths=[weights[name].shape[1] for name in first],
        bottleneck_multipliers=[1.0] * len(blocks), strides=[2] * len(blocks), se_ratio=0.25)
    return torchvision.models.RegNet(params, norm_layer=functools.partial(torch.nn.BatchNorm2d, eps=1e-5, momentum=0.1))


@torch.no_grad()
def main(model, data, features):
    network, normalize = network_of(model)
    images, expected = load_file(data)['images'], load_file(features)['features']
    actual = torch.cat([network(normalize(batch)) for batch in images.split(BATCH)])
    if actual.shape != expected.shape:
        sys.exit(f'{features} has features of shape {list(expected.shape)}, but torchvision gives {list(actual.shape)}')
    error = ((actual - expected).abs().max() / actual.abs().max()).item()
    print(f'{len(actual)} images, {actual.shape[1]} features: largest difference {error:.1e} of the largest feature')
    if not error < TOLERANCE:
        sys.exit(f'that is more than {TOLERANCE:.0e}')


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
