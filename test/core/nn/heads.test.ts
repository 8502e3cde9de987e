import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../../src/core/graph/index.js';
import { mlpHead, simsiamPredictor, simsiamProjector, type Scope } from '../../../src/core/nn/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

type Head = typeof mlpHead;
const x = gaussian('x', [32, 12]);

/** A head's variables by name with their shapes, and what it makes of x. */
async function build(head: Head, norm: 'batch' | 'none' = 'batch') {
  const { outputs, program } = await runOnce((scope: Scope) => {
    const input = scope.buffer('x', x.shape, () => x.data as Float32Array) as Tensor;
    return { y: head(scope.at('head'), input, { hidden: 10, out: 8, norm }) };
  });
  const shapes = Object.fromEntries([...program.variables.values()].filter(({ name }) => name.startsWith('head.'))
    .map(({ name, tensor }) => [name.slice(5), tensor.shape.join('x')]));
  return { shapes, y: outputs.y! };
}
const norm = (at: number, units: number) => Object.fromEntries(
  ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [`${at}.${name}`, String(units)]));

describe("SimSiam's heads", () => {
  test('the projector has three layers without bias; its last batch norm has no scale, and gives mean 0 and deviation 1', async () => {
    const { shapes, y } = await build(simsiamProjector);
    expect(shapes).toEqual({
      '0.weight': '10x12', ...norm(1, 10), '3.weight': '10x10', ...norm(4, 10), '6.weight': '8x10',
      '7.running_mean': '8', '7.running_var': '8',
    });
    const values = numbersOf(y);
    for (let feature = 0; feature < 8; feature++) {
      const column = values.filter((_, i) => i % 8 === feature);
      const mean = column.reduce((a, b) => a + b) / 32;
      expect(mean).toBeCloseTo(0, 5);
      expect(column.reduce((total, v) => total + (v - mean) ** 2, 0) / 32).toBeCloseTo(1, 3);
    }
  });

  test('the predictor is a bottleneck whose last layer has a bias', async () => {
    expect((await build(simsiamPredictor)).shapes).toEqual({ '0.weight': '10x12', ...norm(1, 10), '3.weight': '8x10', '3.bias': '8' });
    expect((await build(simsiamPredictor, 'none')).shapes).toEqual({ '0.weight': '10x12', '3.weight': '8x10', '3.bias': '8' });
  });
});

test("BYOL's head has a bias in its first layer only", async () => {
  expect((await build(mlpHead)).shapes).toEqual({ '0.weight': '10x12', '0.bias': '10', ...norm(1, 10), '3.weight': '8x10' });
});
