import { describe, expect, test } from 'vitest';
import { gelu, grad, input, liveNodes, relu, remat, type Tensor } from '../../../src/core/graph/index.js';
import { batchNorm, conv2d, dropout, linear, plainly, standardizeFilters, stepProgram, type Scope } from '../../../src/core/nn/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

const x = gaussian('x', [4, 3, 6, 6]);
const label = gaussian('label', [4, 5]);
type Apply = typeof remat;

/** Residual blocks with everything that has side effects: batch statistics, dropout, weights that are computed. */
function blocks(scope: Scope, images: Tensor, apply: Apply): Tensor {
  let y = conv2d(scope.at('stem'), images, 4, 3, { padding: 1 });
  for (const name of ['block1', 'block2', 'block3']) {
    const s = scope.at(name);
    y = apply((z) => {
      const h = relu(batchNorm(s.at('norm'), conv2d(s.at('conv'), z, 4, 3, { padding: 1, weightStandardization: name === 'block2' })));
      return dropout(s, gelu(h).add(z), 0.3);
    }, y);
  }
  return apply((z) => linear(scope.at('head'), z.mean([2, 3]), 5), y);
}

/** Two views through the same blocks; gradients of all parameters are outputs. */
const program = (apply: Apply) => stepProgram('blocks', (root) => {
  const net = root.at('net');
  const [images, labels] = [input('x', x.shape), input('label', label.shape)];
  const [first, second] = [images, images.mul(0.5).add(1)].map((view) => blocks(net, view, apply).sub(labels).square().mean());
  const loss = first!.add(second!);
  const gradients = grad(loss, net.parameters.map(({ tensor }) => tensor));
  return { loss, ...Object.fromEntries(net.parameters.map(({ name }, i) => [`d ${name}`, gradients[i]!])) };
});

describe('remat', () => {
  test('loss, gradients and running statistics are the same to the last bit, over steps', async () => {
    const feeds = [0, 1, 2].map(() => ({ x, label }));
    const [plain, rematerialised] = [await runSteps(program(plainly), feeds), await runSteps(program(remat), feeds)];
    expect(Object.keys(plain.outputs[0]!)).toHaveLength(13);
    expect(rematerialised).toEqual(plain);
    expect(numbersOf(plain.states[2]!.get('net.block1.norm.running_mean')!)).not.toEqual([0, 0, 0, 0]);
  });

  test('the backward pass reads nothing of what a block made of its input', () => {
    const inside: Tensor[] = [];
    const traced = program((f, y) => {
      const before = y.trace.nodes.length;
      const z = remat(f, y);
      // The last two are the block's result and the node that carries its gradient; a mask of dropout is made of a draw.
      inside.push(...y.trace.nodes.slice(before, -2).filter(({ op, size }) => !['input', 'geMask'].includes(op) && size >= y.size));
      return z;
    });
    const live = liveNodes(traced);
    const firstBackward = live.find(({ op }) => op === 'after')!.id;
    expect(live.filter(({ op }) => op === 'after')).toHaveLength(8);
    const interior = new Set(inside);
    expect(interior.size).toBeGreaterThan(6 * 5);
    const readers = live.filter(({ id, inputs }) => id > firstBackward && inputs.some((t) => interior.has(t)));
    expect(readers.map(String)).toEqual([]);
  });

  test('a computed weight is kept, not computed again', () => {
    const standardised = (apply: Apply) => stepProgram('weights', (root) => {
      const w = root.param('w', [3, 2, 1, 1], (shape) => gaussian('w', shape).data);
      const y = apply((z) => z.mul(standardizeFilters(w).sum()), input('x', [4]));
      return { g: grad(y.square().sum(), [w])[0]! };
    });
    const count = (apply: Apply) => liveNodes(standardised(apply)).filter(({ op }) => op === 'sqrt').length;
    expect(count(remat)).toBe(count(plainly));
  });

  test('what does not depend on x, or is x itself, is left as it is', () => {
    stepProgram('nothing', () => {
      const [a, b] = [input('a', [2]), input('b', [2])];
      expect(remat((y) => y, a)).toBe(a);
      expect(remat(() => b, a)).toBe(b);
      return {};
    });
  });
});
