#!/usr/bin/env python3
"""KRRST: a step of KRR-ST's outer loop with the step of the pool behind it; ConvNet of three blocks, 100 synthetic and 256 real images.

State   encoder.block{1,2,3}.conv.*   Conv2d 3x3 with bias, channels doubling from `width`
        encoder.block{1,2,3}.norm.*   BatchNorm2d; ReLU and AvgPool2d(2) follow, and the last maps are flattened
        head.*                        Linear to the dimension of the targets
        synthetic.{images,targets}    [synthetic, 3, size, size] and [synthetic, dimension]
Inputs  images   float32 [batch, 3, size, size]
        targets  float32 [batch, dimension], which the target model would give
Step    encoder in evaluation mode: ridge regression from the synthetic features with a column of ones, lambda = ridge trace(K) without
        gradient; mean squared error on the real ones; AdamW lr 1e-4 without decay on synthetic images and targets. Then encoder and head
        in training mode: SGD lr 0.1, momentum 0.9, weight decay 1e-3 on the mean squared error of all synthetic pairs.
        The loss is the first one. `solve` is float32, as in the official code; byo's is float64.
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import argument_parser, compiled, main


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block1, self.block2, self.block3 = Block(3, width), Block(width, 2 * width), Block(2 * width, 4 * width)

    def forward(self, x):
        return self.block3(self.block2(self.block1(x))).flatten(1)


class Distillation(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.ridge = args.ridge
        self.encoder = Encoder(args.width)
        self.head = nn.Linear(4 * args.width * (args.size // 8) ** 2, args.dimension)
        self.synthetic = nn.ParameterDict({
            'images': torch.rand(args.synthetic, 3, args.size, args.size), 'targets': torch.randn(args.synthetic, args.dimension)})

    def outer_loss(self, images, targets):
        with torch.no_grad():
            real = with_ones(self.encoder(images))
        features = with_ones(self.encoder(self.synthetic['images']))
        kernel = features @ features.T
        penalty = self.ridge * kernel.trace().detach()
        eye = torch.eye(len(kernel), dtype=kernel.dtype)
        predicted = real @ features.T @ torch.linalg.solve(kernel + penalty * eye, self.synthetic['targets'])
        return F.mse_loss(predicted, targets)

    def inner_loss(self):
        return F.mse_loss(self.head(self.encoder(self.synthetic['images'].detach())), self.synthetic['targets'].detach())


def with_ones(features):
    return torch.cat([features, features.new_ones(len(features), 1)], dim=1)


def build_model(args):
    return Distillation(args)


def build_inputs(args):
    return {'images': torch.randn(args.batch, 3, args.size, args.size), 'targets': torch.randn(args.batch, args.dimension)}


def make_step(model, args):
    synthetic = list(model.synthetic.parameters())
    weights = [*model.encoder.parameters(), *model.head.parameters()]
    outer_optimizer = torch.optim.AdamW(synthetic, lr=1e-4, weight_decay=0, fused=True)
    inner_optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=1e-3, fused=True)
    outer_loss, inner_loss = compiled(model.outer_loss, args), compiled(model.inner_loss, args)

    def step(images, targets):
        model.eval()
        loss = outer_loss(images, targets)
        for parameter, gradient in zip(synthetic, torch.autograd.grad(loss, synthetic)):
            parameter.grad = gradient
        outer_optimizer.step()
        model.train()
        inner_optimizer.zero_grad()
        inner_loss().backward()
        inner_optimizer.step()
        return loss.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=256, width=64, width_is='channels of the first block')
    parser.add_argument('--size', type=int, default=32, help='image side')
    parser.add_argument('--synthetic', type=int, default=100, help='synthetic images')
    parser.add_argument('--dimension', type=int, default=128, help='dimension of the targets')
    parser.add_argument('--ridge', type=float, default=1e-6, help='penalty as a share of the trace of the kernel')
    main('KRRST', parser, build_model, build_inputs, make_step)
