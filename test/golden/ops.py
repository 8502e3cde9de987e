#!/usr/bin/env python3
"""Golden values of the core's primitives, normalisations, losses and optimisers: float64, by PyTorch -> ops.json.

    python3 test/golden/ops.py

Every tensor is {"shape": [...], "data": [...]}, row-major, stored with 9 significant digits; inputs are stored exactly
(4 decimals), integers have "dtype": "int32". Inputs are drawn per case from its name, so that adding a case changes no
other, and lie away from kinks and ties.

primitives   {name, op, attrs, inputs, output, cotangent, grads}: grads[i] is d sum(output * cotangent) / d inputs[i],
             null for integers. batchNormTrain also has runningMean and runningVar after the update.
secondOrder  {name, attrs, inputs, loss, gradDotV, gradSquared}: with g = d loss / d inputs[0], each of the last two is
             {value, grads}: sum(g * v) and sum(g ** 2) with their gradients with respect to every input.
optimisers   {name, optimiser, options, parameters, gradients, after}: gradients[k] and after[k] are the tensors fed to
             step k and the parameters behind it. Parameters are a matrix and a vector.
"""

import itertools
import json
import pathlib
import zlib

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


# Drawing and storing

def generator(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def uniform(rng, shape, low=-2.0, high=2.0):
    return torch.from_numpy(np.asarray(rng.uniform(low, high, shape).round(4)))


def distinct(rng, shape):
    """Values between -2 and 2 that differ pairwise and from 0: no ties for maxima, no kink at 0."""
    count = int(np.prod(shape))
    values = (rng.permutation(count) - count // 2 + 0.3) * (4 / count)
    return torch.from_numpy(values.round(4).reshape(shape))


def small(rng):
    return [uniform(rng, (2, 3, 4))]


def integers(rng, shape, below):
    return torch.from_numpy(rng.integers(below, size=shape))


def stored(tensor):
    """A tensor as it stands in the file."""
    shape = list(tensor.shape)
    if not tensor.is_floating_point():
        return {'shape': shape, 'dtype': 'int32', 'data': tensor.flatten().tolist()}
    return {'shape': shape, 'data': [rounded(value) for value in tensor.detach().flatten().tolist()]}


def rounded(value):
    value = float(f'{value:.9g}') + 0.0  # no negative zero
    return int(value) if value.is_integer() else value


def watched(tensors):
    """The floating-point tensors as leaves that want gradients."""
    return [tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor for tensor in tensors]


def stored_gradients(output, inputs, cotangent=None):
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    found = iter(torch.autograd.grad(output, wanted, cotangent, retain_graph=True, materialize_grads=True))
    return [stored(next(found)) if tensor.requires_grad else None for tensor in inputs]


def case(name, op, function, draw, **attrs):
    """One primitive case; `draw(rng)` gives the inputs, `function(*inputs)` the output."""
    rng = generator(name)
    inputs = watched(draw(rng))
    output = function(*inputs)
    cotangent = uniform(rng, tuple(output.shape), -1, 1)
    return {
        'name': name, 'op': op, 'attrs': attrs, 'inputs': [stored(tensor) for tensor in inputs],
        'output': stored(output), 'cotangent': stored(cotangent),
        'grads': stored_gradients(output, inputs, cotangent),
    }


# Primitives

def unary_cases():
    shape = (2, 3, 4)
    anywhere = {
        'neg': torch.neg, 'exp': torch.exp, 'tanh': torch.tanh, 'sigmoid': torch.sigmoid, 'erf': torch.erf,
        'sin': torch.sin, 'cos': torch.cos, 'abs': torch.abs, 'relu': torch.relu, 'gelu': F.gelu, 'silu': F.silu,
        'softplus': F.softplus,
    }
    positive = {'log': torch.log, 'sqrt': torch.sqrt, 'recip': torch.reciprocal}
    for op, function in anywhere.items():
        yield case(op, op, function, lambda rng: [distinct(rng, shape)])
    for op, function in positive.items():
        yield case(op, op, function, lambda rng: [uniform(rng, shape, 0.2, 3)])
    yield case('recip of negative', 'recip', torch.reciprocal, lambda rng: [uniform(rng, shape, -3, -0.2)])
    for exponent in (2, 3, 0.5, -1.5):
        yield case(f'pow {exponent}', 'pow', lambda x: x ** exponent, lambda rng: [uniform(rng, shape, 0.2, 3)],
                   exponent=exponent)
    yield case('pow 3 of negative', 'pow', lambda x: x ** 3, lambda rng: [uniform(rng, shape, -2, -0.2)], exponent=3)


def binary_cases():
    shapes = {
        'same shape': ((2, 3, 4), (2, 3, 4)),
        'trailing axes': ((2, 3, 4), (3, 4)),
        'unit axes both ways': ((2, 1, 4), (1, 3, 1)),
        'with a scalar': ((), (2, 3)),
    }
    functions = {'add': torch.add, 'sub': torch.sub, 'mul': torch.mul, 'div': torch.div,
                 'maximum': torch.maximum, 'minimum': torch.minimum}

    def operands(rng, shape_a, shape_b, op):
        if op == 'div':
            return [uniform(rng, shape_a), uniform(rng, shape_b, 0.3, 2)]
        count_a, count_b = int(np.prod(shape_a)), int(np.prod(shape_b))
        values = distinct(rng, (count_a + count_b,))
        return [values[:count_a].reshape(shape_a), values[count_a:].reshape(shape_b)]

    for (op, function), (label, (shape_a, shape_b)) in itertools.product(functions.items(), shapes.items()):
        yield case(f'{op}, {label}', op, function, lambda rng: operands(rng, shape_a, shape_b, op))


def reduction_cases():
    functions = {
        'sum': lambda x, axes, keep: x.sum(axes, keepdim=keep),
        'mean': lambda x, axes, keep: x.mean(axes, keepdim=keep),
        'max': lambda x, axes, keep: x.amax(axes, keepdim=keep),
    }
    for (op, function), axes, keep in itertools.product(
            functions.items(), ([0], [1], [3], [0, 2, 3], [0, 1, 2, 3]), (False, True)):
        name = f'{op} over {axes}' + (', keepdims' if keep else '')
        yield case(name, op, lambda x: function(x, axes, keep), lambda rng: [distinct(rng, (2, 3, 2, 3))],
                   axes=axes, keepdims=keep)


def pad(x, low, high, interior):
    """XLA's padding with zeros: interior zeros between neighbours, then low and high ones outside."""
    for axis, (before, after, between) in enumerate(zip(low, high, interior)):
        extent = x.shape[axis]
        shape = list(x.shape)
        shape[axis] = before + max(0, (extent - 1) * (between + 1) + 1) + after
        positions = before + torch.arange(extent) * (between + 1)
        x = x.new_zeros(shape).index_copy(axis, positions, x)
    return x


def layout_cases():
    for shape in ([6, 4], [24], [2, 1, 3, 2, 2]):
        yield case(f'reshape to {shape}', 'reshape', lambda x: x.reshape(shape), small, shape=shape)
    for perm in ([1, 0, 2], [0, 2, 1], [2, 0, 1]):
        yield case(f'transpose {perm}', 'transpose', lambda x: x.permute(perm), small, perm=perm)
    slices = (([0, 1, 0], [2, 3, 4], [1, 1, 1]), ([0, 0, 1], [2, 3, 4], [1, 2, 2]), ([1, 0, 0], [2, 2, 3], [1, 1, 3]))
    for starts, ends, steps in slices:
        yield case(f'slice {starts} to {ends} by {steps}', 'slice',
                   lambda x: x[tuple(map(slice, starts, ends, steps))], small, starts=starts, ends=ends, steps=steps)
    pads = (([1, 0, 2], [0, 1, 1], [0, 0, 0]), ([0, 0, 0], [0, 0, 0], [1, 0, 2]), ([1, 2, 0], [0, 1, 1], [2, 1, 1]))
    for low, high, interior in pads:
        yield case(f'pad {low} {high} interior {interior}', 'pad', lambda x: pad(x, low, high, interior), small,
                   lo=low, hi=high, interior=interior)
    for axis in (0, 1, 2):
        def parts(rng):
            return [uniform(rng, tuple(size if i == axis else (2, 3, 4)[i] for i in range(3))) for size in (1, 2, 3)]
        yield case(f'concat along {axis}', 'concat', lambda *xs: torch.cat(xs, axis), parts, axis=axis)


def matmul_cases():
    batches = {'2-D': ((), ()), 'batched': ((2, 3), (2, 3)), 'broadcast batch': ((2, 1), (3,)),
               'matrix on the right': ((2, 3), ())}
    for (label, (batch_a, batch_b)), flip_a, flip_b in itertools.product(
            batches.items(), (False, True), (False, True)):
        shape_a = (*batch_a, *((4, 3) if flip_a else (3, 4)))
        shape_b = (*batch_b, *((2, 4) if flip_b else (4, 2)))

        def product(a, b):
            return (a.mT if flip_a else a) @ (b.mT if flip_b else b)

        flags = f'{"T" if flip_a else "N"}{"T" if flip_b else "N"}'
        yield case(f'matmul {label} {flags}', 'matmul', product,
                   lambda rng: [uniform(rng, shape_a), uniform(rng, shape_b)], transposeA=flip_a, transposeB=flip_b)


CONVOLUTIONS = [
    # input, out channels, kernel, stride, padding, dilation, groups, bias
    ((2, 3, 5, 6), 4, (1, 1), 1, 0, 1, 1, False),
    ((2, 3, 5, 6), 2, (1, 1), 2, 0, 1, 1, False),
    ((1, 2, 4, 5), 3, (1, 1), 1, 1, 1, 1, False),
    ((2, 3, 5, 6), 4, (3, 3), 1, 1, 1, 1, True),
    ((2, 3, 5, 6), 2, (3, 3), 1, 0, 1, 1, False),
    ((2, 3, 7, 8), 4, (3, 3), 2, 1, 1, 1, False),
    ((2, 3, 7, 8), 2, (3, 3), 2, 0, 1, 1, True),
    ((1, 2, 7, 9), 3, (7, 7), 1, 3, 1, 1, False),
    ((1, 3, 9, 10), 2, (7, 7), 2, 3, 1, 1, False),
    ((1, 2, 9, 8), 2, (7, 7), 2, 0, 1, 1, False),
    ((2, 4, 5, 6), 6, (3, 3), 1, 1, 1, 2, False),
    ((2, 4, 6, 7), 6, (3, 3), 2, 1, 1, 2, True),
    ((2, 4, 5, 6), 4, (3, 3), 1, 1, 1, 4, False),
    ((2, 4, 6, 7), 8, (3, 3), 2, 1, 1, 4, False),
    ((2, 2, 7, 6), 3, (3, 3), 1, 2, 2, 1, False),
    ((2, 2, 8, 7), 3, (3, 3), 2, 1, 2, 1, False),
    ((1, 2, 5, 7), 3, (1, 3), (1, 2), (0, 1), 1, 1, False),
]


def pair(value):
    return list(value) if isinstance(value, tuple) else [value, value]


def convolution_cases():
    for shape, outputs, kernel, stride, padding, dilation, groups, bias in CONVOLUTIONS:
        attrs = {'stride': pair(stride), 'padding': pair(padding), 'dilation': pair(dilation), 'groups': groups}

        def draw(rng):
            weight = uniform(rng, (outputs, shape[1] // groups, *kernel), -1, 1)
            return [uniform(rng, shape), weight, *([uniform(rng, (outputs,))] if bias else [])]

        name = (f'conv2d {"x".join(map(str, shape))} kernel {kernel} stride {pair(stride)} padding {pair(padding)} '
                f'dilation {dilation} groups {groups}')
        yield case(name, 'conv2d', lambda x, w, b=None: F.conv2d(x, w, b, **attrs), draw, **attrs)


def indexing_cases():
    yield case('gather rows', 'gather', lambda table, rows: table[rows],
               lambda rng: [uniform(rng, (5, 3)), integers(rng, (7,), 5)])
    yield case('embedding', 'gather', lambda table, rows: table[rows],
               lambda rng: [uniform(rng, (6, 2)), integers(rng, (2, 4), 6)])
    yield case('scatter-add rows', 'scatterAdd',
               lambda updates, rows: updates.new_zeros(5, 3).index_add(0, rows, updates),
               lambda rng: [uniform(rng, (8, 3)), integers(rng, (8,), 5)], rows=5)


def pooling_cases():
    for shape, kernel, stride, padding in (((2, 2, 4, 6), 2, 2, 0), ((2, 2, 5, 7), 2, 2, 0),
                                           ((2, 2, 6, 6), 3, 2, 1), ((1, 2, 5, 7), 3, 2, 1)):
        attrs = {'kernel': pair(kernel), 'stride': pair(stride), 'padding': pair(padding)}
        size = f'{shape[2]}x{shape[3]} kernel {kernel} stride {stride} padding {padding}'
        yield case(f'maxPool2d {size}', 'maxPool2d', lambda x: F.max_pool2d(x, kernel, stride, padding),
                   lambda rng: [distinct(rng, shape)], **attrs)
        if padding == 0:
            yield case(f'avgPool2d {size}', 'avgPool2d', lambda x: F.avg_pool2d(x, kernel, stride),
                       lambda rng: [uniform(rng, shape)], **attrs)
    yield case('upsampleNearest x2', 'upsampleNearest', lambda x: F.interpolate(x, scale_factor=2, mode='nearest'),
               lambda rng: [uniform(rng, (2, 2, 3, 2))], scale=2)
    for size in ([1, 1], [2, 3]):
        yield case(f'adaptiveAvgPool2d to {size}', 'adaptiveAvgPool2d', lambda x: F.adaptive_avg_pool2d(x, size),
                   lambda rng: [uniform(rng, (2, 2, 5, 6))], size=size)


def normalisation_cases():
    for axis in (-1, 1):
        yield case(f'softmax over {axis}', 'softmax', lambda x: x.softmax(axis), small, axis=axis)
        yield case(f'logSumExp over {axis}', 'logSumExp', lambda x: x.logsumexp(axis), small, axis=axis)
        yield case(f'l2Normalize over {axis}', 'l2Normalize', lambda x: F.normalize(x, dim=axis, eps=1e-12), small,
                   axis=axis, eps=1e-12)
    yield case('softmax of large logits', 'softmax', lambda x: x.softmax(-1),
               lambda rng: [uniform(rng, (3, 4), 900, 904)], axis=-1)
    yield case('logSumExp of large logits', 'logSumExp', lambda x: x.logsumexp(-1),
               lambda rng: [uniform(rng, (3, 4), 900, 904)], axis=-1)
    yield case('layerNorm', 'layerNorm', lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5),
               lambda rng: [uniform(rng, (2, 3, 6)), uniform(rng, (6,)), uniform(rng, (6,))], eps=1e-5)
    for groups in (1, 2, 4):
        yield case(f'groupNorm of {groups} groups', 'groupNorm', lambda x, w, b: F.group_norm(x, groups, w, b, 1e-5),
                   lambda rng: [uniform(rng, (2, 4, 2, 3)), uniform(rng, (4,)), uniform(rng, (4,))],
                   groups=groups, eps=1e-5)
    for label, shape in (('2-D', (5, 3)), ('4-D', (2, 3, 2, 3))):
        yield from batch_norm_cases(label, shape)
    yield case('crossEntropy', 'crossEntropy', F.cross_entropy,
               lambda rng: [uniform(rng, (4, 5)), integers(rng, (4,), 5)], reduction='mean')


def batch_norm_cases(label, shape):
    """Train mode (with running statistics, momentum 0.1, unbiased variance) and eval mode."""
    channels = (shape[1],)
    statistics = generator(f'batchNorm statistics {label}')
    mean, variance = uniform(statistics, channels), uniform(statistics, channels, 0.3, 2)
    before = {'runningMean': stored(mean), 'runningVar': stored(variance)}

    def draw(rng):
        return [uniform(rng, shape), uniform(rng, channels), uniform(rng, channels)]

    after = {'mean': mean.clone(), 'variance': variance.clone()}
    train = case(f'batchNormTrain {label}', 'batchNormTrain',
                 lambda x, w, b: F.batch_norm(x, after['mean'], after['variance'], w, b, True, 0.1, 1e-5), draw,
                 momentum=0.1, eps=1e-5, **before)
    yield {**train, 'runningMean': stored(after['mean']), 'runningVar': stored(after['variance'])}
    yield case(f'batchNormEval {label}', 'batchNormEval',
               lambda x, w, b: F.batch_norm(x, mean, variance, w, b, False, 0.1, 1e-5), draw, eps=1e-5, **before)


# Second order

def second_order_case(name, loss_of, draw, **attrs):
    rng = generator(name)
    inputs = watched(draw(rng))
    direction = uniform(rng, tuple(inputs[0].shape), -1, 1)
    loss = loss_of(*inputs)
    gradient, = torch.autograd.grad(loss, inputs[0], create_graph=True)

    def entry(value):
        return {'value': rounded(value.item()), 'grads': stored_gradients(value, inputs)}

    return {
        'name': name, 'attrs': attrs, 'inputs': [stored(tensor) for tensor in inputs], 'v': stored(direction),
        'loss': rounded(loss.item()),
        'gradDotV': entry((gradient * direction).sum()), 'gradSquared': entry((gradient ** 2).sum()),
    }


def mlp_loss(x, weight1, bias1, scale, offset, weight2, bias2):
    """mean over all elements of (Linear(GELU(LN(Linear(x)))))^2; weights are [out, in]."""
    hidden = F.gelu(F.layer_norm(F.linear(x, weight1, bias1), scale.shape, scale, offset, 1e-5))
    return F.linear(hidden, weight2, bias2).square().mean()


def conv_loss(x, weight1, scale, offset, weight2):
    """mean of conv(maxpool 2x2(BN train(conv(x))), stride 2)^2; both kernels 3x3 with padding 1."""
    y = F.batch_norm(F.conv2d(x, weight1, padding=1), None, None, scale, offset, True, 0.1, 1e-5)
    windows = y.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    first, second = windows.topk(2).values.unbind(-1)
    assert (first - second).min() > 1e-3, 'a tie in the max-pool: change the name, hence the draw'
    return F.conv2d(F.max_pool2d(y, 2), weight2, stride=2, padding=1).square().mean()


def second_order_cases():
    yield second_order_case('mlp with layer norm and gelu', mlp_loss, lambda rng: [
        uniform(rng, (3, 4)), uniform(rng, (5, 4), -1, 1), uniform(rng, (5,)), uniform(rng, (5,), 0.5, 1.5),
        uniform(rng, (5,), -1, 1), uniform(rng, (2, 5), -1, 1), uniform(rng, (2,)),
    ], eps=1e-5)
    yield second_order_case('conv, batch norm, max pool, strided conv', conv_loss, lambda rng: [
        uniform(rng, (2, 2, 6, 6)), uniform(rng, (3, 2, 3, 3), -1, 1), uniform(rng, (3,), 0.5, 1.5),
        uniform(rng, (3,), -1, 1), uniform(rng, (2, 3, 3, 3), -1, 1),
    ], eps=1e-5, padding=1, stride=2)


# Optimisers

def lamb_step(parameters, gradients, state, step, *, lr, beta1, beta2, eps, weight_decay, exclude_vectors):
    """You et al. 2020, algorithm 2, with phi the identity; a zero norm gives a trust ratio of 1."""
    for index, (w, g) in enumerate(zip(parameters, gradients)):
        m, v = state.setdefault(index, (torch.zeros_like(w), torch.zeros_like(w)))
        m.mul_(beta1).add_((1 - beta1) * g)
        v.mul_(beta2).add_((1 - beta2) * g * g)
        update = (m / (1 - beta1 ** step)) / ((v / (1 - beta2 ** step)).sqrt() + eps)
        ratio = 1.0
        if not (exclude_vectors and w.dim() <= 1):
            update = update + weight_decay * w
            if w.norm() > 0 and update.norm() > 0:
                ratio = w.norm() / update.norm()
        w.sub_(lr * ratio * update)


def lars_step(parameters, gradients, state, step, *, lr, momentum, weight_decay, trust):
    """BYOL's LARS: vectors (biases, normalisation) get neither decay nor trust ratio; lr outside the momentum."""
    for index, (w, g) in enumerate(zip(parameters, gradients)):
        if w.dim() > 1:
            g = g + weight_decay * w
            if w.norm() > 0 and g.norm() > 0:
                g = g * trust * w.norm() / g.norm()
        m = state.setdefault(index, torch.zeros_like(w))
        m.mul_(momentum).add_(g)
        w.sub_(lr * m)


def larc_step(parameters, gradients, state, step, *, lr, momentum, weight_decay, trust, eps, clip):
    """Apex's LARC around SGD with momentum: the decay is part of what is scaled; a zero norm leaves the gradient alone."""
    for index, (w, g) in enumerate(zip(parameters, gradients)):
        if w.norm() > 0 and g.norm() > 0:
            local = trust * w.norm() / (g.norm() + weight_decay * w.norm() + eps)
            if clip:
                local = min(local / lr, 1)
            g = local * (g + weight_decay * w)
        m = state.setdefault(index, torch.zeros_like(w))
        m.mul_(momentum).add_(g)
        w.sub_(lr * m)


def torch_optimiser(kind, **options):
    """A step function around one of PyTorch's optimisers."""
    def start(parameters):
        leaves = [torch.nn.Parameter(parameter) for parameter in parameters]  # shares the storage
        optimiser = kind(leaves, **options)

        def step(gradients):
            for leaf, gradient in zip(leaves, gradients):
                leaf.grad = gradient.clone()
            optimiser.step()

        return step
    return start


def written_out(step_of, **options):
    """A step function around one of the optimisers above."""
    def start(parameters):
        state, steps = {}, itertools.count(1)
        return lambda gradients: step_of(parameters, gradients, state, next(steps), **options)
    return start


def optimiser_case(name, optimiser, start, zero_matrix=False, **options):
    rng = generator(name)
    parameters = [uniform(rng, (3, 2)) * (not zero_matrix), uniform(rng, (3,))]
    entry = {'name': name, 'optimiser': optimiser, 'options': options,
             'parameters': [stored(parameter) for parameter in parameters], 'gradients': [], 'after': []}
    step = start(parameters)
    for _ in range(5):
        gradients = [uniform(rng, tuple(parameter.shape), -1, 1) for parameter in parameters]
        step(gradients)
        entry['gradients'].append([stored(gradient) for gradient in gradients])
        entry['after'].append([stored(parameter) for parameter in parameters])
    return entry


def optimiser_cases():
    for name, momentum, nesterov, decay in (('sgd', 0, False, 0), ('sgd with weight decay', 0, False, 0.1),
                                            ('sgd with momentum', 0.9, False, 0),
                                            ('sgd with momentum and weight decay', 0.9, False, 0.1),
                                            ('sgd with nesterov momentum and weight decay', 0.9, True, 0.1)):
        yield optimiser_case(
            name, 'sgd',
            torch_optimiser(torch.optim.SGD, lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=decay),
            lr=0.1, momentum=momentum, nesterov=nesterov, weightDecay=decay)
    for name, kind, decay in (('adam', torch.optim.Adam, 0), ('adamw', torch.optim.AdamW, 0.1)):
        yield optimiser_case(
            name, name, torch_optimiser(kind, lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=decay),
            lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, weightDecay=decay)
    for name, exclude in (('lamb', False), ('lamb excluding vectors', True)):
        yield optimiser_case(
            name, 'lamb', written_out(lamb_step, lr=0.01, beta1=0.9, beta2=0.98, eps=1e-6, weight_decay=0.1,
                                      exclude_vectors=exclude),
            lr=0.01, beta1=0.9, beta2=0.98, eps=1e-6, weightDecay=0.1, excludeVectors=exclude)
    for name, zero in (('lars', False), ('lars from a zero matrix', True)):
        yield optimiser_case(
            name, 'lars', written_out(lars_step, lr=0.2, momentum=0.9, weight_decay=0.1, trust=0.001),
            zero_matrix=zero, lr=0.2, momentum=0.9, weightDecay=0.1, trustCoefficient=0.001)
    for name, zero, clip in (('larc', False, False), ('larc from a zero matrix', True, False), ('larc with clipping', False, True)):
        options = {'lr': 0.2, 'momentum': 0.9, 'trust': 0.3, 'eps': 1e-8, 'clip': clip}
        yield optimiser_case(name, 'larc', written_out(larc_step, weight_decay=0.1, **options), zero_matrix=zero,
                             weightDecay=0.1, **options)


def lines(entries):
    """A JSON array with one entry a line, so that a changed case is one changed line."""
    return '[\n' + ',\n'.join(json.dumps(entry, separators=(',', ':')) for entry in entries) + '\n]'


def main():
    families = (unary_cases, binary_cases, reduction_cases, layout_cases, matmul_cases, convolution_cases,
                indexing_cases, pooling_cases, normalisation_cases)
    sections = {
        'primitives': [entry for family in families for entry in family()],
        'secondOrder': list(second_order_cases()),
        'optimisers': list(optimiser_cases()),
    }
    for entries in sections.values():
        assert len({entry['name'] for entry in entries}) == len(entries), 'names must be unique'
    body = ',\n'.join(f'"{name}": {lines(entries)}' for name, entries in sections.items())
    pathlib.Path(__file__).with_suffix('.json').write_text(f'{{\n{body}\n}}\n')


if __name__ == '__main__':
    main()
