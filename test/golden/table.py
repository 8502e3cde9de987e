#!/usr/bin/env python3
"""Golden values of networks for tables, in PyTorch and float64 -> table.json.

    python3 test/golden/table.py

Everything is {name, ..., inputs, parameters, output, cotangent, grads}: tensors as in ops.json, by name. `grads` are those of
sum(output * cotangent) with respect to the parameters.

tokenizer  T-JEPA's and FT-Transformer's: [REG] tokens, numbers, then categories (Gorishniy et al. 2021)
"""

import json
import pathlib

import torch

import ops


def parameters(name, shapes):
    rng = ops.generator(name)
    return {key: ops.uniform(rng, shape, -0.8, 0.8).requires_grad_() for key, shape in shapes.items()}


def case(name, build, inputs, weights, **settings):
    output = build(inputs, weights)
    cotangent = ops.uniform(ops.generator(f'{name} cotangent'), tuple(output.shape), -1, 1)
    grads = torch.autograd.grad(output, list(weights.values()), cotangent)
    return {
        'name': name, **settings,
        'inputs': {key: ops.stored(value) for key, value in inputs.items()},
        'parameters': {key: ops.stored(value) for key, value in weights.items()},
        'output': ops.stored(output), 'cotangent': ops.stored(cotangent),
        'grads': {key: ops.stored(value) for key, value in zip(weights, grads)},
    }


def tokenizer(reg, categories, missing):
    """One row after another and one column after another, as the formulas are written."""
    starts = [sum(categories[:j]) for j in range(len(categories))]

    def build(inputs, weights):
        rows = []
        for row in range(4):
            tokens = list(weights['weight'][:reg])
            numeric = inputs['numbers'].shape[1] if 'numbers' in inputs else 0
            for j in range(numeric):
                token = inputs['numbers'][row, j] * weights['weight'][reg + j] + weights['bias'][j]
                if missing:
                    token = token + inputs['missing'][row, j] * weights['missing'][j]
                tokens.append(token)
            for j in range(len(categories)):
                code = int(inputs['codes'][row, j])
                tokens.append(weights['category_embeddings.weight'][starts[j] + code] + weights['bias'][numeric + j])
            rows.append(torch.stack(tokens))
        return torch.stack(rows)

    return build


def tokenizer_case(name, reg, numeric, categories, missing=False, width=3):
    rng = ops.generator(name)
    inputs = {}
    shapes = {'bias': (numeric + len(categories), width)}
    if reg + numeric:
        shapes['weight'] = (reg + numeric, width)
    if numeric:
        inputs['numbers'] = ops.uniform(rng, (4, numeric), -2, 2)
    if missing:
        inputs['missing'] = (ops.uniform(rng, (4, numeric), 0, 1) < 0.4).double()
        inputs['numbers'] = inputs['numbers'] * (1 - inputs['missing'])
        shapes['missing'] = (numeric, width)
    if categories:
        inputs['codes'] = torch.stack([(ops.uniform(rng, (4,), 0, 1) * count).long() for count in categories], 1).int()
        shapes['category_embeddings.weight'] = (sum(categories), width)
    return case(name, tokenizer(reg, categories, missing), inputs, parameters(name, shapes), reg=reg, categories=list(categories), width=width)


def main():
    body = {
        'tokenizers': [
            tokenizer_case('numbers, categories and missing numbers', 1, 3, (4, 5), missing=True),
            tokenizer_case('numbers', 2, 3, ()),
            tokenizer_case('categories', 1, 0, (3, 2)),
            tokenizer_case('without [REG]', 0, 2, (3,)),
        ],
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
