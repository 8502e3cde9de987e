#!/usr/bin/env python3
"""W8: SwAV step of a CIFAR-style ResNet-18 with lightly's head, prototypes and loss, batch 64 x (2 crops of 32x32, 4 of 16x16), SGD.

State   encoder.*              torchvision's resnet18 names, as in W1
        projector.{0,1,3}.*    Linear 512-2048 without bias, BatchNorm, (ReLU), Linear 2048-128
        prototypes.weight      [512, 128]; without lightly's bias, which the paper does not have
Inputs  large   float32 [2 batch, 3, size, size], crop by crop
        small   float32 [crops batch, 3, small, small], crop by crop
Step    crops of one size go through the encoder together; Sinkhorn with epsilon 0.05 and 3 rounds, temperature 0.1; SGD lr 0.05,
        momentum 0.9, no decay, on all parameters; then prototypes of length 1.
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import argument_parser, compiled, from_lightly, main
from w1_byol_resnet18 import CifarResNet18


class SwaV(nn.Module):
    def __init__(self, encoder, projector, prototypes, loss, crops):
        super().__init__()
        self.encoder, self.projector, self.prototypes, self.loss, self.crops = encoder, projector, prototypes, loss, crops

    def forward(self, large, small):
        return self.loss(self.scores(large).chunk(2), self.scores(small).chunk(self.crops)).squeeze()

    def scores(self, crops):
        return self.prototypes(F.normalize(self.projector(self.encoder(crops)), dim=1))


def build_model(args):
    heads, loss = from_lightly('models.modules.heads'), from_lightly('loss')
    prototypes = heads.SwaVPrototypes(args.projection, args.prototypes).heads[0]
    prototypes.bias = None
    return SwaV(
        CifarResNet18(args.width), heads.SwaVProjectionHead(8 * args.width, args.hidden, args.projection).layers, prototypes,
        loss.SwaVLoss(), args.crops,
    )


def build_inputs(args):
    return {
        'large': torch.randn(2 * args.batch, 3, args.size, args.size),
        'small': torch.randn(args.crops * args.batch, 3, args.small, args.small),
    }


def make_step(model, args):
    loss_of = compiled(model, args)
    normalize_weight = from_lightly('models.utils').normalize_weight
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)

    def step(large, small):
        optimizer.zero_grad()
        loss = loss_of(large, small)
        loss.backward()
        optimizer.step()
        normalize_weight(model.prototypes.weight)
        return loss.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=64, width=64, width_is='channels of the first stage')
    parser.add_argument('--size', type=int, default=32, help='side of the large crops')
    parser.add_argument('--small', type=int, default=16, help='side of the small crops')
    parser.add_argument('--crops', type=int, default=4, help='small crops')
    parser.add_argument('--hidden', type=int, default=2048, help='hidden width of the projector')
    parser.add_argument('--projection', type=int, default=128, help='output width of the projector')
    parser.add_argument('--prototypes', type=int, default=512)
    main('W8', parser, build_model, build_inputs, make_step)
