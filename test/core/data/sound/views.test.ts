import { describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../../src/core/array.js';
import { writeInterpolation } from '../../../../src/core/data/augment/resample.js';
import { EPSILON } from '../../../../src/core/data/sound/log-mel.js';
import {
  declareSoundPlan, drawSoundCrop, InputMemory, logMixupExp, normalizeTogether, planSoundView, remember, soundPlanInputs,
  soundView, type SoundView,
} from '../../../../src/core/data/sound/views.js';
import { input, trace } from '../../../../src/core/graph/index.js';
import { compile } from '../../../../src/core/engine/index.js';
import { stream } from '../../../../src/core/random.js';
import { golden } from '../../../support/byol-a.js';
import { toArray } from '../../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../../support/run.js';
import { numbersOf } from '../../../support/steps.js';

const PAPER = { mels: [0.6, 1.5], frames: [0.6, 1.5], canvas: [1, 1.5] } as const;
const DIMS = { batch: 4, mels: 12, frames: 16 };
const SHAPE = [4, 1, 12, 16];

/** One view of x by a plan. */
async function viewed(x: NdArray, view: SoundView, plan: Record<string, NdArray>, pool?: NdArray): Promise<number[]> {
  const program = trace((current) => {
    const y = soundView(input('x', x.shape), declareSoundPlan('v', view, DIMS), view, { ...(pool && { pool: input('pool', pool.shape) }) });
    return { name: 'test', state: [], outputs: new Map([['y', y]]), inputs: current.nodes.filter(({ op }) => op === 'input') };
  });
  const executable = compile(program, { threads: 1 });
  try {
    return numbersOf((await executable.run({ x, ...(pool && { pool }), ...soundPlanInputs('v', plan) })).y!);
  } finally {
    executable.dispose();
  }
}
const mixing = (shares: number[], others: number[], mixed = shares.map(() => 1)) =>
  ({ share: float32([4, 1, 1, 1], shares), other: int32([4], others), mixed: float32([4, 1, 1, 1], mixed) });

describe('log-mixup-exp', () => {
  const x = gaussian('x', SHAPE);
  const pool = gaussian('pool', [3, 1, 12, 16]);
  const view: SoundView = { mixup: { alpha: 1, memory: 8 } };
  const row = (values: ArrayLike<number>, i: number) => Array.from(values).slice(i * 192, (i + 1) * 192);

  test('a share of 0 changes nothing, of 1 gives the other input, and nothing is mixed where nothing is remembered', async () => {
    const y = await viewed(x, view, mixing([0, 1, 0.7, 0.3], [2, 1, 0, 0], [1, 1, 0, 1]), pool);
    row(y, 0).forEach((value, i) => expect(value).toBeCloseTo(x.data[i]!, 4));
    row(y, 1).forEach((value, i) => expect(value).toBeCloseTo(pool.data[192 + i]!, 4));
    expect(row(y, 2)).toEqual(row(x.data, 2));
    row(y, 3).forEach((value, i) => {
      const [a, b] = [x.data[3 * 192 + i]!, pool.data[i]!];
      expect(value).toBeCloseTo(Math.log(0.7 * Math.exp(a) + 0.3 * Math.exp(b) + EPSILON), 5);
      expect(value).toBeGreaterThanOrEqual(Math.min(a, b) - 1e-5);
      expect(value).toBeLessThanOrEqual(Math.max(a, b) + 1e-5);
      expect(value).toBeGreaterThanOrEqual(Math.log(0.7) + a - 1e-5);
    });
  });

  test('an input mixed with itself stays what it is, whatever the share', async () => {
    const share = float32([4, 1, 1, 1], [0.1, 0.4, 0.9, 0.5]);
    const [y] = await evaluate((a, b) => logMixupExp(a, a, b), [x, share]);
    expect(relativeError(numbersOf(y!), x.data)).toBeLessThan(1e-5);
  });
});

describe('random resize crop', () => {
  for (const { top, left, height, width, input: x, output } of golden.crops) {
    test(`${height}x${width} from (${top}, ${left}) is PyTorch's bicubic interpolation with aligned corners`, async () => {
      const [mels, frames] = x.shape as [number, number];
      const [rows, columns] = [float32([mels, mels]), float32([frames, frames])];
      writeInterpolation({ out: rows.data, offset: 0, outputStride: mels, inputStride: 1 }, top, height, mels, mels);
      writeInterpolation({ out: columns.data, offset: 0, outputStride: 1, inputStride: frames }, left, width, frames, frames);
      const [y] = await evaluate((a, r, c) => r.matmul(a.matmul(c)), [toArray(x), rows, columns]);
      expect(relativeError(numbersOf(y!), output.data)).toBeLessThan(2e-6);
    });
  }

  test('the kernel has the weights of a = -0.75; the whole is the exact identity', () => {
    const weights = (inputs: number, outputs: number, row: number) => {
      const out = new Float32Array(inputs * outputs);
      writeInterpolation({ out, offset: 0, outputStride: inputs, inputStride: 1 }, 0, inputs, outputs, inputs);
      return [...out.subarray(row * inputs, (row + 1) * inputs)];
    };
    // 17 points of 5 positions are a quarter apart.
    expect(weights(5, 17, 5)).toEqual([-0.10546875, 0.87890625, 0.26171875, -0.03515625, 0]);
    expect(weights(5, 17, 6)).toEqual([-0.09375, 0.59375, 0.59375, -0.09375, 0]);
    expect(weights(5, 1, 0)).toEqual([1, 0, 0, 0, 0]);
    for (let row = 0; row < 6; row++) expect(weights(6, 6, row)).toEqual(Array.from({ length: 6 }, (_, i) => Number(i === row)));
  });

  test('crops have the sizes of the paper and lie on the canvas', () => {
    const random = stream(1, 'crops');
    const crops = Array.from({ length: 4000 }, () => drawSoundCrop(PAPER, { mels: 64, frames: 96 }, random));
    const share = crops.filter(({ height }) => height === 64).length / crops.length;
    expect(Math.abs(share - 5 / 9)).toBeLessThan(0.03);
    expect(Math.min(...crops.map(({ height }) => height))).toBe(38);
    expect(Math.min(...crops.map(({ width }) => width))).toBe(57);
    expect(Math.max(...crops.map(({ width }) => width))).toBe(143);
    for (const { top, left, height, width } of crops) {
      expect(top >= 0 && top + height <= 64 && left >= -24 && left + width <= 120).toBe(true);
    }
  });
});

describe('planSoundView and soundView', () => {
  const x = gaussian('x', SHAPE);

  test('the fader adds a straight line over time, the same to all mels, of at most its gain', async () => {
    const view: SoundView = { fader: 1 };
    const y = await viewed(x, view, planSoundView(view, DIMS, stream(2, 'fader')));
    const added = y.map((value, i) => value - x.data[i]!);
    for (let b = 0; b < 4; b++) {
      const line = added.slice(b * 192, b * 192 + 16);
      for (let m = 0; m < 12; m++) for (let t = 0; t < 16; t++) expect(added[b * 192 + m * 16 + t]).toBeCloseTo(line[t]!, 5);
      for (let t = 1; t < 15; t++) expect(line[t + 1]! - 2 * line[t]! + line[t - 1]!).toBeCloseTo(0, 5);
      expect(Math.max(...line.map(Math.abs))).toBeLessThanOrEqual(1);
      expect(Math.abs(line[0]! - line[15]!)).toBeGreaterThan(0.01);
    }
  });

  test('a view of everything is drawn from its stream alone; nothing of what is left out is fed', () => {
    const view: SoundView = { mixup: { alpha: 0.4, memory: 8 }, crop: PAPER, fader: 1 };
    const plan = () => planSoundView(view, DIMS, stream(5, 'plan', 7), (row) => (row === 0 ? undefined : row));
    expect(plan()).toEqual(plan());
    expect(Object.keys(plan()).sort()).toEqual(['columns', 'fader', 'mixed', 'other', 'rows', 'share']);
    expect([[...plan().other!.data], [...plan().mixed!.data]]).toEqual([[0, 1, 2, 3], [0, 1, 1, 1]]);
    expect(Math.max(...numbersOf(plan().share!))).toBeLessThanOrEqual(0.4);
    expect(planSoundView({}, DIMS, stream(5, 'plan', 7))).toEqual({});
  });

  test('post-normalisation is that of PyTorch, and does not see scale and offset', async () => {
    const [{ input: raw, output }] = golden.together as [typeof golden.together[number]];
    const [y, moved, flat] = await evaluate(
      (a, b) => [a, a.mul(3).add(2), b].map(normalizeTogether), [toArray(raw), float32([2, 3], Array(6).fill(4))]);
    expect(relativeError(numbersOf(y!), output.data)).toBeLessThan(1e-6);
    expect(relativeError(numbersOf(moved!), output.data)).toBeLessThan(1e-6);
    expect(numbersOf(flat!)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('InputMemory', () => {
  /** What the official code does: one clip after the other, view after view, appended behind each draw. */
  function simulated(size: number, batch: number, steps: number) {
    const bank: string[] = [];
    const possible: Set<string>[][] = [];
    for (let clip = 0; clip < batch * steps; clip++) {
      possible.push([0, 1].map((view) => {
        const now = new Set(bank);
        bank.push(`${clip}.${view}`);
        if (bank.length > size) bank.shift();
        return now;
      }));
    }
    return possible;
  }

  test.each([[1, 8, 4], [2, 8, 4], [1, 5, 4], [2, 7, 2], [1, 100, 3], [2, 1, 3]] as const)('views %i, %i remembered, batches of %i: any earlier input may be met, no other', (views, size, batch) => {
    const steps = 8;
    const memory = new InputMemory(size, batch, views);
    const expected = simulated(size, batch, steps);
    // Row r of the pool at a step, as clip and view.
    const inputAt = (step: number, row: number) => {
      const [block, within] = [step - memory.blocks + Math.floor(row / memory.stride), row % memory.stride];
      return { clip: block * batch + (within % batch), view: Math.floor(within / batch) };
    };
    for (let step = 0; step < steps; step++) {
      for (let row = 0; row < batch; row++) {
        for (const view of [0, 1] as const) {
          const random = stream(1, 'memory', (step * batch + row) * 2 + view);
          const met = new Set<string>();
          for (let k = 0; k < 200; k++) {
            const at = memory.draw(step, row, view, random);
            if (at === undefined) continue;
            expect(at >= 0 && at < memory.rows + memory.stride).toBe(true);
            const { clip, view: of } = inputAt(step, at);
            met.add(views === 2 ? `${clip}.${of}` : `${clip}`);
          }
          const allowed = new Set([...expected[step * batch + row]![view]!].map((name) => (views === 2 ? name : name.split('.')[0]!)));
          expect(met, `step ${step}, row ${row}, view ${view}`).toEqual(allowed);
        }
      }
    }
  });

  test('blocks move up as they are remembered, unmixed', async () => {
    const [pool, next] = await evaluate((memory, x) => Object.values(remember(memory, [x])), [
      float32([4, 1, 1, 1], [1, 2, 3, 4]), float32([2, 1, 1, 1], [5, 6]),
    ]);
    expect([numbersOf(pool!), numbersOf(next!)]).toEqual([[1, 2, 3, 4, 5, 6], [3, 4, 5, 6]]);
  });
});
