"""What every peer script shares: its arguments, exchange of tensors with byo, timing, and the JSON it prints.

A peer is three functions: `build_model(args)`, `build_inputs(args)` and `make_step(model, args)`. The step takes the
inputs by name, does everything that a training step does (zero_grad, forward, backward, optimiser, EMA) and returns
the loss. The same inputs serve every step, so the losses are comparable with byo's.

    python3 w1_byol_resnet18.py --dump DIR            writes DIR/state.safetensors and DIR/inputs.safetensors
    python3 w1_byol_resnet18.py --state S --inputs I  starts from tensors that either side wrote
    python3 w1_byol_resnet18.py --result FILE         writes the state after the last step

State holds each parameter and floating-point buffer under its `state_dict` name; a file that is loaded may leave
buffers out (BatchNorm's running statistics then start at 0 and 1).
"""

import argparse
import importlib
import json
import os
import resource
import statistics
import time

import torch
from safetensors.torch import load_file, save_file


def argument_parser(description, *, batch, width, width_is):
    """The options of all workloads; `batch` and `width` are this workload's defaults."""
    parser = argparse.ArgumentParser(description=description.split('\n')[0])
    parser.add_argument('--batch', type=int, default=batch)
    parser.add_argument('--width', type=int, default=width, help=width_is)
    parser.add_argument('--steps', type=int, default=10, help='timed steps')
    parser.add_argument('--warmup', type=int, default=2, help='steps before them, not timed')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--channels-last', action='store_true', help='NHWC storage of 4-D tensors')
    parser.add_argument('--compile', action='store_true', help='torch.compile the losses')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--state', metavar='FILE', help='safetensors with the initial state')
    parser.add_argument('--inputs', metavar='FILE', help='safetensors with the inputs')
    parser.add_argument('--dump', metavar='DIR', help='write the initial state and the inputs there')
    parser.add_argument('--result', metavar='FILE', help='write the state after the last step there')
    return parser


def from_lightly(module):
    """A module of lightly, whose implementation of a method a peer measures."""
    try:
        return importlib.import_module(f'lightly.{module}')
    except ModuleNotFoundError as error:
        raise SystemExit(f'this peer is made of lightly\'s parts, and {error.name} is not installed: pip install lightly') from None


def compiled(function, args):
    """`function` itself, or torch.compile of it where --compile asks for that."""
    return torch.compile(function, dynamic=False) if args.compile else function


def peak_rss_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(workload, parser, build_model, build_inputs, make_step):
    """Runs a peer from the command line and prints its one JSON object."""
    imported_mb = peak_rss_mb()  # much of a CUDA build's peak is its libraries
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = build_model(args)
    inputs = build_inputs(args)
    if args.state:
        load_state(model, args.state)
    if args.inputs:
        inputs = load_inputs(inputs, args.inputs)
    if args.dump:
        os.makedirs(args.dump, exist_ok=True)
        save_file(exchanged_state(model), os.path.join(args.dump, 'state.safetensors'))
        save_file(inputs, os.path.join(args.dump, 'inputs.safetensors'))
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
        inputs = {name: channels_last(tensor) for name, tensor in inputs.items()}
    losses, steps_ms = timed(make_step(model, args), inputs, args.warmup, args.steps)
    if args.result:
        save_file(exchanged_state(model), args.result)
    files = ('state', 'inputs', 'dump', 'result')
    print(json.dumps({
        'workload': workload,
        'median_ms': round(statistics.median(steps_ms), 3),
        'min_ms': round(min(steps_ms), 3),
        'steps_ms': [round(ms, 3) for ms in steps_ms],
        'losses': losses[:5],
        'max_rss_mb': peak_rss_mb(),
        'import_rss_mb': imported_mb,
        'torch': torch.__version__,
        'config': {name: value for name, value in vars(args).items() if name not in files},
    }))


def timed(step, inputs, warmup, steps):
    """Losses of all steps, and the milliseconds that each step after the first `warmup` took."""
    losses, milliseconds = [], []
    for _ in range(warmup + steps):
        start = time.perf_counter()
        loss = step(**inputs)
        milliseconds.append((time.perf_counter() - start) * 1e3)
        losses.append(loss.item())
    return losses, milliseconds[warmup:]


def channels_last(tensor):
    return tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def exchanged_state(model):
    """The floating-point tensors of the state; BatchNorm's step counters mean nothing to byo."""
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def load_state(model, file):
    """Copies a safetensors file into the model; every parameter must be there, and nothing unknown."""
    missing, unexpected = model.load_state_dict(load_file(file), strict=False)
    missing = set(missing) & {name for name, _ in model.named_parameters()}
    if missing or unexpected:
        raise SystemExit(f'{file} does not fit this workload (see the names at the top of its script): '
                         f'{some(missing)} missing, {some(unexpected)} unknown')


def some(names):
    """Up to three of the names, for a message."""
    listed = ', '.join(sorted(names)[:3]) or 'nothing'
    return listed + (f' and {len(names) - 3} more' if len(names) > 3 else '')


def load_inputs(expected, file):
    """Inputs from a safetensors file, checked against the shapes that the arguments ask for."""
    found = load_file(file)
    for name, tensor in expected.items():
        if name not in found or found[name].shape != tensor.shape:
            shape = list(found[name].shape) if name in found else 'nothing'
            raise SystemExit(f'{file}: {name} must be of shape {list(tensor.shape)}, found {shape}')
    return {name: found[name].to(tensor.dtype) for name, tensor in expected.items()}
