#!/usr/bin/env python3
"""Golden trajectories of the benchmark's workloads: two or three steps of each PyTorch peer at tiny sizes -> workloads.json.

    python3 test/golden/workloads.py

By workload: {sizes, state, inputs, losses, moved}: the losses of the steps, and by network (the first part of a name) the
Euclidean norm of its parameters' change over them. Tensors are {shape, scale, data}: 8-bit integers, in base64, times a
power of two; integers are {shape, data} with data as they are. Targets start away from the networks that they follow, so
that taking one for the other shows.
"""

import base64
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

PEERS = pathlib.Path(__file__).parents[2] / 'bench' / 'peers'
STEPS = 3
# Batch norm over few numbers: half a unit in the last place of the state decides about the third loss of these (3e-4, 6e-5, 1.5e-2).
CHAOTIC = {'w1_byol_resnet18': 2, 'w7_simsiam': 2, 'w8_swav': 2}
SIZES = {
    'w1_byol_resnet18': {'batch': 8, 'size': 16, 'width': 2, 'hidden': 8, 'projection': 4},
    'w2_byol_a': {'batch': 6, 'width': 3, 'mels': 16, 'frames': 16, 'dim': 12, 'hidden': 10, 'projection': 6},
    'w3_t_jepa': {'batch': 5, 'width': 8, 'tokens': 7, 'context': 3, 'targets': 2, 'predicted': 2, 'layers': 2, 'heads': 2,
                  'feedForward': 12, 'predictorWidth': 4, 'predictorLayers': 1},
    'w4_ddpm_unet': {'batch': 3, 'width': 8, 'size': 8},
    'w5_td3_bc': {'batch': 12, 'width': 10, 'observation': 5, 'action': 3},
    'w6_bmg': {'batch': 3, 'width': 8, 'points': 5, 'inner': 3, 'bootstrap': 3},
    'w7_simsiam': {'batch': 8, 'size': 16, 'width': 2, 'hidden': 8, 'projection': 8, 'bottleneck': 4},
    'w8_swav': {'batch': 8, 'size': 16, 'small': 8, 'crops': 2, 'width': 2, 'hidden': 8, 'projection': 4, 'prototypes': 5},
    'w9_byol_group': {'batch': 8, 'size': 16, 'width': 2, 'hidden': 8, 'projection': 4, 'groups': 2},
    'docking_step': {'batch': 2, 'width': 6, 'vectors': 4, 'layers': 2, 'receptorLayers': 2, 'neighbours': 3, 'radial': 5, 'poses': 2,
                     'atoms': 5, 'torsions': 2, 'nodes': 7},
    'krrst_step': {'batch': 8, 'size': 16, 'width': 2, 'synthetic': 6, 'dimension': 3, 'ridge': 0.01},
}


def run(peer, sizes, *options):
    """What the peer printed."""
    kebab = {re.sub('[A-Z]', lambda match: f'-{match[0].lower()}', name): size for name, size in sizes.items()}
    arguments = [f'--{name}={size}' for name, size in kebab.items()]
    command = [sys.executable, str(PEERS / f'{peer}.py'), '--threads=1', '--warmup=0', *arguments, *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def quantized(tensor):
    """The tensor rounded so that it takes 8 bits an element, as it is stored and as it is."""
    if not tensor.is_floating_point():
        return {'shape': list(tensor.shape), 'data': tensor.flatten().tolist()}, tensor
    largest = tensor.abs().max().item()
    scale = 2.0 ** math.ceil(math.log2(largest / 127)) if largest else 1.0
    steps = (tensor / scale).round().to(torch.int8)
    data = base64.b64encode(steps.numpy().tobytes()).decode()
    return {'shape': list(tensor.shape), 'scale': scale, 'data': data}, steps.float() * scale


def quantize(file, prepare=lambda name, tensor: tensor):
    """Quantises a safetensors file in place; returns its tensors as they are stored in JSON, and as they are."""
    pairs = {name: quantized(prepare(name, tensor)) for name, tensor in sorted(load_file(file).items())}
    exact = {name: tensor for name, (_, tensor) in pairs.items()}
    save_file({name: tensor.contiguous() for name, tensor in exact.items()}, file)
    return {name: stored for name, (stored, _) in pairs.items()}, exact


def apart(name, tensor):
    """A target's weights moved by a tenth of their size."""
    moved = name.startswith('target') and name.endswith('weight')
    return tensor + 0.1 * tensor.square().mean().sqrt() * torch.randn_like(tensor) if moved else tensor


def norms_of_change(before, after):
    """By network; running statistics do not count."""
    squares = {}
    for name, tensor in before.items():
        if 'running_' not in name:
            network = name.split('.')[0]
            squares[network] = squares.get(network, 0.0) + (after[name] - tensor).double().square().sum().item()
    return {network: math.sqrt(total) for network, total in squares.items()}


def trajectory(peer, sizes):
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        run(peer, sizes, '--steps=1', f'--dump={folder}')
        state, before = quantize(f'{folder}/state.safetensors', apart)
        inputs, _ = quantize(f'{folder}/inputs.safetensors')
        printed = run(peer, sizes, f'--steps={CHAOTIC.get(peer, STEPS)}', f'--state={folder}/state.safetensors',
                      f'--inputs={folder}/inputs.safetensors', f'--result={folder}/result.safetensors')
        after = load_file(f'{folder}/result.safetensors')
    return {'sizes': sizes, 'state': state, 'inputs': inputs, 'losses': printed['losses'],
            'moved': norms_of_change(before, after)}


def main():
    body = {peer.split('_')[0]: trajectory(peer, sizes) for peer, sizes in SIZES.items()}
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
