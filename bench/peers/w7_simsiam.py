#!/usr/bin/env python3
"""W7: SimSiam step of a CIFAR-style ResNet-18 with lightly's heads and loss, two views x batch 64 of 3x32x32, SGD with momentum.

State   encoder.*                    torchvision's resnet18 names, as in W1
        projector.{0,1,3,4,6,7}.*    Linear 512-2048, BatchNorm, (ReLU), Linear, BatchNorm, (ReLU), Linear, BatchNorm without affine;
                                     no linear layer has a bias
        predictor.{0,1,3}.*          Linear 2048-512 without bias, BatchNorm, (ReLU), Linear 512-2048
Inputs  view1, view2   float32 [batch, 3, size, size]
Step    loss = (D(p1, z2) + D(p2, z1)) / 2, D the negative cosine, no gradient through z; SGD lr 0.05, momentum 0.9, no decay.
        The loss is reported plus 1, between 0 and 2: how far a cosine near 0 is off relatively says nothing.
"""

import torch
from torch import nn

from common import argument_parser, compiled, from_lightly, main
from w1_byol_resnet18 import CifarResNet18


class SimSiam(nn.Module):
    def __init__(self, encoder, projector, predictor, negative_cosine):
        super().__init__()
        self.encoder, self.projector, self.predictor, self.negative_cosine = encoder, projector, predictor, negative_cosine

    def forward(self, view1, view2):
        (p1, z1), (p2, z2) = self.both(view1), self.both(view2)
        return 0.5 * (self.negative_cosine(p1, z2) + self.negative_cosine(p2, z1))

    def both(self, view):
        projection = self.projector(self.encoder(view))
        return self.predictor(projection), projection.detach()


def build_model(args):
    heads, loss = from_lightly('models.modules.heads'), from_lightly('loss')
    return SimSiam(
        CifarResNet18(args.width),
        heads.SimSiamProjectionHead(8 * args.width, args.hidden, args.projection).layers,
        heads.SimSiamPredictionHead(args.projection, args.bottleneck, args.projection).layers,
        loss.NegativeCosineSimilarity(),
    )


def build_inputs(args):
    shape = (args.batch, 3, args.size, args.size)
    return {'view1': torch.randn(shape), 'view2': torch.randn(shape)}


def make_step(model, args):
    loss_of = compiled(model, args)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)

    def step(view1, view2):
        optimizer.zero_grad()
        loss = loss_of(view1, view2)
        loss.backward()
        optimizer.step()
        return 1 + loss.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=64, width=64, width_is='channels of the first stage')
    parser.add_argument('--size', type=int, default=32, help='image side')
    parser.add_argument('--hidden', type=int, default=2048, help='hidden width of the projector')
    parser.add_argument('--projection', type=int, default=2048, help='output width of both heads')
    parser.add_argument('--bottleneck', type=int, default=512, help='hidden width of the predictor')
    main('W7', parser, build_model, build_inputs, make_step)
