import { describe, expect, test } from 'vitest';
import { barriersOf, interpolated } from '../../../src/commands/distill/landscape.js';
import { meansOf, summarize, tensorsOf, textOf, type Row } from '../../../src/commands/distill/table.js';
import { shifted } from '../../../src/commands/distill/tuning.js';
import { float32, ndarray, type NdArray } from '../../../src/core/array.js';
import { planView } from '../../../src/core/data/augment/index.js';
import { initialState, stepProgram, encode } from '../../../src/core/nn/index.js';
import { input } from '../../../src/core/graph/index.js';
import { stream } from '../../../src/core/random.js';
import { softmaxRows } from '../../../src/core/stats/logistic.js';
import { negativeLogLikelihood } from '../../../src/core/stats/metrics.js';
import { embedImages, type ImageEncoder, type State } from '../../../src/core/train/index.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const line = (errors: readonly number[], losses = errors, more: Row = {}): Row[] =>
  errors.map((error, k) => ({ start: 'student', seed: 0, i: 0, j: 1, gamma: k / (errors.length - 1), error, loss: losses[k]!, ...more }));

describe('barriers', () => {
  test('are how far a line rises above the straight line between its ends', () => {
    const points = [...line([0.2, 0.5, 0.3, 0.5], [1, 0.9, 0.8, 1]), ...line([0.1, 0.1, 0.1], [2, 3, 2], { seed: 1 })];
    const [first, second] = barriersOf(points);
    expect(first!.endError).toBeCloseTo(0.35, 10);
    expect(first!.errorBarrier).toBeCloseTo(0.2, 10);
    expect(first!.lossBarrier).toBe(0);
    expect([second!.errorBarrier, second!.lossBarrier]).toEqual([0, 1]);
  });

  test('interpolation gives its ends at 0 and 1, and between equal ends nothing but them', () => {
    const [a, b]: [State, State] = [new Map([['w', gaussian('a', [6])]]), new Map([['w', gaussian('b', [6])]])];
    const at = (gamma: number, from = a, to = b) => numbersOf(interpolated(from, to, gamma).get('w')!);
    expect([at(0), at(1)]).toEqual([numbersOf(a.get('w')!), numbersOf(b.get('w')!)]);
    at(0.5).forEach((v, i) => expect(v).toBeCloseTo((numbersOf(a.get('w')!)[i]! + numbersOf(b.get('w')!)[i]!) / 2, 6));
    expect(relativeError(at(0.3, a, a), numbersOf(a.get('w')!))).toBeLessThan(1e-6);
  });

  test('of the loss of a linear classifier, which is convex, are never above 0', () => {
    const x = gaussian('x', [30, 5]);
    const labels = Int32Array.from({ length: 30 }, (_, i) => i % 3);
    const loss = (state: State) => {
      const w = numbersOf(state.get('w')!);
      const scores = Float64Array.from({ length: 90 }, (_, at) =>
        [0, 1, 2, 3, 4].reduce((total, d) => total + x.data[Math.floor(at / 3) * 5 + d]! * w[(at % 3) * 5 + d]!, 0));
      return negativeLogLikelihood(labels, softmaxRows({ rows: 30, cols: 3, data: scores }));
    };
    for (let draw = 0; draw < 5; draw++) {
      const [a, b] = ['a', 'b'].map((end): State => new Map([['w', gaussian(`${end}${draw}`, [3, 5], 3)]])) as [State, State];
      const losses = Array.from({ length: 9 }, (_, k) => loss(interpolated(a, b, k / 8)));
      expect(barriersOf(line(losses.map(() => 0), losses))[0]!.lossBarrier).toBeLessThan(1e-9);
      expect(losses[4]!).toBeLessThan((losses[0]! + losses[8]!) / 2);
    }
  });

  test('hidden units in another order are the same network, but not half-way to it', async () => {
    const model: ImageEncoder = {
      encoder: { name: 'convnet3', width: 8, norm: 'none' }, input: { channels: 3, size: 16, mean: [0, 0, 0], std: [1, 1, 1] },
    };
    const program = stepProgram('net', (root) => ({ y: encode(model.encoder, root.at('encoder'), input('x', [1, 3, 16, 16])) }));
    const a = initialState(program, 1);
    const order = stream(2, 'order').permutation(8);
    const rows = (name: string, axis: 0 | 1): NdArray => {
      const { shape, data } = a.get(name)!;
      const inner = shape.slice(axis + 1).reduce((p, n) => p * n, 1);
      return float32(shape, (data as Float32Array).map((_, at) => {
        const [block, rest] = [Math.floor(at / inner), at % inner];
        const outer = axis === 0 ? 0 : Math.floor(block / 8) * 8;
        return Number(data[(outer + order[block % 8]!) * inner + rest]);
      }));
    };
    const b = new Map([...a, ['encoder.block1.conv.weight', rows('encoder.block1.conv.weight', 0)],
      ['encoder.block2.conv.weight', rows('encoder.block2.conv.weight', 1)]] as [string, NdArray][]);
    const images = ndarray('uint8', [4, 3, 16, 16], Uint8Array.from(stream(5, 'images').uniform(3072), (v) => Math.floor(v * 256)));
    const features = async (state: State) => numbersOf(await embedImages(model, state, images, { threads: 1 }));
    expect(relativeError(await features(b), await features(a))).toBeLessThan(1e-5);
    expect(relativeError(await features(interpolated(a, b, 0.5)), await features(a))).toBeGreaterThan(0.1);
  });
});

describe('tables', () => {
  const rows: Row[] = [
    { start: 'a', seed: 0, error: 0.1 }, { start: 'a', seed: 1, error: 0.3 }, { start: 'b', seed: 0, error: 0.5 }, { start: 'b', seed: 1, error: 0.5 },
  ];

  test('are summed up by means, with intervals where there are several seeds', () => {
    expect(meansOf(rows, ['start'], ['error'])).toEqual([{ start: 'a', error: 0.2 }, { start: 'b', error: 0.5 }]);
    const [a, b] = summarize(rows, ['start'], ['error']);
    expect(a!.error).toBeCloseTo(0.2, 12);
    // t(1, 0.975) s / sqrt 2 with s = 0.1 sqrt 2
    expect(a!['error±']).toBeCloseTo(12.7062 * 0.1, 4);
    expect(b!['error±']).toBe(0);
    expect(summarize(rows.slice(0, 1), ['start'], ['error'])).toEqual([{ start: 'a', error: 0.1 }]);
  });

  test('become text, and tensors in which words are numbers', () => {
    expect(textOf(rows).split('\n')[0]).toMatch(/^start +seed +error$/);
    const { tensors, words } = tensorsOf(rows);
    expect(words).toEqual({ start: ['a', 'b'] });
    expect(numbersOf(tensors.get('start')!)).toEqual([0, 0, 1, 1]);
    expect(tensors.get('error')).toMatchObject({ dtype: 'float64', shape: [4] });
  });
});

test('images shifted: a black frame of an eighth, of which every view is a whole image in its size', () => {
  const set = ndarray('uint8', [1, 1, 16, 24], new Uint8Array(384).fill(9));
  const { images, view } = shifted(set);
  expect(images.shape).toEqual([1, 1, 20, 28]);
  expect(Array.from(images.data).filter((v) => v === 9)).toHaveLength(384);
  expect([images.data[0], images.data[2 * 28 + 2], images.data[2 * 28 + 25], images.data[2 * 28 + 26]]).toEqual([0, 9, 9, 0]);
  // In its own size nothing is resampled: the matrices only pick rows and columns.
  const square = shifted(ndarray('uint8', [1, 1, 16, 16], new Uint8Array(256)));
  const { rows, columns } = planView(square.view, { batch: 6, channels: 1, height: 20, width: 20, size: 16 }, stream(1, 'shift'));
  for (const matrix of [rows!, columns!]) {
    expect(new Set(numbersOf(matrix))).toEqual(new Set([0, 1]));
    expect(numbersOf(matrix).reduce((a, b) => a + b)).toBe(6 * 16);
  }
  expect(view.flip).toBe(0.5);
});
