#!/usr/bin/env python3
"""Golden values of networks for tables, in PyTorch and float64 -> table.json.

    python3 test/golden/table.py

Everything is {name, ..., inputs, parameters, output, cotangent, grads}: tensors as in ops.json, by name. `grads` are those of
sum(output * cotangent) with respect to the parameters.

tokenizers  T-JEPA's and FT-Transformer's: [REG] tokens, numbers, then categories (Gorishniy et al. 2021)
heads       what predicts from rows, in training mode without dropout: from `features` [B, D], or from `latents` [B, T, h] whose tokens
            are made by a linear map each
"""

import json
import pathlib

import torch
import torch.nn.functional as F

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


def linear(x, weights, name):
    return F.linear(x, weights[f'{name}.weight'], weights.get(f'{name}.bias'))


def attention(x, weights, name, heads):
    """torch.nn.MultiheadAttention with these weights."""
    x = x.transpose(0, 1)
    y, _ = F.multi_head_attention_forward(
        x, x, x, x.shape[-1], heads, weights[f'{name}.in_proj_weight'], weights[f'{name}.in_proj_bias'], None, None, False, 0.0,
        weights[f'{name}.out_proj.weight'], weights[f'{name}.out_proj.bias'], need_weights=False)
    return y.transpose(0, 1)


def batch_norm(x, weights, name):
    return F.batch_norm(x, None, None, weights[f'{name}.weight'], weights[f'{name}.bias'], training=True)


def layer_norm(x, weights, name):
    return F.layer_norm(x, x.shape[-1:], weights[f'{name}.weight'], weights[f'{name}.bias'])


def tokens_of(inputs, weights):
    mapped = [inputs['latents'][:, j] @ weights['tokenizer.weight'][j] for j in range(inputs['latents'].shape[1])]
    return torch.stack(mapped, 1) + weights['tokenizer.bias']


def mlp(inputs, weights):
    x = inputs['features']
    for i in range(2):
        x = linear(x, weights, f'layers.{i}').relu()
    return linear(x, weights, 'head')


def resnet(inputs, weights):
    x = linear(inputs['features'], weights, 'first')
    for i in range(2):
        z = linear(batch_norm(x, weights, f'blocks.{i}.norm'), weights, f'blocks.{i}.linear0').relu()
        x = x + linear(z, weights, f'blocks.{i}.linear1')
    return linear(batch_norm(x, weights, 'norm').relu(), weights, 'head')


def dcnv2(inputs, weights):
    x0 = linear(inputs['features'], weights, 'first')
    cross, deep = x0, x0
    for i in range(2):
        cross = x0 * linear(cross, weights, f'cross.{i}') + cross
        deep = linear(deep, weights, f'deep.layers.{i}').relu()
    return linear(torch.cat((cross, deep), 1), weights, 'head')


def autoint(inputs, weights):
    x = tokens_of(inputs, weights)
    for i in range(2):
        x = (attention(x, weights, f'layers.{i}.self_attn', 2) + linear(x, weights, f'layers.{i}.residual')).relu()
    return linear(x.flatten(1), weights, 'head')


def ft_transformer(inputs, weights):
    x = tokens_of(inputs, weights)
    x = torch.cat((weights['cls'].expand(len(x), 1, -1), x), 1)
    for i in range(2):
        z = layer_norm(x, weights, f'layers.{i}.norm0') if i else x
        x = x + attention(z, weights, f'layers.{i}.self_attn', 2)
        a, b = linear(layer_norm(x, weights, f'layers.{i}.norm1'), weights, f'layers.{i}.linear0').chunk(2, -1)
        x = x + linear(a * b.relu(), weights, f'layers.{i}.linear1')
    return linear(layer_norm(x[:, 0], weights, 'norm').relu(), weights, 'head')


def affine(name, inner, outer, bias=True):
    return {f'{name}.weight': (outer, inner), **({f'{name}.bias': (outer,)} if bias else {})}


def norm(name, width):
    return {f'{name}.weight': (width,), f'{name}.bias': (width,)}


def attention_shapes(name, width):
    return {f'{name}.in_proj_weight': (3 * width, width), f'{name}.in_proj_bias': (3 * width,), **affine(f'{name}.out_proj', width, width)}


# Features, tokens of latents and their width, width of the layers, predictions
D, T, H, W, OUT = 5, 3, 4, 6, 2
TOKENS = {'tokenizer.weight': (T, H, W), 'tokenizer.bias': (T, W)}
LAYERS = range(2)


def merged(*parts):
    return {key: value for part in parts for key, value in part.items()}


SHAPES = {
    'linear': affine('head', D, OUT),
    'mlp': merged(affine('layers.0', D, W), affine('layers.1', W, W), affine('head', W, OUT)),
    'resnet': merged(affine('first', D, W), *(merged(
        norm(f'blocks.{i}.norm', W), affine(f'blocks.{i}.linear0', W, 2 * W), affine(f'blocks.{i}.linear1', 2 * W, W)) for i in LAYERS),
        norm('norm', W), affine('head', W, OUT)),
    'dcnv2': merged(affine('first', D, W), *(affine(f'cross.{i}', W, W) for i in LAYERS),
                    *(affine(f'deep.layers.{i}', W, W) for i in LAYERS), affine('head', 2 * W, OUT)),
    'autoint': merged(TOKENS, *(merged(attention_shapes(f'layers.{i}.self_attn', W), affine(f'layers.{i}.residual', W, W, bias=False))
                                for i in LAYERS), affine('head', T * W, OUT)),
    'ft-transformer': merged(TOKENS, {'cls': (1, W)}, *(merged(
        norm(f'layers.{i}.norm0', W) if i else {}, attention_shapes(f'layers.{i}.self_attn', W), norm(f'layers.{i}.norm1', W),
        affine(f'layers.{i}.linear0', W, 2 * 8), affine(f'layers.{i}.linear1', 8, W)) for i in LAYERS),
        norm('norm', W), affine('head', W, OUT)),
}
HEADS = {
    'linear': lambda inputs, weights: linear(inputs['features'], weights, 'head'), 'mlp': mlp, 'resnet': resnet, 'dcnv2': dcnv2,
    'autoint': autoint, 'ft-transformer': ft_transformer,
}


def head_case(name):
    rng = ops.generator(name)
    takes_tokens = name in ('autoint', 'ft-transformer')
    inputs = {'latents': ops.uniform(rng, (4, T, H))} if takes_tokens else {'features': ops.uniform(rng, (4, D))}
    return case(name, HEADS[name], inputs, parameters(name, SHAPES[name]), width=W, layers=2, heads=2)


def main():
    body = {
        'tokenizers': [
            tokenizer_case('numbers, categories and missing numbers', 1, 3, (4, 5), missing=True),
            tokenizer_case('numbers', 2, 3, ()),
            tokenizer_case('categories', 1, 0, (3, 2)),
            tokenizer_case('without [REG]', 0, 2, (3,)),
        ],
        'heads': [head_case(name) for name in HEADS],
    }
    pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(body, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
