import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dsa, matchProgram, type DsaOptions } from '../../../src/commands/dataset-distill/dsa.js';
import { inGroups } from '../../../src/commands/dataset-distill/matching.js';
import type { Source } from '../../../src/commands/dataset-distill/source.js';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { declareSiamese, drawSiamese, siamese, siameseInputs, type SIAMESE_KINDS } from '../../../src/core/data/augment/index.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { input } from '../../../src/core/graph/index.js';
import { gradientDistance } from '../../../src/core/losses/index.js';
import { Stream, stream } from '../../../src/core/random.js';
import { train, type State } from '../../../src/core/train/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce, runSteps } from '../../support/steps.js';

interface AugmentationCase {
  readonly kind: (typeof SIAMESE_KINDS)[number];
  readonly numbers: readonly number[];
  readonly output: GoldenTensor;
}
const golden = JSON.parse(readFileSync(new URL('../../golden/dsa.json', import.meta.url), 'utf8')) as {
  augmentations: { images: GoldenTensor; cases: AugmentationCase[] };
  sizes: { size: number; batch: number; width: number; classes: number; label: number; lr: number };
  state: Readonly<Record<string, GoldenTensor>>;
  real: GoldenTensor; images: GoldenTensor; momentum: GoldenTensor; distance: number; grad: GoldenTensor; after: GoldenTensor;
};

/** A stream of the given numbers. */
const numbered = (numbers: readonly number[]): Stream => {
  const left = [...numbers];
  return Object.assign(Object.create(Stream.prototype) as Stream, {
    next: () => left.shift()!, int: () => left.shift()!,
    between: (low: number, high: number) => low + (high - low) * left.shift()!,
  });
};

describe("siamese augmentation is the official code's", () => {
  const { images, cases } = golden.augmentations;
  const dims = { height: images.shape[2]!, width: images.shape[3]! };

  test.each(cases.map((entry, i) => [i, entry] as const))('case %#', async (_, { kind, numbers, output }) => {
    const { outputs } = await runOnce(() => ({ y: siamese(input('x', images.shape), declareSiamese('view', dims)) }),
      { feed: { x: toArray(images), ...siameseInputs('view', drawSiamese(dims, numbered(numbers), kind)) } });
    expect(relativeError(numbersOf(outputs.y!), output.data)).toBeLessThan(1e-5);
  });

  test('all kinds are drawn, and a half of the flips flips', () => {
    const random = stream(3, 'siamese');
    const draws = Array.from({ length: 400 }, () => drawSiamese({ height: 4, width: 4 }, random, 'flip'));
    const flipped = draws.filter(({ taps }) => taps.data[0] === 3).length;
    expect(Math.abs(flipped - 200)).toBeLessThan(5 * Math.sqrt(100));
    const kinds = new Set(Array.from({ length: 200 }, () => {
      const { color, weights } = drawSiamese({ height: 8, width: 8 }, random);
      return `${color.data[2] !== 1} ${numbersOf(weights).filter((v) => v !== 0).length}`;
    }));
    expect(kinds.size).toBeGreaterThan(5);
  });
});

test('one class: the distance of the gradients, its gradient through them, and the update of the images', async () => {
  const { sizes: { size, batch, width, classes, label, lr }, state } = golden;
  const network = { encoder: { name: 'distillnet2', width, norm: 'instance' }, classes, dims: { height: 8, width: 8 } } as const;
  const how = { channels: 3, size: 8, mean: [0, 0, 0], std: [1, 1, 1] };
  const program = matchProgram(network, size, batch, [3, 8, 8], how);
  const { outputs: [out], states: [after] } = await runSteps(program, [{
    real: toArray(golden.real), realLabels: int32([batch], Array(batch).fill(label)),
    labels: int32([size], Array(size).fill(label)),
    lr: float32([], [lr]), ...siameseInputs('view', drawSiamese(network.dims, numbered([0.8]), 'rotate')),
  }], { state: {
    ...Object.fromEntries(Object.entries(state).map(([name, value]) => [`model.${name}`, toArray(value)])),
    'synthetic.images': toArray(golden.images), 'optimizer.momentum.synthetic.images': toArray(golden.momentum),
  } });
  expect(numbersOf(out!.loss!)[0]! / golden.distance).toBeCloseTo(1, 4);
  const moved = numbersOf(after!.get('optimizer.momentum.synthetic.images')!).map((v, i) => v - 0.5 * golden.momentum.data[i]!);
  expect(relativeError(moved, golden.grad.data)).toBeLessThan(1e-3);
  expect(relativeError(numbersOf(after!.get('synthetic.images')!), golden.after.data)).toBeLessThan(1e-4);
});

test('units without a gradient are neither NaN nor attractive; biases do not count', async () => {
  const [a, b] = [float32([2, 2], [1, 0, 0, 0]), float32([2, 2], [2, 2, 0, 0])];
  const [d] = await evaluate((x, y, v, w) => gradientDistance([x!, v!], [y!, w!]), [a, b, gaussian('v', [3]), gaussian('w', [3])]);
  expect(numbersOf(d!)[0]).toBeCloseTo(1 - Math.SQRT1_2 + 1, 5);
});

function source(count = 60): Source {
  const { images, labels } = synthImages({ count, size: 8, classes: 3, seed: 2 });
  const input = { channels: 3, size: 8, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  return { set: { examples: images, labels: labels! }, input };
}
const OPTIONS: DsaOptions = {
  size: 7, encoder: { name: 'distillnet2', width: 4 }, steps: 12, batch: 30, dsaLr: 0.1, dsaNetLr: 0.01, dsaUpdates: 3, dsaEpochs: 2,
  normalizeSynthetic: false,
};

async function learn(options: Partial<DsaOptions> = {}, resume?: { state: State; step: number }) {
  const run = dsa(source(), { ...OPTIONS, ...options }, 5, { threads: 1 });
  const states: State[] = [];
  const losses: number[] = [];
  const { state } = await train(run, {
    seed: 5, threads: 1, ...(resume && { resume }),
    onStep: (report) => { states.push(report.state()); losses.push(report.metrics.loss!); },
  });
  return { state, states, losses };
}
const valuesOf = (state: State, name: string): number[] => numbersOf(state.get(name) as NdArray);

describe('dsa', () => {
  test('the images come nearer to the gradients of the real ones', async () => {
    // One network throughout: what is left of the distance is the noise of batches and augmentation.
    const { losses } = await learn({ steps: 150, dsaUpdates: 150, dsaEpochs: 0, dsaLr: 1 });
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(losses.slice(-30))).toBeLessThan(0.85 * mean(losses.slice(0, 10)));
  });

  test('resumed at any step it goes on to the same bytes', async () => {
    const whole = await learn();
    for (const step of [1, 3, 11]) {
      const { state } = await learn({}, { state: whole.states[step - 1]!, step });
      expect([...state.keys()].sort()).toEqual([...whole.state.keys()].sort());
      for (const [name, { data }] of whole.state) expect(state.get(name)!.data, name).toEqual(data);
    }
  });

  test('a network is trained between updates, kept after the last, and then replaced', async () => {
    const { states } = await learn({ steps: 4 });
    const weights = states.map((state) => valuesOf(state, 'model.head.weight'));
    expect(weights[1]).not.toEqual(weights[0]);
    expect(weights[2]).toEqual(weights[1]);
    expect(weights[3]).not.toEqual(weights[2]);
  });

  test('classes have as many images as others or one more, and a class only moves its own', async () => {
    const { set } = source();
    const { groups, chosen } = inGroups(set, 7, 5);
    expect(groups.map((rows) => new Set(rows.map((i) => set.labels![i])).size)).toEqual([1, 1, 1]);
    const counts = [0, 1, 2].map((group) => chosen.filter((one) => one.group === group).length);
    expect(counts.sort()).toEqual([2, 2, 3]);
    for (const { row, group } of chosen) expect(groups[group]).toContain(row);
    // With fewer images than classes some class has none, and the rest are learnt.
    const { losses } = await learn({ size: 2, steps: 2 });
    expect(losses.every((loss) => loss > 0)).toBe(true);
  });

  test('without labels it says what does without', () => {
    const { set: { examples }, input } = source();
    expect(() => dsa({ set: { examples }, input }, OPTIONS, 5, {}))
      .toThrow('--method dsa matches the gradients of a classifier, but the data set has no labels; --method dm and krr-st do without');
  });
});
