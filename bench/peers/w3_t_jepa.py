#!/usr/bin/env python3
"""W3: T-JEPA step, 15 numeric columns + [REG] = 16 tokens of width 64, batch 256, AdamW, EMA target encoder.

State   {context,target}.tokenizer.weight [tokens, d] (row 0 is [REG]), .bias [columns, d]
        {context,target}.layers.N.*   torch.nn.TransformerEncoderLayer's names (post-norm, ReLU)
        {context,target}.norm1.*, .linear.*, .norm2.*
        predictor.embed.*, .mask_token [d], .layers.N.*, .norm.*, .project.*
Inputs  rows              float32 [batch, columns]
        context_tokens    int64 [batch, context]: indices of the tokens the context encoder sees (0 = [REG])
        target_tokens     int64 [targets, batch, predicted]: indices to predict, one predictor pass per target
Step    loss = mean squared error of the predicted latents; AdamW lr 1e-3, decay 0.01 on matrices that are no biases; tau 0.996.
Both kinds of token get the fixed sin-cos position code with base 100. There is no dropout.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from common import argument_parser, compiled, main


def position_code(tokens, width):
    """[tokens, width]: sine on even, cosine on odd channels, frequencies exp(-2 i ln 100 / width)."""
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(100) / width))
    angles = torch.arange(tokens)[:, None] * frequencies
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


def transformer_layers(width, heads, feed_forward, count):
    return nn.ModuleList(
        nn.TransformerEncoderLayer(width, heads, feed_forward, dropout=0.0, batch_first=True) for _ in range(count))


def gather_tokens(sequence, indices):
    """Rows of sequence [batch, tokens, width] at indices [batch, count]."""
    return sequence.gather(1, indices[..., None].expand(-1, -1, sequence.shape[-1]))


class Tokenizer(nn.Module):
    """Numeric columns [batch, columns] to tokens [batch, 1 + columns, width], [REG] first."""

    def __init__(self, columns, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1 + columns, width))
        self.bias = nn.Parameter(torch.empty(columns, width))
        for parameter in (self.weight, self.bias):
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5))

    def forward(self, rows):
        scale = F.pad(rows, (1, 0), value=1.0)
        return scale[..., None] * self.weight + F.pad(self.bias, (0, 0, 1, 0))


class Encoder(nn.Module):
    """Tokens, transformer, then LN, Linear, LN; with `keep`, only those tokens enter the transformer."""

    def __init__(self, columns, width, heads, feed_forward, depth):
        super().__init__()
        self.tokenizer = Tokenizer(columns, width)
        self.layers = transformer_layers(width, heads, feed_forward, depth)
        self.norm1 = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.register_buffer('positions', position_code(1 + columns, width), persistent=False)

    def forward(self, rows, keep=None):
        x = self.tokenizer(rows) + self.positions
        if keep is not None:
            x = gather_tokens(x, keep)
        for layer in self.layers:
            x = layer(x)
        return self.norm2(self.linear(self.norm1(x)))


class Predictor(nn.Module):
    """Latents at the target positions from the context's latents."""

    def __init__(self, tokens, width, inner, heads, feed_forward, depth):
        super().__init__()
        self.embed = nn.Linear(width, inner)
        self.mask_token = nn.Parameter(torch.empty(inner))
        self.layers = transformer_layers(inner, heads, feed_forward, depth)
        self.norm = nn.LayerNorm(inner)
        self.project = nn.Linear(inner, width)
        self.register_buffer('positions', position_code(tokens, inner), persistent=False)
        nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, context, context_tokens, target_tokens):
        """context [batch, context, width], indices [batch, count] -> [batch, predicted, width]."""
        known = self.embed(context) + self.positions[context_tokens]
        x = torch.cat((known, self.mask_token + self.positions[target_tokens]), 1)
        for layer in self.layers:
            x = layer(x)
        return self.project(self.norm(x[:, known.shape[1]:]))


class TJepa(nn.Module):
    """Context encoder, predictor and target encoder; forward gives the loss."""

    def __init__(self, args):
        super().__init__()
        columns = args.tokens - 1
        self.context = Encoder(columns, args.width, args.heads, args.feed_forward, args.layers)
        self.predictor = Predictor(args.tokens, args.width, args.predictor_width, args.heads, args.feed_forward,
                                   args.predictor_layers)
        self.target = copy.deepcopy(self.context).requires_grad_(False)

    def forward(self, rows, context_tokens, target_tokens):
        targets = target_tokens.shape[0]
        with torch.no_grad():
            latents = self.target(rows).repeat(targets, 1, 1)
            latents = gather_tokens(latents, target_tokens.flatten(0, 1))
        context = self.context(rows, context_tokens).repeat(targets, 1, 1)
        predicted = self.predictor(context, context_tokens.repeat(targets, 1), target_tokens.flatten(0, 1))
        return F.mse_loss(predicted, latents)


def build_inputs(args):
    """Context = [REG] and random columns; each target = random columns of the remainder."""
    columns = torch.rand(args.batch, args.tokens - 1).argsort(1) + 1
    context, rest = columns[:, :args.context - 1], columns[:, args.context - 1:]
    picks = torch.rand(args.targets, *rest.shape).argsort(-1)[..., :args.predicted]
    return {
        'rows': torch.randn(args.batch, args.tokens - 1),
        'context_tokens': torch.cat((torch.zeros(args.batch, 1, dtype=torch.int64), context), 1),
        'target_tokens': rest.expand(args.targets, -1, -1).gather(-1, picks),
    }


def make_step(model, args):
    trained = [*model.context.named_parameters(), *model.predictor.named_parameters()]
    decays = [parameter.dim() > 1 and not name.endswith('bias') for name, parameter in trained]
    optimizer = torch.optim.AdamW([
        {'params': [parameter for (_, parameter), decayed in zip(trained, decays) if decayed], 'weight_decay': 0.01},
        {'params': [parameter for (_, parameter), decayed in zip(trained, decays) if not decayed], 'weight_decay': 0.0},
    ], lr=1e-3, fused=True)
    loss_of = compiled(model, args)
    update_average = get_ema_multi_avg_fn(0.996)
    averaged, online = list(model.target.parameters()), list(model.context.parameters())

    def step(rows, context_tokens, target_tokens):
        optimizer.zero_grad()
        loss = loss_of(rows, context_tokens, target_tokens)
        loss.backward()
        optimizer.step()
        update_average(averaged, online, None)
        return loss.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=256, width=64, width_is='width of the encoders')
    parser.add_argument('--tokens', type=int, default=16, help='columns + 1')
    parser.add_argument('--context', type=int, default=8, help='tokens that the context encoder sees, [REG] included')
    parser.add_argument('--targets', type=int, default=4, help='target masks per row')
    parser.add_argument('--predicted', type=int, default=4, help='tokens per target mask')
    parser.add_argument('--layers', type=int, default=4)
    parser.add_argument('--heads', type=int, default=4)
    parser.add_argument('--feed-forward', type=int, default=256)
    parser.add_argument('--predictor-width', type=int, default=64)
    parser.add_argument('--predictor-layers', type=int, default=2)
    main('W3', parser, TJepa, build_inputs, make_step)
