#!/usr/bin/env python3
"""Golden values of layers: PyTorch's transformer layer in float64 and the shapes of torchvision's ResNets -> layers.json.

    python3 test/golden/layers.py

transformers {name, heads, feedForward, activation, preNorm, mask, input, parameters, output, cotangent, grads}: tensors as in
             ops.json; `parameters` and `grads` by name, grads.input among them. `mask` adds -1e9 to the scores where it is 1.
resnets      by name: every tensor's shape by torchvision's name, without the classifier and the counters of batches.
regnets      the same of torchvision's RegNetY that have the paper's widths, and the number of their parameters; the larger ones
             are only counted.
"""

import json
import pathlib

import torch
import torchvision

import ops


def transformer_case(name, activation, pre_norm, masked):
    rng = ops.generator(name)
    heads, width, hidden, batch, tokens = 2, 6, 10, 2, 4
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, hidden, dropout=0.0, activation=activation, batch_first=True, norm_first=pre_norm)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(ops.uniform(rng, tuple(parameter.shape), -0.7, 0.7))
    x = ops.uniform(rng, (batch, tokens, width)).requires_grad_()
    mask = torch.triu(torch.ones(tokens, tokens), 1) if masked else None
    y = layer(x, src_mask=None if mask is None else mask.bool())
    cotangent = ops.uniform(rng, tuple(y.shape), -1, 1)
    named = dict(layer.named_parameters())
    found = torch.autograd.grad(y, [x, *named.values()], cotangent)
    return {
        'name': name, 'heads': heads, 'feedForward': hidden, 'activation': activation, 'preNorm': pre_norm,
        'mask': None if mask is None else ops.stored(mask), 'input': ops.stored(x),
        'parameters': {key: ops.stored(value) for key, value in named.items()},
        'output': ops.stored(y), 'cotangent': ops.stored(cotangent),
        'grads': {key: ops.stored(value) for key, value in zip(['input', *named], found)},
    }


def shapes(name):
    state = getattr(torchvision.models, name)().state_dict()
    kept = [key for key in state if not key.startswith('fc.') and not key.endswith('num_batches_tracked')]
    return {key: list(state[key].shape) for key in kept}


def regnet(name, listed=True):
    network = getattr(torchvision.models, name)()
    network.fc = torch.nn.Identity()
    count = sum(parameter.numel() for parameter in network.parameters())
    return {'parameters': count, **({'shapes': shapes(name)} if listed else {})}


def main():
    body = {
        'transformers': [
            transformer_case('post-norm with relu', 'relu', False, False),
            transformer_case('pre-norm with gelu and a causal mask', 'gelu', True, True),
        ],
        'resnets': {name: shapes(name) for name in ('resnet18', 'resnet34', 'resnet50')},
        'regnets': {
            '400mf': regnet('regnet_y_400mf'),
            **{size: regnet(f'regnet_y_{size.replace(".", "_")}', listed=False) for size in ('1.6gf', '3.2gf', '16gf', '32gf')},
        },
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
