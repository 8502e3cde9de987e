#!/usr/bin/env python3
"""Golden values of distillation from random teachers, by PyTorch in float64 -> distillation.json.

    python3 test/golden/distillation.py

vgg      by torchvision's name: every tensor's shape in `features` and the number of parameters.
small    a narrow VGG-11 without normalisation: parameters by torchvision's names, images, features.
head     DINO's head with and without normalised rows: input, parameters, output, cotangent, grads (`input` among them).
losses   rows of teacher's and student's logits: cross-entropy, its gradient by the student's logits, KL, the teacher's entropy.
"""

import json
import pathlib

import torch
import torch.nn.functional as F
import torchvision

import ops


def vgg_shapes(name):
    network = getattr(torchvision.models, name)()
    state = network.features.state_dict()
    return {
        'parameters': sum(parameter.numel() for parameter in network.features.parameters()),
        'shapes': {f'features.{key}': list(value.shape) for key, value in state.items() if not key.endswith('num_batches_tracked')},
    }


def small_vgg(width, side):
    rng = ops.generator(f'vgg {width} {side}')
    layers, channels = [], 3
    for stage in [[1], [2], [4, 4], [8, 8], [8, 8]]:
        for multiple in stage:
            layers += [torch.nn.Conv2d(channels, width * multiple, 3, padding=1), torch.nn.ReLU()]
            channels = width * multiple
        layers.append(torch.nn.MaxPool2d(2))
    network = torch.nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter in network.parameters():
            bound = 1.5 / (parameter[0].numel() ** 0.5) if parameter.dim() > 1 else 0.2
            parameter.copy_(ops.uniform(rng, tuple(parameter.shape), -bound, bound))
    images = ops.uniform(rng, (2, 3, side, side), -1, 1)
    return {
        'width': width, 'images': ops.stored(images), 'features': ops.stored(network(images).flatten(1)),
        'parameters': {f'features.{key}': ops.stored(value) for key, value in network.named_parameters()},
    }


def head_case(name, weight_norm):
    rng = ops.generator(name)
    sizes = [5, 7, 6, 4]
    x = ops.uniform(rng, (3, sizes[0]), -1, 1).requires_grad_()
    parameters = {}
    for i, (fan, units) in enumerate(zip(sizes, sizes[1:])):
        parameters[f'mlp.{2 * i}.weight'] = ops.uniform(rng, (units, fan), -0.8, 0.8)
        parameters[f'mlp.{2 * i}.bias'] = ops.uniform(rng, (units,), -0.3, 0.3)
    parameters['last_layer.weight'] = ops.uniform(rng, (9, sizes[-1]), -0.8, 0.8)
    for value in parameters.values():
        value.requires_grad_()
    h = x
    for i in range(len(sizes) - 1):
        h = F.linear(h, parameters[f'mlp.{2 * i}.weight'], parameters[f'mlp.{2 * i}.bias'])
        if i < len(sizes) - 2:
            h = F.gelu(h)
    rows = parameters['last_layer.weight']
    y = F.linear(F.normalize(h, dim=-1), F.normalize(rows, dim=-1) if weight_norm else rows)
    cotangent = ops.uniform(rng, tuple(y.shape), -1, 1)
    found = torch.autograd.grad(y, [x, *parameters.values()], cotangent)
    return {
        'name': name, 'weightNorm': weight_norm, 'hidden': sizes[1:3], 'bottleneck': sizes[3], 'out': 9, 'input': ops.stored(x),
        'parameters': {key: ops.stored(value) for key, value in parameters.items()},
        'output': ops.stored(y), 'cotangent': ops.stored(cotangent),
        'grads': {key: ops.stored(value) for key, value in zip(['input', *parameters], found)},
    }


def loss_case(name, scale, difference):
    """`difference` is how far the student's logits are from the teacher's; float32 values, so that both see the same numbers."""
    rng = ops.generator(name)
    teacher = ops.uniform(rng, (4, 50), -scale, scale).float().double()
    student = (teacher + difference * ops.uniform(rng, (4, 50), -1, 1)).float().double().requires_grad_()
    t = teacher.softmax(-1)
    log_s = student.log_softmax(-1)
    cross_entropy = -(t * log_s).sum(-1).mean()
    return {
        'name': name, 'teacher': ops.stored(teacher), 'student': ops.stored(student),
        'crossEntropy': cross_entropy.item(), 'gradient': ops.stored(torch.autograd.grad(cross_entropy, student)[0]),
        'kl': F.kl_div(log_s, t, reduction='batchmean').item(), 'entropy': -(t * t.log()).sum(-1).mean().item(),
    }


def main():
    body = {
        'vgg': {name: vgg_shapes(name) for name in ('vgg11', 'vgg11_bn')},
        'small': small_vgg(2, 32),
        'heads': [head_case('normalised rows', True), head_case('raw rows', False)],
        'losses': [
            loss_case('far apart', 3, 2), loss_case('near', 1, 1e-2), loss_case('nearer', 1, 1e-4), loss_case('large logits', 30, 5),
        ],
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
