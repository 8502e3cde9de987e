#!/usr/bin/env python3
"""Golden images of bench/peers/ddim_sampling.py with the network of w4 in workloads.json -> sampling.json.

    python3 test/golden/sampling.py

{sizes, inputs, loss, images}: inputs as in workloads.json, images as numbers of seven digits.
"""

import base64
import json
import pathlib
import tempfile

import torch
from safetensors.torch import load_file, save_file
from workloads import quantize, run

HERE = pathlib.Path(__file__)
EVALUATIONS = 5


def restored(stored):
    steps = torch.frombuffer(bytearray(base64.b64decode(stored['data'])), dtype=torch.int8)
    return (steps.float() * stored['scale']).reshape(stored['shape'])


def main():
    network = json.loads(HERE.with_name('workloads.json').read_text())['w4']
    sizes = {**network['sizes'], 'evaluations': EVALUATIONS}
    with tempfile.TemporaryDirectory() as folder:
        run('ddim_sampling', sizes, '--steps=1', f'--dump={folder}')
        save_file({name: restored(stored) for name, stored in network['state'].items()}, f'{folder}/state.safetensors')
        inputs, _ = quantize(f'{folder}/inputs.safetensors')
        printed = run('ddim_sampling', sizes, '--steps=1', f'--state={folder}/state.safetensors',
                      f'--inputs={folder}/inputs.safetensors', f'--images={folder}/images.safetensors')
        images = load_file(f'{folder}/images.safetensors')['images']
    body = {'sizes': sizes, 'inputs': inputs, 'loss': printed['losses'][0],
            'images': [float(f'{value:.7g}') for value in images.flatten().tolist()]}
    HERE.with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
