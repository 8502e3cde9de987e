#!/usr/bin/env python3
"""W5: TD3+BC update with two hidden layers of 256, batch 256; critics and actor in every step, Adam, EMA targets.

State   actor.{0,2,4}.*   Linear, (ReLU), Linear, (ReLU), Linear, (tanh): observation -> action in [-1, 1]
        critic1.{0,2,4}.*, critic2.{0,2,4}.*   Linear, (ReLU), Linear, (ReLU), Linear: [observation, action] -> value
        target_actor.*, target_critic1.*, target_critic2.*
Inputs  observations, next_observations [batch, observation], actions [batch, action], rewards, discounts [batch]
        (gamma times 1 - terminal), noise [batch, action] (standard normal, for the target policy); all float32
Step    Fujimoto and Gu 2021: critics, then the actor against the updated first critic (alpha 2.5), then tau 0.005
        on all three targets; Adam lr 3e-4; target noise 0.2 clipped at 0.5. The reported loss is the critics' plus the
        actor's.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from common import argument_parser, compiled, main

NAMES = ('actor', 'critic1', 'critic2')


def mlp(inputs, hidden, outputs):
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def build_model(args):
    networks = nn.ModuleDict({
        'actor': mlp(args.observation, args.width, args.action).append(nn.Tanh()),
        'critic1': mlp(args.observation + args.action, args.width, 1),
        'critic2': mlp(args.observation + args.action, args.width, 1),
    })
    for name in NAMES:
        networks[f'target_{name}'] = copy.deepcopy(networks[name]).requires_grad_(False)
    return networks


def build_inputs(args):
    return {
        'observations': torch.randn(args.batch, args.observation),
        'actions': torch.rand(args.batch, args.action) * 2 - 1,
        'rewards': torch.randn(args.batch),
        'next_observations': torch.randn(args.batch, args.observation),
        'discounts': 0.99 * (torch.rand(args.batch) > 0.05),
        'noise': torch.randn(args.batch, args.action),
    }


def value(critic, observations, actions):
    return critic(torch.cat((observations, actions), -1)).squeeze(-1)


def make_step(networks, args):
    def critic_loss(observations, actions, rewards, next_observations, discounts, noise):
        with torch.no_grad():
            jitter = (0.2 * noise).clamp(-0.5, 0.5)
            next_actions = (networks.target_actor(next_observations) + jitter).clamp(-1, 1)
            next_value = torch.minimum(
                value(networks.target_critic1, next_observations, next_actions),
                value(networks.target_critic2, next_observations, next_actions))
            target = rewards + discounts * next_value
        return (F.mse_loss(value(networks.critic1, observations, actions), target)
                + F.mse_loss(value(networks.critic2, observations, actions), target))

    def actor_loss(observations, actions):
        proposed = networks.actor(observations)
        values = value(networks.critic1, observations, proposed)
        scale = 2.5 / values.detach().abs().mean()
        return F.mse_loss(proposed, actions) - scale * values.mean()

    critic_loss, actor_loss = compiled(critic_loss, args), compiled(actor_loss, args)
    critic_parameters = [*networks.critic1.parameters(), *networks.critic2.parameters()]
    actor_parameters = list(networks.actor.parameters())
    critic_optimizer = torch.optim.Adam(critic_parameters, lr=3e-4, fused=True)
    actor_optimizer = torch.optim.Adam(actor_parameters, lr=3e-4, fused=True)
    update_average = get_ema_multi_avg_fn(0.995)
    averaged = [parameter for name in NAMES for parameter in networks[f'target_{name}'].parameters()]
    online = [parameter for name in NAMES for parameter in networks[name].parameters()]

    def step(observations, actions, **others):
        critic_optimizer.zero_grad()
        critics = critic_loss(observations, actions, **others)
        critics.backward()
        critic_optimizer.step()
        actor_optimizer.zero_grad()
        actor = actor_loss(observations, actions)
        actor.backward(inputs=actor_parameters)  # leaves the critic's weight gradients out
        actor_optimizer.step()
        update_average(averaged, online, None)
        return (critics + actor).detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=256, width=256, width_is='hidden units of all networks')
    parser.add_argument('--observation', type=int, default=17, help='size of an observation')
    parser.add_argument('--action', type=int, default=6, help='size of an action')
    parser.set_defaults(steps=200, warmup=20)
    main('W5', parser, build_model, build_inputs, make_step)
