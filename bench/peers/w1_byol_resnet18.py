#!/usr/bin/env python3
"""W1: BYOL step of a CIFAR-style ResNet-18, two views x batch 64 of 3x32x32, SGD with momentum, EMA target.

State   {online,target}.encoder.*   torchvision's resnet18 names, without fc; conv1 is 3x3 stride 1, no max-pool
        {online,target}.projector.{0,1,3}.*   Linear 512-1024, BatchNorm, (ReLU), Linear 1024-256 without bias
        online.predictor.{0,1,3}.*            Linear 256-1024, BatchNorm, (ReLU), Linear 1024-256 without bias
Inputs  view1, view2   float32 [batch, 3, size, size]
Step    loss = both directions summed; SGD lr 0.05, momentum 0.9, no decay, on all parameters; tau 0.996 after it.
"""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from byol import Byol, byol_step, head
from common import argument_parser, main


class CifarResNet18(nn.Module):
    """ResNet-18 for small images, under torchvision's names; images to pooled features [batch, 8 width]."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stage(width, width, stride=1)
        self.layer2 = stage(width, 2 * width, stride=2)
        self.layer3 = stage(2 * width, 4 * width, stride=2)
        self.layer4 = stage(4 * width, 8 * width, stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')

    def forward(self, images):
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))


def stage(inputs, outputs, stride):
    shortcut = None
    if stride != 1:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(BasicBlock(inputs, outputs, stride, shortcut), BasicBlock(outputs, outputs))


def build_model(args):
    return Byol(
        CifarResNet18(args.width),
        head(8 * args.width, args.hidden, args.projection, last_bias=False),
        head(args.projection, args.hidden, args.projection, last_bias=False),
    )


def build_inputs(args):
    shape = (args.batch, 3, args.size, args.size)
    return {'view1': torch.randn(shape), 'view2': torch.randn(shape)}


def make_step(model, args):
    optimizer = torch.optim.SGD(model.online.parameters(), lr=0.05, momentum=0.9, fused=True)
    return byol_step(model, optimizer, 0.996, args)


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=64, width=64, width_is='channels of the first stage')
    parser.add_argument('--size', type=int, default=32, help='image side')
    parser.add_argument('--hidden', type=int, default=1024, help='hidden width of both heads')
    parser.add_argument('--projection', type=int, default=256, help='output width of both heads')
    main('W1', parser, build_model, build_inputs, make_step)
