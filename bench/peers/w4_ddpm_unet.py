#!/usr/bin/env python3
"""W4: DDPM step of a U-Net on 3x32x32, 64 base channels x (1, 2, 2), GroupNorm + SiLU, batch 32, Adam.

State   time.{0,2}.*                Linear ch-4ch, (SiLU), Linear 4ch-4ch on the sinusoidal code of the timestep
        conv_in.*, down.N.0.*, downsample.N.*   N = 0, 1, 2; one residual block per level, stride-2 convs between
        mid.0.*, mid.1.*, mid.2.*   residual block, attention (norm, qkv, project), residual block at 8x8
        up.N.0.*, upsample.N.*      N = 0 is the lowest level; each block takes its level's skip as further channels
        norm_out.*, conv_out.*
        a residual block: norm1, conv1, time (Linear 4ch-out), norm2, conv2, shortcut (1x1 where channels change)
Inputs  images, noise   float32 [batch, 3, size, size];   timesteps   int64 [batch], 0..999
Step    loss = mean squared error of the predicted noise (Ho et al. 2020, eq. 14), betas linear 1e-4..0.02;
        Adam lr 2e-4.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from common import argument_parser, compiled, main

GROUPS = 8
TIMESTEPS = 1000


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, time_width, scales=False):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time_width, 2 * outputs if scales else outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.scales = scales

    def forward(self, x, time):
        y = self.conv1(F.silu(self.norm1(x)))
        told = self.time(F.silu(time))[:, :, None, None]
        if self.scales:
            scale, shift = told.chunk(2, dim=1)
            y = self.norm2(y) * (1 + scale) + shift
        else:
            y = self.norm2(y + told)
        return self.shortcut(x) + self.conv2(F.silu(y))


class Attention(nn.Module):
    """Self-attention over the positions of a feature map, with a residual connection."""

    def __init__(self, channels, heads=1):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.heads = heads

    def forward(self, x):
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(tokens).chunk(3, dim=-1))
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return x + self.project(attended).transpose(1, 2).reshape(x.shape)


class Stage(ResidualBlock):
    """A residual block, followed by attention where it is asked for."""

    def __init__(self, inputs, outputs, time_width, scales, heads):
        super().__init__(inputs, outputs, time_width, scales)
        self.attention = Attention(outputs, heads) if heads else None

    def forward(self, x, time):
        y = super().forward(x, time)
        return self.attention(y) if self.attention else y


class UNet(nn.Module):
    """Noisy images [batch, 3, size, size] and timesteps [batch] to the predicted noise."""

    def __init__(self, channels, multipliers=(1, 2, 2), blocks=1, scales=False, heads=1, attended_levels=()):
        super().__init__()
        widths = [channels * multiplier for multiplier in multipliers]
        time_width, lowest = 4 * channels, widths[-1]

        def stage(level, inputs):
            return Stage(inputs, widths[level], time_width, scales, heads if level in attended_levels else 0)

        levels = range(len(widths))
        self.time = nn.Sequential(nn.Linear(channels, time_width), nn.SiLU(), nn.Linear(time_width, time_width))
        self.conv_in = nn.Conv2d(3, channels, 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList(stage(level, widths[level] if block else [channels, *widths][level]) for block in range(blocks))
            for level in levels)
        self.downsample = nn.ModuleList(nn.Conv2d(width, width, 3, 2, padding=1) for width in widths[:-1])
        self.mid = nn.ModuleList((
            ResidualBlock(lowest, lowest, time_width, scales), Attention(lowest, heads),
            ResidualBlock(lowest, lowest, time_width, scales)))
        self.up = nn.ModuleList(
            nn.ModuleList(stage(level, widths[level] + (widths[level] if block else [*widths, lowest][level + 1]))
                          for block in range(blocks))
            for level in reversed(levels))
        self.upsample = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in reversed(widths[1:]))
        self.norm_out = nn.GroupNorm(GROUPS, channels)
        self.conv_out = nn.Conv2d(channels, 3, 3, padding=1)
        frequencies = torch.exp(torch.arange(channels // 2) * (-math.log(10000) / (channels // 2)))
        self.register_buffer('frequencies', frequencies, persistent=False)

    def forward(self, x, timesteps):
        angles = timesteps[:, None] * self.frequencies
        time = self.time(torch.cat((angles.sin(), angles.cos()), -1))
        x, skips = self.conv_in(x), []
        for level, blocks in enumerate(self.down):
            for block in blocks:
                x = block(x, time)
                skips.append(x)
            if level < len(self.downsample):
                x = self.downsample[level](x)
        before, attention, after = self.mid
        x = after(attention(before(x, time)), time)
        for level, blocks in enumerate(self.up):
            for block in blocks:
                x = block(torch.cat((x, skips.pop()), 1), time)
            if level < len(self.upsample):
                x = self.upsample[level](F.interpolate(x, scale_factor=2, mode='nearest'))
        return self.conv_out(F.silu(self.norm_out(x)))


def build_model(args):
    return UNet(args.width)


def build_inputs(args):
    shape = (args.batch, 3, args.size, args.size)
    return {
        'images': torch.rand(shape) * 2 - 1,
        'noise': torch.randn(shape),
        'timesteps': torch.randint(TIMESTEPS, (args.batch,)),
    }


def make_step(model, args):
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, fused=True)
    signal = torch.cumprod(1 - torch.linspace(1e-4, 0.02, TIMESTEPS), 0)

    def loss(images, noise, timesteps):
        kept = signal[timesteps][:, None, None, None]
        return F.mse_loss(model(kept.sqrt() * images + (1 - kept).sqrt() * noise, timesteps), noise)

    loss_of = compiled(loss, args)

    def step(images, noise, timesteps):
        optimizer.zero_grad()
        value = loss_of(images, noise, timesteps)
        value.backward()
        optimizer.step()
        return value.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=32, width=64, width_is='base channels, a multiple of 8')
    parser.add_argument('--size', type=int, default=32, help='image side, a multiple of 4')
    main('W4', parser, build_model, build_inputs, make_step)
