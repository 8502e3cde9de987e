import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { PLAIN } from '../../../src/core/data/augment/index.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { init, initialState } from '../../../src/core/nn/index.js';
import { isWeight, sgd } from '../../../src/core/optim/index.js';
import {
  fullMasks, keptEntries, pruneByMagnitude, supervisedJob, train, withMasks, type ImageEncoder, type Masks, type State,
} from '../../../src/core/train/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

const state: State = new Map([['a', gaussian('a', [40, 20])], ['b', gaussian('b', [200], 0.1)], ['other', gaussian('other', [5])]]);
const entries = (masks: Masks) => [...masks.values()].flatMap(numbersOf);

describe('pruneByMagnitude', () => {
  test('takes a share of what is left in every round; masks are nested', () => {
    let masks = fullMasks(state, ['a', 'b']);
    for (let r = 1; r <= 9; r++) {
      const next = pruneByMagnitude(state, masks, 0.2);
      expect(keptEntries(next)).toBe(keptEntries(masks) - Math.floor(0.2 * keptEntries(masks)));
      const before = entries(masks);
      expect(entries(next).every((one, i) => one <= before[i]!)).toBe(true);
      masks = next;
      // Rounding down keeps at most one entry more in each round.
      expect(Math.abs(keptEntries(masks) - 1000 * 0.8 ** r)).toBeLessThanOrEqual(r);
      if (r === 3) expect(keptEntries(masks)).toBe(512);
    }
  });

  test('takes the smallest of all parameters together, none smaller stays', () => {
    const masks = pruneByMagnitude(state, fullMasks(state, ['a', 'b']), 0.3);
    const magnitudes = [...masks].flatMap(([name, mask]) =>
      numbersOf(state.get(name)!).map((value, i) => ({ size: Math.abs(value), kept: numbersOf(mask)[i] === 1 })));
    const smallestKept = Math.min(...magnitudes.filter(({ kept }) => kept).map(({ size }) => size));
    expect(Math.max(...magnitudes.filter(({ kept }) => !kept).map(({ size }) => size))).toBeLessThanOrEqual(smallestKept);
    // b is ten times smaller: most of it goes.
    expect(numbersOf(masks.get('b')!).filter((one) => one === 0).length).toBeGreaterThan(120);
  });

  test('of equal entries the first go, and never more than asked for', () => {
    const equal: State = new Map([['w', float32([10], [1, 1, 1, 0, 0, 2, 1, 1, 1, 1])]]);
    const masks = pruneByMagnitude(equal, fullMasks(equal, ['w']), 0.4);
    expect(numbersOf(masks.get('w')!)).toEqual([0, 0, 1, 0, 0, 1, 1, 1, 1, 1]);
    expect(numbersOf(pruneByMagnitude(equal, masks, 0.01).get('w')!)).toEqual(numbersOf(masks.get('w')!));
  });
});

describe('training with masks', () => {
  const encoder: ImageEncoder = {
    encoder: { name: 'convnet3', width: 4, norm: 'batch' }, input: { channels: 3, size: 16, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  };
  const { images, labels } = synthImages({ count: 24, size: 16, classes: 3, seed: 1 });
  const job = supervisedJob(encoder, { images, rows: [...Array(24).keys()], labels: labels!, classes: 3 }, {
    view: PLAIN, batch: 8, steps: 5, seed: 2, lr: () => 0.1, masked: isWeight, headInit: init.torchDefault,
    optimize: (scope, updates, lr) => sgd(scope, updates, { lr, momentum: 0.9, weightDecay: 1e-3 }),
  });
  const start = initialState(job.program, 2);
  const names = [...job.program.variables.values()].filter((v) => v.trainable && isWeight(v)).map(({ name }) => name);
  const masks = pruneByMagnitude(start, fullMasks(start, names), 0.5);

  test('pruned entries are 0 after every step, the others and what has no mask move', async () => {
    const feeds = await Promise.all([0, 1, 2].map(async (k) => (await job.feeds(k))!));
    const { states } = await runSteps(job.program, feeds, { state: Object.fromEntries(withMasks(start, masks)), seed: 2 });
    for (const after of states) {
      for (const [name, mask] of masks) {
        const [values, before] = [numbersOf(after.get(name)!), numbersOf(start.get(name)!)];
        const kept = numbersOf(mask);
        expect(values.every((value, i) => (kept[i] === 0 ? value === 0 : true)), name).toBe(true);
        expect(values.some((value, i) => kept[i] === 1 && value !== before[i])).toBe(true);
      }
      expect(numbersOf(after.get('encoder.block1.norm.bias')!)).not.toEqual(numbersOf(start.get('encoder.block1.norm.bias')!));
    }
  });

  test('rewound, the kept entries are those of the start exactly', async () => {
    const { state: end } = await train(job, { seed: 0, threads: 1, resume: { state: withMasks(start, masks), step: 0 } });
    const rewound = withMasks(start, pruneByMagnitude(end, masks, 0.2));
    for (const [name] of masks) {
      const [values, before] = [numbersOf(rewound.get(name)!), numbersOf(start.get(name)!)];
      const kept = numbersOf(rewound.get(`mask.${name}`)!);
      expect(values).toEqual(before.map((value, i) => (kept[i] === 1 ? value : value * 0)));
    }
  });
});
