#!/usr/bin/env python3
"""Golden values of BYOL-A by PyTorch, float64 -> byol-a.json.

    python3 test/golden/byol-a.py

The encoders are written as in the official code (AudioNTT2020 and AudioNTT2022 of nttcslab/byol-a), without dropout.

parameters  {name, dim, count}: of encoders of 64 channels on 64 mels
encoders    {name, channels, dim, input [B, 1, mels, frames], state, evaluated, trained, frames}: features in evaluation mode and in
            training mode, and those of each frame in evaluation mode
crops       {top, left, height, width, input [mels, frames], output}: F.interpolate, bicubic with align_corners, of a part of a canvas
            of 1.5 times the frames with the input in its middle
together    {input, output}: a batch normalised by one mean and deviation
steps       {encoder, channels, dim, hidden, out, lr, views, state, loss, grads, after}: a step of BYOL-A, its gradients, and some of
            the state behind it. Adam makes steps as large as others of gradients that are 0 but for rounding (biases before a batch
            norm), so its parameters are compared where they are not
"""

import copy
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

import ops

torch.set_default_dtype(torch.float64)


def blocks(count, channels):
    layers = []
    for i in range(count):
        layers += [nn.Conv2d(channels if i else 1, channels, 3, stride=1, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2, stride=2)]
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    def __init__(self, name, channels, mels, dim):
        super().__init__()
        self.second = name == 'audiontt2022'
        self.features = blocks(2 if self.second else 3, channels)
        width = channels * (mels // (4 if self.second else 8))
        units = dim - width if self.second else dim
        self.fc = nn.Sequential(nn.Linear(width, units), nn.ReLU(), nn.Dropout(0), nn.Linear(units, units), nn.ReLU())

    def frames(self, x):
        x = self.features(x)
        x = x.permute(0, 3, 2, 1)
        batch, time, mels, channels = x.shape
        x = x.reshape((batch, time, mels * channels))
        return torch.cat([x, self.fc(x)], -1) if self.second else self.fc(x)

    def forward(self, x):
        x = self.frames(x)
        return x.max(1)[0] + x.mean(1)


def head(inputs, hidden, out):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out))


def settle(module, name):
    """Parameters that are drawn from a name and stored exactly."""
    rng = ops.generator(name)
    for parameter in module.parameters():
        parameter.data = ops.uniform(rng, tuple(parameter.shape), -0.5, 0.5)
    return module


def state_of(module, prefix=''):
    return {f'{prefix}{name}': ops.stored(value) for name, value in module.state_dict().items() if value.is_floating_point()}


def encoder_case(name, channels, dim):
    encoder = settle(Encoder(name, channels, 16, dim), name)
    x = ops.uniform(ops.generator(f'{name} input'), (3, 1, 16, 20))
    evaluated, frames = encoder.eval()(x), encoder.frames(x)
    state = state_of(encoder, 'encoder.')
    return {'name': name, 'channels': channels, 'dim': dim, 'input': ops.stored(x), 'state': state, 'evaluated': ops.stored(evaluated),
            'frames': ops.stored(frames), 'trained': ops.stored(encoder.train()(x))}


def crop_case(top, left, height, width):
    mels, frames = 12, 16
    x = ops.uniform(ops.generator('crop'), (mels, frames))
    canvas = torch.zeros(mels, int(1.5 * frames))
    before = (canvas.shape[1] - frames) // 2
    canvas[:, before:before + frames] = x
    part = canvas[top:top + height, left + before:left + before + width]
    y = F.interpolate(part[None, None], size=(mels, frames), mode='bicubic', align_corners=True)[0, 0]
    return {'top': top, 'left': left, 'height': height, 'width': width, 'input': ops.stored(x), 'output': ops.stored(y)}


def together_case():
    x = ops.uniform(ops.generator('together'), (4, 1, 3, 5))
    return {'input': ops.stored(x), 'output': ops.stored((x - x.mean()) / x.std())}


def regression_loss(p, t):
    return (2 - 2 * (F.normalize(p, dim=-1) * F.normalize(t, dim=-1)).sum(-1)).mean()


def step_case(name, channels, dim, hidden=8, out=6, lr=0.01):
    online = nn.ModuleDict({'encoder': Encoder(name, channels, 16, dim), 'projector': head(dim, hidden, out), 'predictor': head(out, hidden, out)})
    settle(online, f'step {name}')
    target = nn.ModuleDict({key: copy.deepcopy(online[key]) for key in ('encoder', 'projector')})
    state = {**state_of(online, 'online.'), **state_of(target, 'target.')}
    optimizer = torch.optim.Adam(online.parameters(), lr=lr)
    views = [ops.uniform(ops.generator(f'view {i}'), (6, 1, 16, 20)) for i in range(2)]
    projections = [online.projector(online.encoder(x)) for x in views]
    predictions = [online.predictor(z) for z in projections]
    with torch.no_grad():
        targets = [target.projector(target.encoder(x)) for x in views]
    loss = regression_loss(predictions[0], targets[1]) + regression_loss(predictions[1], targets[0])
    loss.backward()
    grads = {name: ops.stored(parameter.grad) for name, parameter in online.named_parameters()}
    optimizer.step()
    after = {**state_of(online, 'online.'), **state_of(target, 'target.')}
    wanted = ('encoder.features.1.running_var', 'encoder.features.5.running_mean', 'predictor.3.bias', 'predictor.1.running_mean')
    return {'encoder': name, 'channels': channels, 'dim': dim, 'hidden': hidden, 'out': out, 'lr': lr,
            'views': [ops.stored(x) for x in views], 'state': state, 'loss': loss.item(), 'grads': grads,
            'after': {key: value for key, value in after.items() if key.split('.', 1)[1] in wanted}}


def main():
    sizes = [('audiontt2020', 512), ('audiontt2020', 2048), ('audiontt2022', 3072)]
    torch.manual_seed(0)
    golden = {
        'parameters': [{'name': name, 'dim': dim, 'count': sum(p.numel() for p in Encoder(name, 64, 64, dim).parameters())} for name, dim in sizes],
        'encoders': [encoder_case('audiontt2020', 3, 5), encoder_case('audiontt2022', 2, 13)],
        'crops': [crop_case(*c) for c in ((0, 0, 12, 16), (2, 3, 7, 9), (0, -4, 12, 24), (5, 12, 7, 8), (1, -4, 8, 3), (3, 5, 1, 1))],
        'together': [together_case()],
        'steps': [step_case('audiontt2020', 3, 5), step_case('audiontt2022', 2, 13)],
    }
    text = ',\n'.join(f'"{key}": {ops.lines(entries)}' for key, entries in golden.items())
    pathlib.Path(__file__).with_suffix('.json').write_text(f'{{{text}}}\n')


if __name__ == '__main__':
    main()
