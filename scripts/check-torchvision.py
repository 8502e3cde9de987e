#!/usr/bin/env python3
"""Checks that torchvision's ResNet gives the features that `byo embed` wrote, with the weights of the same model file.

    python3 scripts/check-torchvision.py MODEL.st DATA.st FEATURES.st

MODEL.st is a ResNet on colour images with the imagenet stem, as `byo pretrain` writes it; DATA.st the data set and FEATURES.st
what `byo embed --model MODEL.st DATA.st` made of it. Exits with 1 where a feature differs by more than 1e-4 of the largest.
Needs torch, torchvision and safetensors.
"""

import json
import sys

import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file

TOLERANCE = 1e-4
BATCH = 64


def resnet_of(path):
    """torchvision's network with the encoder's weights, and how its images are normalised."""
    with safe_open(path, 'pt') as file:
        meta = json.loads(file.metadata()['byo'])['meta']
    encoder = meta['encoder']
    if encoder.get('stem') != 'imagenet' or encoder['width'] != 64 or encoder.get('norm', 'batch') != 'batch':
        sys.exit(f'{path}: torchvision has no such network: {encoder}; use --stem imagenet --width 64 --norm batch')
    network = getattr(torchvision.models, encoder['name'])()
    network.fc = torch.nn.Identity()
    weights = {name.removeprefix('encoder.'): tensor for name, tensor in load_file(path).items() if name.startswith('encoder.')}
    missing, unexpected = network.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith('num_batches_tracked')]
    if missing or unexpected:
        sys.exit(f'{path}: torchvision misses {missing} and does not know {unexpected}')
    mean, std = (torch.tensor(meta['input'][key]).reshape(1, -1, 1, 1) for key in ('mean', 'std'))
    return network.eval(), lambda images: (images.float() / 255 - mean) / std


@torch.no_grad()
def main(model, data, features):
    network, normalize = resnet_of(model)
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
