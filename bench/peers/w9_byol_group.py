#!/usr/bin/env python3
"""W9: BYOL step without batch statistics: W1 with GroupNorm and weight standardisation in the encoder, and GroupNorm in the heads.

State   as W1's: {online,target}.encoder.*, {online,target}.projector.{0,1,3}.*, online.predictor.{0,1,3}.*, without running statistics
Inputs  view1, view2   float32 [batch, 3, size, size]
Step    W1's. A filter is standardised over its inputs and places: (w - mean) / (std + 1e-5), std unbiased (Qiao et al. 2019).
The heads are lightly's ProjectionHead; lightly has no such encoder.
"""

import torch
import torch.nn.functional as F
from torch import nn

from byol import Byol, byol_step
from common import argument_parser, from_lightly, main
from w1_byol_resnet18 import CifarResNet18, build_inputs


class StandardizedConv2d(nn.Conv2d):
    def forward(self, x):
        std, mean = torch.std_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        return F.conv2d(x, (self.weight - mean) / (std + 1e-5), None, self.stride, self.padding)


def standardized(conv):
    """The convolution with its filters standardised; the same weights."""
    twin = StandardizedConv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=False)
    twin.weight = conv.weight
    return twin


def without_batch_statistics(module, groups):
    """Puts GroupNorm in the place of BatchNorm and standardised filters in the place of plain ones, everywhere below a module."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(groups, child.num_features))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, standardized(child))
        else:
            without_batch_statistics(child, groups)
    return module


def build_model(args):
    heads = from_lightly('models.modules.heads')

    def head(features):
        norm = nn.GroupNorm(args.groups, args.hidden)
        blocks = [(features, args.hidden, norm, nn.ReLU(), True), (args.hidden, args.projection, None, None, False)]
        return heads.ProjectionHead(blocks).layers

    encoder = without_batch_statistics(CifarResNet18(args.width), args.groups)
    return Byol(encoder, head(8 * args.width), head(args.projection))


def make_step(model, args):
    optimizer = torch.optim.SGD(model.online.parameters(), lr=0.05, momentum=0.9, fused=True)
    return byol_step(model, optimizer, 0.996, args)


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=64, width=64, width_is='channels of the first stage')
    parser.add_argument('--size', type=int, default=32, help='image side')
    parser.add_argument('--hidden', type=int, default=1024, help='hidden width of both heads')
    parser.add_argument('--projection', type=int, default=256, help='output width of both heads')
    parser.add_argument('--groups', type=int, default=16, help='groups of every normalisation')
    main('W9', parser, build_model, build_inputs, make_step)
