#!/usr/bin/env python3
"""DOCKING: denoising score matching of poses (DiffDock) and a PaiNN-like network; 16 complexes of 75 residues, 4 poses.

State   {online,ema}.receptor.*   residues: scalars and vectors, messages from the nearest ones
        {online,ema}.ligand.*     atoms: messages from residues and from each other
        {online,ema}.scores.*     forces and torques that are read out of them
Inputs  of R complexes with r residues, K neighbours of each, S poses, n atoms, m torsions:
        receptor.{types [R, r], {neighbours,weights,distances} [R, r, K], angles [R, r, K, 3], frames [R, r, 9, K], vectors [R, r, 3, 1]}
        ligand.{features [R, n, 1], mask [R, n], bonds [R, 4, n, n], positions [R, S, n, 3]}, torsions.{from,to,sides [R, m, n]}
        visible.{positions [R, r, 3], mask [R, r]}, times, reach [R, S]
        targets.{tr,rot [R, S, 3], tor [R, S, m]}, weights [R, S, 1], torsions.weights [R, S, m]; lr and ema, scalars
Step    0.33 of the mean squared errors of translation, rotation and torsions; gradients clipped to a norm of 5; AdamW without decay;
        moving average of the weights. Residues' vectors are one each (beads), layers know handedness (cross products).
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from common import argument_parser, compiled, main

TYPES, ATOM_TYPES, ORDERS, TIME = 6, 6, 4, 32
LIGAND_REACH, CONTACT, SOFT = 5.0, 4.0, 0.1
NEAREST, FARTHEST = 1.5, 60.0


class Mix(nn.Module):
    """A linear layer over axis 1 of [B, C, ...]."""

    def __init__(self, inputs, outputs, bias=True):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs, 1).uniform_(-bound, bound)) if bias else None

    def forward(self, x):
        y = self.weight @ x.flatten(2)
        return (y if self.bias is None else y + self.bias).unflatten(2, x.shape[2:])


class Normalize(nn.Module):
    """Layer normalisation over axis 1 of [B, C, N]."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels, 1)), nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + 1e-5) * self.weight + self.bias


class RadialBasis(nn.Module):
    """Gaussians of distances whose centres and widths grow with them, along a new axis."""

    def __init__(self, count):
        super().__init__()
        centres = torch.linspace(math.log(1 + NEAREST), math.log(1 + FARTHEST), count)
        self.scale = -0.5 / ((math.log(1 + FARTHEST) - math.log(1 + NEAREST)) / (count - 1)) ** 2
        self.register_buffer('centres', centres, persistent=False)

    def forward(self, distances, dim):
        shape = [1] * (distances.dim() + 1)
        shape[dim] = -1
        return torch.exp(self.scale * (torch.log1p(distances).unsqueeze(dim) - self.centres.view(shape)).square())


def lengths(vectors, dim=-1, keepdim=True):
    return torch.sqrt(vectors.square().sum(dim, keepdim=keepdim) + 1e-6)


class ReceptorUpdate(nn.Module):
    def __init__(self, ns, nv):
        super().__init__()
        self.left, self.right = nn.Linear(nv, nv, bias=False), nn.Linear(nv, nv, bias=False)
        self.norm = nn.LayerNorm(ns)
        self.add_module('in', nn.Linear(ns + nv, ns))
        self.product, self.scalar = nn.Linear(ns, nv), nn.Linear(ns, ns)
        self.inner, self.vector = nn.Linear(nv, ns, bias=False), nn.Linear(ns, nv)

    def forward(self, s, v):
        left, right = self.left(v), self.right(v)
        seen = F.silu(self.get_submodule('in')(torch.cat((self.norm(s), lengths(right, 1, False)), 1)))
        product = (left * right).sum(1) * self.product(seen)
        return s + self.scalar(seen) + self.inner(product), v + left * self.vector(seen)[:, None]


class ReceptorLayer(nn.Module):
    def __init__(self, ns, nv, edges, groups):
        super().__init__()
        self.norm = nn.LayerNorm(ns)
        self.edge = nn.Linear(edges, ns)
        self.own, self.other = nn.Linear(ns, ns, bias=False), nn.Linear(ns, ns, bias=False)
        self.scalar, self.vector = nn.Linear(ns, ns, bias=False), nn.Linear(groups * ns, nv, bias=False)
        self.update = ReceptorUpdate(ns, nv)

    def forward(self, s, v, edges, weights, frames, neighbours):
        y = self.norm(s)
        hidden = F.silu(self.edge(edges) + self.own(y)[:, None] + self.other(y)[neighbours])
        s = s + self.scalar((weights @ hidden).squeeze(1))
        return self.update(s, v + self.vector((frames @ hidden).reshape(len(s), 3, -1)))


class Receptor(nn.Module):
    def __init__(self, args, groups=3, directions=1):
        super().__init__()
        ns, nv = args.width, args.vectors
        self.types = nn.Embedding(TYPES, ns)
        self.directions = nn.Linear(directions, nv, bias=False)
        self.radial = RadialBasis(args.radial)
        edges = args.radial + 2 * directions + directions ** 2
        self.layers = nn.ModuleList(ReceptorLayer(ns, nv, edges, groups) for _ in range(args.receptor_layers))

    def forward(self, given):
        shape = given['receptor.types'].shape
        s = self.types(given['receptor.types']).flatten(0, 1)
        v = self.directions(given['receptor.vectors'].flatten(0, 1))
        edges = torch.cat((self.radial(given['receptor.distances'], 3), given['receptor.angles']), 3).flatten(0, 1)
        weights, frames, neighbours = (given[f'receptor.{name}'].flatten(0, 1) for name in ('weights', 'frames', 'neighbours'))
        for layer in self.layers:
            s, v = layer(s, v, edges, weights[:, None], frames, neighbours)
        return s.unflatten(0, shape), v.unflatten(0, shape).transpose(2, 3)


class Pairs:
    """What listeners [B, N, 3] and speakers [B, K, 3] have in common."""

    def __init__(self, radial, distances, within, bonds=None):
        basis = radial(distances, 1)
        self.edges = basis if bonds is None else torch.cat((basis, bonds), 1)
        self.weights = (within / (1 + (distances / CONTACT).square()))[:, None]
        self.inverse = torch.rsqrt(distances.square() + SOFT ** 2)[:, None]
        self.share = 1 / self.weights.sum(3).clamp(min=1e-6)


class Messages(nn.Module):
    def __init__(self, ns, nv, edges, with_vectors):
        super().__init__()
        self.time = Mix(TIME, ns, bias=False)
        self.edge = Mix(edges, ns)
        self.own, self.other = Mix(ns, ns, bias=False), Mix(ns, ns, bias=False)
        self.scalar, self.direction = Mix(ns, ns, bias=False), Mix(ns, nv, bias=False)
        if with_vectors:
            self.vector, self.cross = Mix(ns, nv, bias=False), Mix(ns, nv, bias=False)

    def forward(self, listeners, speakers, pairs, told):
        (s, x), (other_s, other_v, other_x) = listeners, speakers
        hidden = F.silu(self.edge(pairs.edges) + (self.own(s) + told)[..., None] + self.other(other_s)[:, :, None]) * pairs.weights
        ds = self.scalar(hidden.sum(3) * pairs.share)
        near, share, x = hidden * pairs.inverse, pairs.share[..., None], x[:, None]
        pulls = near.flatten(1, 2) @ F.pad(other_x, (0, 1), value=1.0)
        ends, starts = pulls.unflatten(1, near.shape[1:3]).split((3, 1), 3)
        dv = self.direction((ends - starts * x) * share)
        if other_v is None:
            return ds, dv
        dv = dv + (self.vector(hidden) @ other_v) * share
        turned = torch.cat((torch.linalg.cross(other_v, other_x[:, None].expand_as(other_v)), other_v), 3)
        far, close = (self.cross(near) @ turned).split((3, 3), 3)
        return ds, dv + (far - torch.linalg.cross(close, x.expand_as(close))) * share


class Update(nn.Module):
    def __init__(self, ns, nv):
        super().__init__()
        self.left, self.right = Mix(nv, nv, bias=False), Mix(nv, nv, bias=False)
        self.norm = Normalize(ns)
        self.add_module('in', Mix(ns + nv, ns))
        self.product, self.scalar = Mix(ns, nv), Mix(ns, ns)
        self.inner, self.vector = Mix(nv, ns, bias=False), Mix(ns, nv)

    def forward(self, s, v):
        left, right = self.left(v), self.right(v)
        seen = F.silu(self.get_submodule('in')(torch.cat((self.norm(s), lengths(right, 3, False)), 1)))
        product = (left * right).sum(3) * self.product(seen)
        return s + self.scalar(seen) + self.inner(product), v + left * self.vector(seen)[..., None]


class LigandLayer(nn.Module):
    def __init__(self, ns, nv, radial, first):
        super().__init__()
        self.norm = Normalize(ns)
        self.residues = Messages(ns, nv, radial, True)
        self.atoms = Messages(ns, nv, radial + ORDERS, not first)
        self.update = Update(ns, nv)


class Ligand(nn.Module):
    def __init__(self, args):
        super().__init__()
        ns, nv = args.width, args.vectors
        self.features = nn.Embedding(ATOM_TYPES, ns)
        self.time = Mix(TIME, ns)
        self.radial = RadialBasis(args.radial)
        self.layers = nn.ModuleList(LigandLayer(ns, nv, args.radial, i == 0) for i in range(args.layers))
        self.norm = Normalize(ns)
        self.register_buffer('frequencies', 1000 * 10000 ** -torch.linspace(0, 1, TIME // 2), persistent=False)

    def forward(self, receptor, given):
        graphs, poses, atoms = given['ligand.positions'].shape[:3]
        visible = given['visible.mask']
        middle = (given['visible.positions'] * visible[..., None]).sum(1, keepdim=True) / visible.sum(1).clamp(min=1)[:, None, None]
        residues = (receptor[0].transpose(1, 2), receptor[1].transpose(1, 2), given['visible.positions'] - middle)
        positions = given['ligand.positions'] - middle[:, None]
        x, own = positions.flatten(1, 2), positions.flatten(0, 1)

        def apart(y):
            return y.unflatten(2, (poses, atoms)).transpose(1, 2).flatten(0, 1)

        def together(y):
            return y.unflatten(0, (graphs, poses)).transpose(1, 2).flatten(2, 3)

        def every_pose(y):
            return y.repeat_interleave(poses, 0)

        distances = distances_between(x, residues[2])
        within = (given['reach'].repeat_interleave(atoms, 1)[..., None] > distances) * visible[:, None]
        contacts = Pairs(self.radial, distances, within)
        distances, bonds = distances_between(own, own), every_pose(given['ligand.bonds'])
        near = torch.maximum((distances < LIGAND_REACH).float(), bonds.sum(1))
        others = (1 - torch.eye(atoms)) * every_pose(given['ligand.mask'])[:, None]
        inner = Pairs(self.radial, distances, near * others, bonds)

        angles = self.frequencies[:, None] * given['times'][:, None]
        time = torch.cat((angles.sin(), angles.cos()), 1)
        embedded = self.features(given['ligand.features']).sum(2).transpose(1, 2)
        s = embedded.repeat(1, 1, poses) + self.time(time).repeat_interleave(atoms, 2)
        v = None
        for layer in self.layers:
            y = layer.norm(s)
            told = [messages.time(time).repeat_interleave(atoms, 2) for messages in (layer.residues, layer.atoms)]
            ds, dv = layer.residues((y, x), residues, contacts, told[0])
            within_pose = (apart(y), None if v is None else apart(v), own)
            more_s, more_v = layer.atoms((within_pose[0], own), within_pose, inner, apart(told[1]))
            dv = dv + together(more_v)
            s, v = layer.update(s + ds + together(more_s), dv if v is None else v + dv)
        return self.norm(s).unflatten(2, (poses, atoms)), v.unflatten(2, (poses, atoms)), time, positions


def distances_between(a, b):
    """[B, N, K], without the matrix product that loses digits."""
    return (a[:, :, None] - b[:, None]).square().sum(-1).sqrt()


class Head(nn.Module):
    """Layers named `in` and others after it."""

    def __init__(self, inputs, ns, **outputs):
        super().__init__()
        self.add_module('in', Mix(inputs, ns))
        for name, width in outputs.items():
            self.add_module(name, Mix(ns, width))

    def hidden(self, x, told):
        return F.silu(self.get_submodule('in')(x) + told)


class Scores(nn.Module):
    def __init__(self, ns, nv):
        super().__init__()
        self.time = Mix(TIME, ns, bias=False)
        self.gates = Head(ns, ns, force=nv, turn=nv)
        self.tr, self.rot, self.tor = Head(1, ns, out=1), Head(1, ns, out=1), Head(ns + 1, ns, out=1)

    def forward(self, states, given):
        scalars, vectors, time, x = states
        mask = given['ligand.mask'][:, None, :, None]
        per_atom = 1 / given['ligand.mask'].sum(1).clamp(min=1)[:, None, None]
        told = self.time(time)
        hidden = self.gates.hidden(scalars, told[..., None])
        force, turn = ((vectors * gate(hidden)[..., None]).sum(1) * mask for gate in (self.gates.force, self.gates.turn))
        arms = x - (x * mask).sum(2, keepdim=True) * per_atom[..., None]
        gyration = torch.sqrt((arms.square() * mask).sum((2, 3))[..., None] * per_atom + 1e-6)
        tr = force.sum(2) * per_atom
        rot = torch.linalg.cross(arms, turn).sum(2) * per_atom / (gyration + 1)

        def rescaled(head, vector):
            length = lengths(vector)
            return vector / length * head.out(head.hidden(length.transpose(1, 2), told)).transpose(1, 2)

        start, end, sides = (given[f'torsions.{name}'] for name in ('from', 'to', 'sides'))
        pivot = end[:, None] @ arms
        bond = start[:, None] @ arms - pivot
        torque = sides[:, None] @ torch.linalg.cross(arms, turn) - torch.linalg.cross(pivot, sides[:, None] @ turn)
        q = (bond / lengths(bond) * torque).sum(3) * per_atom
        ends = scalars @ (start + end)[:, None].transpose(2, 3)
        seen = torch.cat((ends, torch.sqrt(q.square() + 1e-6)[:, None]), 1)
        tor = q * self.tor.out(self.tor.hidden(seen, told[..., None])).squeeze(1)
        return {'tr': rescaled(self.tr, tr), 'rot': rescaled(self.rot, rot), 'tor': tor}


class Network(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.receptor, self.ligand, self.scores = Receptor(args), Ligand(args), Scores(args.width, args.vectors)

    def forward(self, given):
        """The loss."""
        said = self.scores(self.ligand(self.receptor(given), given), given)
        error = {name: (value - given[f'targets.{name}']).square() for name, value in said.items()}
        weights, turning = given['weights'], given['torsions.weights']
        count = 3 * weights.sum().clamp(min=1)
        rigid = ((error['tr'] + error['rot']) * weights).sum() / count
        return 0.33 * (rigid + (error['tor'] * turning).sum() / turning.sum().clamp(min=1))


class Docking(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.online = Network(args)
        self.ema = copy.deepcopy(self.online).requires_grad_(False)


def one_hot(indices, count):
    return F.one_hot(indices, count).float()


def build_inputs(args):
    graphs, poses, atoms, nodes, k, m = args.batch, args.poses, args.atoms, args.nodes, args.neighbours, args.torsions
    offsets = nodes * torch.arange(graphs)[:, None, None]
    bonds = torch.diag_embed(torch.ones(atoms - 1), 1)
    end = torch.randint(1, atoms, (graphs, m))
    return {
        'receptor.types': torch.randint(0, TYPES, (graphs, nodes)),
        'receptor.neighbours': torch.randint(0, nodes, (graphs, nodes, k)) + offsets,
        'receptor.weights': torch.full((graphs, nodes, k), 1 / k),
        'receptor.distances': torch.empty(graphs, nodes, k).uniform_(3, 12),
        'receptor.angles': torch.empty(graphs, nodes, k, 3).uniform_(-1, 1),
        'receptor.frames': torch.randn(graphs, nodes, 9, k) / k,
        'receptor.vectors': F.normalize(torch.randn(graphs, nodes, 3, 1), dim=2),
        'ligand.features': torch.randint(0, ATOM_TYPES, (graphs, atoms, 1)),
        'ligand.mask': torch.ones(graphs, atoms),
        'ligand.bonds': F.pad((bonds + bonds.T)[None], (0, 0, 0, 0, 0, ORDERS - 1)).repeat(graphs, 1, 1, 1),
        'ligand.positions': 2 * torch.randn(graphs, poses, atoms, 3),
        'torsions.from': one_hot(end - 1, atoms), 'torsions.to': one_hot(end, atoms),
        'torsions.sides': 2 * (torch.arange(atoms) >= end[..., None]).float() - 1,
        'visible.positions': 7 * torch.randn(graphs, nodes, 3), 'visible.mask': torch.ones(graphs, nodes),
        'times': torch.rand(graphs, poses), 'reach': torch.full((graphs, poses), 24.0),
        'targets.tr': torch.randn(graphs, poses, 3), 'targets.rot': 0.6 * torch.randn(graphs, poses, 3),
        'targets.tor': torch.randn(graphs, poses, m),
        'weights': torch.ones(graphs, poses, 1), 'torsions.weights': torch.ones(graphs, poses, m),
        'lr': torch.tensor(1 / 512), 'ema': torch.tensor(0.96875),
    }


def make_draw(model, args):
    """What a sampler asks of the network for its poses: the receptors once, the scores as often as it has steps."""
    network = model.online

    @torch.no_grad()
    def draw(**given):
        states = network.receptor(given)
        for _ in range(args.evaluations):
            said = network.scores(network.ligand(states, given), given)
        return sum(value.square().mean() for value in said.values())

    return draw


def make_step(model, args):
    if args.evaluations:
        return make_draw(model, args)
    parameters = list(model.online.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0, fused=True)
    averaged = list(model.ema.parameters())
    loss_of = compiled(model.online, args)

    def step(**given):
        for group in optimizer.param_groups:
            group['lr'] = given['lr'].item()
        optimizer.zero_grad()
        loss = loss_of(given)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        torch._foreach_lerp_(averaged, parameters, 1 - given['ema'].item())
        return loss.detach()

    return step


if __name__ == '__main__':
    parser = argument_parser(__doc__, batch=16, width=32, width_is='scalars of a node')
    parser.add_argument('--vectors', type=int, default=12, help='vectors of a node')
    parser.add_argument('--layers', type=int, default=4, help='layers of the ligand')
    parser.add_argument('--receptor-layers', type=int, default=2)
    parser.add_argument('--neighbours', type=int, default=12, help='nearest residues that a residue listens to')
    parser.add_argument('--radial', type=int, default=24, help='Gaussians of a distance')
    parser.add_argument('--poses', type=int, default=4, help='noisy poses of each complex')
    parser.add_argument('--atoms', type=int, default=9)
    parser.add_argument('--torsions', type=int, default=3)
    parser.add_argument('--nodes', type=int, default=75, help='residues')
    parser.add_argument('--evaluations', type=int, default=0, help='scores of so many steps of sampling instead of a step of training')
    main('DOCKING', parser, Docking, build_inputs, make_step)
