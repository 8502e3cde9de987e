#!/usr/bin/env python3
"""DDIM: sampling with the U-Net of W4 (Song et al. 2021, eta 0), 25 steps from noise to 32 images of 3x32x32.

State   as of W4
Inputs  noise   float32 [batch, 3, size, size], x at timestep 1000
Step    for k = 1000, 960, ..., 40, with kept(k) the product of the first k of 1 - beta, betas linear 1e-4..0.02:
        clean = (x - sqrt(1 - kept(k)) net(x, k)) / sqrt(kept(k)), and x at k - 40 from it and the same predicted noise.
        The loss is the mean square of the images, to be compared; nothing is trained.
"""

import torch
from safetensors.torch import save_file

from common import argument_parser, compiled, main
from w4_ddpm_unet import TIMESTEPS, UNet


def build_model(args):
    return UNet(args.width).eval()


def build_inputs(args):
    return {'noise': torch.randn(args.batch, 3, args.size, args.size)}


def make_step(model, args):
    network = compiled(model, args)
    kept = torch.cat((torch.ones(1), torch.cumprod(1 - torch.linspace(1e-4, 0.02, TIMESTEPS, dtype=torch.float64), 0)))
    timesteps = torch.linspace(TIMESTEPS, 0, args.evaluations + 1).round().int().tolist()

    @torch.inference_mode()
    def step(noise):
        x = noise
        for here, there in zip(timesteps, timesteps[1:]):
            predicted = network(x, torch.full((len(x),), here))
            clean = (x - (1 - kept[here]).sqrt() * predicted) / kept[here].sqrt()
            x = kept[there].sqrt() * clean + (1 - kept[there]).sqrt() * predicted
        if args.images:
            save_file({'images': x.contiguous()}, args.images)
        return x.square().mean()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=32, width=64, width_is='base channels, a multiple of 8')
    parser.add_argument('--size', type=int, default=32, help='image side, a multiple of 4')
    parser.add_argument('--evaluations', type=int, default=25, help='steps of the sampler, a divisor of 1000')
    parser.add_argument('--images', metavar='FILE', help='write the images there')
    main('DDIM', parser, build_model, build_inputs, make_step)
