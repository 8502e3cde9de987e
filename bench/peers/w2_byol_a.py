#!/usr/bin/env python3
"""W2: BYOL-A step of the v1 audio encoder, two views x batch 64 of 1x64x96 log-mel, Adam, EMA target.

State   {online,target}.encoder.features.{0,1,4,5,8,9}.*   three times Conv 3x3 with bias, BatchNorm (ReLU, MaxPool)
        {online,target}.encoder.fc.{0,3}.*                 Linear, (ReLU, Dropout), Linear, (ReLU) on every frame
        {online,target}.projector.{0,1,3}.*, online.predictor.{0,1,3}.*   Linear, BatchNorm, (ReLU), Linear with bias
Inputs  view1, view2   float32 [batch, 1, mels, frames]
Step    loss = both directions summed; Adam lr 3e-4; tau 0.99 after it. Dropout is 0 unless asked for (the paper's
        is 0.3): its draws could not be shared with byo.
"""

import torch
from torch import nn

from byol import Byol, byol_step, head
from common import argument_parser, main


class AudioEncoder(nn.Module):
    """AudioNTT2020 (Niizumi et al. 2021); log-mel [batch, 1, mels, frames] to features [batch, dim]."""

    def __init__(self, channels, mels, dim, dropout):
        super().__init__()
        self.features = nn.Sequential(
            *conv_block(1, channels), *conv_block(channels, channels), *conv_block(channels, channels))
        self.fc = nn.Sequential(
            nn.Linear(channels * (mels // 8), dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, dim), nn.ReLU())

    def forward(self, spectrogram):
        x = self.features(spectrogram)
        x = self.fc(x.permute(0, 3, 2, 1).flatten(2))  # [batch, time, mel * channel]
        return x.amax(1) + x.mean(1)


def conv_block(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), nn.MaxPool2d(2)


def build_model(args):
    return Byol(
        AudioEncoder(args.width, args.mels, args.dim, args.dropout),
        head(args.dim, args.hidden, args.projection, last_bias=True),
        head(args.projection, args.hidden, args.projection, last_bias=True),
    )


def build_inputs(args):
    shape = (args.batch, 1, args.mels, args.frames)
    return {'view1': torch.randn(shape), 'view2': torch.randn(shape)}


def make_step(model, args):
    optimizer = torch.optim.Adam(model.online.parameters(), lr=3e-4, fused=True)
    return byol_step(model, optimizer, 0.99, args)


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=64, width=64, width_is='channels of the conv blocks')
    parser.add_argument('--mels', type=int, default=64)
    parser.add_argument('--frames', type=int, default=96)
    parser.add_argument('--dim', type=int, default=512, help='width of the frame MLP and of the features')
    parser.add_argument('--hidden', type=int, default=4096, help='hidden width of both heads')
    parser.add_argument('--projection', type=int, default=256, help='output width of both heads')
    parser.add_argument('--dropout', type=float, default=0.0)
    main('W2', parser, build_model, build_inputs, make_step)
