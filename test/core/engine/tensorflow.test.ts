import { describe, expect, test } from 'vitest';
import { workloads } from '../../../bench/workloads/index.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { compile, loadTensorFlow } from '../../../src/core/engine/index.js';
import { emitters } from '../../../src/core/engine/onnx/emit.js';
import { kernels } from '../../../src/core/engine/tensorflow/kernels.js';
import * as g from '../../../src/core/graph/index.js';
import { initialState } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { feedsOf, smallByol } from '../../support/byol.js';
import { expectedOf, golden, toArray, valueAndGradients } from '../../support/golden.js';
import { evaluate, relativeError } from '../../support/run.js';
import { sampledPrimitives, sampleOf } from '../../support/samples.js';
import { numbersOf } from '../../support/steps.js';

const device = 'tensorflow';
const { tf } = loadTensorFlow(1);

describe('primitives against PyTorch', () => {
  for (const entry of golden.primitives) {
    test(entry.name, async () => {
      const results = await evaluate(valueAndGradients(entry), entry.inputs.map(toArray), { device });
      const expected = expectedOf(entry);
      expect(results.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      const errors = results.map(({ data }, i) => relativeError(data as Float32Array, expected[i]!.data));
      // Around 900, float32 values lie 6e-5 apart.
      const tolerance = entry.name.endsWith('large logits') ? 4e-5 : 2e-6;
      expect(Math.max(...errors), `relative errors ${errors}`).toBeLessThan(tolerance);
    });
  }
});

describe('primitives against ONNX Runtime, on random shapes', () => {
  const DRAWS = 12;

  test('both executors have all primitives, and each has samples', () => {
    expect(Object.keys(kernels).sort()).toEqual(Object.keys(emitters).sort());
    expect([...sampledPrimitives].sort()).toEqual(Object.keys(emitters).sort());
  });

  for (const primitive of sampledPrimitives) {
    test(primitive, async () => {
      let uses = 0;
      for (let draw = 0; draw < DRAWS; draw++) {
        const { arrays, build } = sampleOf(primitive, draw);
        const watched = (...inputs: g.Tensor[]) => {
          const y = build(...inputs);
          if (y.trace.nodes.some(({ op }) => op === primitive)) uses++;
          return y;
        };
        const [[actual], [expected]] = [await evaluate(watched, arrays, { device }), await evaluate(build, arrays)];
        const what = `draw ${draw}, of ${arrays.map(({ dtype, shape }) => `${dtype} [${shape}]`).join(', ')}`;
        expect({ dtype: actual!.dtype, shape: actual!.shape }, what).toEqual({ dtype: expected!.dtype, shape: expected!.shape });
        expect(relativeError(actual!.data as Float32Array, expected!.data as Float32Array), what).toBeLessThan(2e-6);
      }
      // What changes nothing (a transposition of no axes) is left out of the graph.
      expect(uses).toBeGreaterThan(DRAWS / 2);
    });
  }
});
