#!/usr/bin/env python3
"""W6: bootstrapped meta-gradient on sinusoid regression, MLP 1-40-40-1, 16 tasks, K = 5, L = 5; meta-Adam.

State   init.{0,2,4}.*   the learned initialisation: Linear, (ReLU), Linear, (ReLU), Linear
        log_lr []        the learned logarithm of the inner learning rate
Inputs  support_x, support_y, query_x, query_y   float32 [tasks, points, 1]
Step    Flennerhag et al. 2022: K inner SGD steps on the support set with the graph kept; from there, without a graph,
        L - 1 more, and one on the query set with step alpha 0.01; the matching loss is the mean squared difference of
        the two learners' predictions on the query set. Adam lr 1e-3 on init and log_lr.
"""

import math

import torch
from torch import nn

from common import argument_parser, compiled, main

LAYERS = ('0', '2', '4')


class Meta(nn.Module):
    """The meta-parameters."""

    def __init__(self, args):
        super().__init__()
        self.init = nn.Sequential(
            nn.Linear(1, args.width), nn.ReLU(), nn.Linear(args.width, args.width), nn.ReLU(), nn.Linear(args.width, 1))
        self.log_lr = nn.Parameter(torch.tensor(math.log(0.01)))


def build_inputs(args):
    """Sinusoids of amplitude 0.1..5 and phase 0..pi on [-5, 5] (Finn et al. 2017)."""
    amplitude = torch.rand(args.batch, 1, 1) * 4.9 + 0.1
    phase = torch.rand(args.batch, 1, 1) * math.pi
    support, query = torch.rand(2, args.batch, args.points, 1) * 10 - 5
    return {
        'support_x': support, 'support_y': amplitude * torch.sin(support - phase),
        'query_x': query, 'query_y': amplitude * torch.sin(query - phase),
    }


def predict(learners, x):
    """All tasks' MLPs at once: parameters [tasks, out, in] and [tasks, out], x [tasks, points, 1]."""
    for layer in LAYERS:
        weight, bias = learners[f'{layer}.weight'], learners[f'{layer}.bias']
        x = torch.baddbmm(bias[:, None], x, weight.mT)
        if layer != LAYERS[-1]:
            x = x.relu()
    return x


def task_losses(learners, x, y):
    """Sum over tasks of the mean squared error: its gradient is each task's own."""
    return (predict(learners, x) - y).square().mean((1, 2)).sum()


def gradients(learners, x, y):
    """Of the tasks' losses; differentiable again unless gradients are off.

    torch.func is what torch.compile can trace through; without it, autograd.grad has less overhead.
    """
    if torch.compiler.is_compiling():
        return torch.func.grad(task_losses)(learners, x, y)
    keep_graph = torch.is_grad_enabled()
    if not keep_graph:
        learners = {name: parameter.detach().requires_grad_() for name, parameter in learners.items()}
    with torch.enable_grad():
        loss = task_losses(learners, x, y)
    return dict(zip(learners, torch.autograd.grad(loss, list(learners.values()), create_graph=keep_graph)))


def descend(learners, rate, x, y):
    """One SGD step of every task's learner."""
    direction = gradients(learners, x, y)
    return {name: parameter - rate * direction[name] for name, parameter in learners.items()}


def make_step(meta, args):
    init = dict(meta.init.named_parameters())

    def loss(support_x, support_y, query_x, query_y):
        rate = meta.log_lr.exp()
        learners = {name: parameter.expand(args.batch, *parameter.shape) for name, parameter in init.items()}
        for _ in range(args.inner):
            learners = descend(learners, rate, support_x, support_y)
        with torch.no_grad():
            target = learners
            for _ in range(args.bootstrap - 1):
                target = descend(target, rate, support_x, support_y)
            goal = predict(descend(target, 0.01, query_x, query_y), query_x)
        return (goal - predict(learners, query_x)).square().mean()

    loss_of = compiled(loss, args)
    optimizer = torch.optim.Adam(meta.parameters(), lr=1e-3, fused=True)

    def step(**inputs):
        optimizer.zero_grad()
        value = loss_of(**inputs)
        value.backward()
        optimizer.step()
        return value.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=16, width=40, width_is='hidden units')
    parser.add_argument('--points', type=int, default=10, help='examples per support and query set')
    parser.add_argument('--inner', type=int, default=5, help='K, inner steps with a graph')
    parser.add_argument('--bootstrap', type=int, default=5, help='L, steps of the target')
    parser.set_defaults(steps=200, warmup=20)
    main('W6', parser, Meta, build_inputs, make_step)
