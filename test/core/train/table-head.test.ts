import { describe, expect, test } from 'vitest';
import { float32, int32 } from '../../../src/core/array.js';
import { encodeTable, fitTable } from '../../../src/core/data/table/encoding.js';
import type { TableSet } from '../../../src/core/data/table/set.js';
import { initialState, stepProgram, encodeTokens, TABLE_HEADS, type TableHeadSpec } from '../../../src/core/nn/index.js';
import {
  classTask, columnSource, embeddingRows, embedRows, encoderSource, latentSource, numberTask, poolTokens, tableInputs,
  trainTableHead,
  type HeadTraining, type TableEncoder,
} from '../../../src/core/train/index.js';
import { gaussian, relativeError } from '../../support/run.js';

/** Rows whose class is whether two numbers have the same sign, which a category turns around. */
const COUNT = 600;
const numbers = gaussian('numbers', [COUNT, 2]);
const kinds = Int32Array.from({ length: COUNT }, (_, i) => i % 3);
const set: TableSet = {
  columns: [
    { name: 'a', type: 'numeric' }, { name: 'b', type: 'numeric' }, { name: 'kind', type: 'categorical', categories: ['x', 'y', 'z'] },
  ],
  numeric: numbers, categorical: int32([COUNT, 1], kinds),
};
const labels = kinds.map((kind, i) => Number((numbers.data[2 * i]! * numbers.data[2 * i + 1]! > 0) !== (kind === 2)));
const rows = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const PARTS = { train: rows(0, 400), validation: rows(400, 500) };
const TEST = rows(500, 600);
const takes = fitTable(set);
const encoded = encodeTable(takes, set, 't');
const columns = columnSource(takes, encoded);
const SPEC: TableHeadSpec = { name: 'mlp', width: 16, layers: 2, heads: 2, dropout: 0 };
const TRAINING: HeadTraining = {
  lr: 1e-2, encoderLr: 1e-2, weightDecay: 0, batch: 50, epochs: 25, patience: 25, seed: 1, threads: 1,
};

async function accuracy(spec: Partial<TableHeadSpec>, training: Partial<HeadTraining> = {}): Promise<number> {
  const head = await trainTableHead(columns, classTask(labels, 2), { ...SPEC, ...spec }, PARTS, { ...TRAINING, ...training });
  const { data } = await head.predict(TEST);
  head.dispose();
  return TEST.filter((row, i) => Number(data[2 * i + 1]! > data[2 * i]!) === labels[row]).length / TEST.length;
}

describe('heads on columns', () => {
  test.each(TABLE_HEADS.filter((name) => name !== 'linear'))('%s learns an interaction of columns', async (name) => {
    expect(await accuracy({ name })).toBeGreaterThan(0.8);
  });

  test('a linear layer does not', async () => {
    expect(await accuracy({ name: 'linear' })).toBeLessThan(0.7);
  });

  test('keep the epoch with the smallest validation loss, and stop when it is long ago', async () => {
    const losses: number[] = [];
    const head = await trainTableHead(columns, classTask(labels, 2), SPEC, PARTS,
      { ...TRAINING, lr: 0.1, epochs: 60, patience: 4, onEpoch: (_, loss) => losses.push(loss!) });
    expect(head.validationLoss).toBe(Math.min(...losses));
    expect(head.epochs).toBe(1 + losses.indexOf(head.validationLoss!));
    expect(losses).toHaveLength(head.epochs + 4);
    // Its weights are those of that epoch.
    const { data } = await head.predict(PARTS.validation);
    const loss = PARTS.validation.reduce((total, row, i) => {
      const [a, b] = [data[2 * i]!, data[2 * i + 1]!];
      return total + Math.log(Math.exp(a) + Math.exp(b)) - (labels[row] ? b : a);
    }, 0) / PARTS.validation.length;
    expect(loss).toBeCloseTo(head.validationLoss!, 5);
    head.dispose();
  });

  test('give each row what they give it among others, and everything the same again', async () => {
    const spec: TableHeadSpec = { ...SPEC, name: 'resnet', dropout: 0.2 };
    const train = () => trainTableHead(columns, classTask(labels, 2), spec, PARTS, { ...TRAINING, epochs: 2 });
    const [head, again] = [await train(), await train()];
    const all = await head.predict(TEST);
    expect((await head.predict([TEST[7]!])).data).toEqual(all.data.slice(14, 16));
    expect((await again.predict(TEST)).data).toEqual(all.data);
    head.dispose();
    again.dispose();
  });

  test('predict numbers', async () => {
    const values = Float32Array.from({ length: COUNT }, (_, i) => numbers.data[2 * i]! + 0.5 * (kinds[i]! - 1));
    const head = await trainTableHead(columns, numberTask(values), SPEC, PARTS, TRAINING);
    const { data, cols } = await head.predict(TEST);
    expect(cols).toBe(1);
    expect(TEST.reduce((total, row, i) => total + (data[i]! - values[row]!) ** 2, 0) / TEST.length).toBeLessThan(0.05);
    head.dispose();
  });
});

describe('heads on latents', () => {
  const model: TableEncoder = { input: takes, encoder: { name: 't-jepa', width: 8, layers: 1, heads: 2, feedForward: 8, reg: 1 } };
  const weights = initialState(stepProgram('encoder', (root) =>
    ({ y: encodeTokens(root.at('encoder'), tableInputs(takes, 2), model.encoder, embeddingRows(takes)) })), 4);
  const task = classTask(labels, 2);

  test('of a frozen encoder and of one that hardly moves are the same', async () => {
    const latents = await embedRows(model, weights, encoded, { threads: 1 });
    expect(latents.shape).toEqual([COUNT, 4, 8]);
    for (const name of ['mlp', 'ft-transformer'] as const) {
      const settings = { ...TRAINING, encoderLr: 1e-12, epochs: 2 };
      const frozen = await trainTableHead(latentSource(latents, PARTS.train), task, { ...SPEC, name }, PARTS, settings);
      const source = encoderSource(model, weights, encoded, latents, PARTS.train);
      const still = await trainTableHead(source, task, { ...SPEC, name }, PARTS, settings);
      expect(relativeError((await still.predict(TEST)).data, (await frozen.predict(TEST)).data)).toBeLessThan(1e-3);
      for (const head of [frozen, still]) head.dispose();
    }
  });

  test('of an encoder that is trained too fit better', async () => {
    const latents = await embedRows(model, weights, encoded, { threads: 1 });
    const settings = { ...TRAINING, epochs: 40 };
    const reached = async (tuned: boolean) => {
      const source = tuned ? encoderSource(model, weights, encoded, latents, PARTS.train) : latentSource(latents, PARTS.train);
      const head = await trainTableHead(source, task, { ...SPEC, name: 'linear' }, PARTS, settings);
      head.dispose();
      return head.validationLoss!;
    };
    expect(await reached(true)).toBeLessThan(0.8 * await reached(false));
  });

  test('are pooled as features', () => {
    const latents = float32([1, 3, 2], [1, 2, 3, 4, 5, 9]);
    expect(poolTokens(latents, 'flatten')).toEqual(float32([1, 6], [1, 2, 3, 4, 5, 9]));
    expect(poolTokens(latents, 'mean')).toEqual(float32([1, 2], [3, 5]));
    expect(poolTokens(latents, 'reg')).toEqual(float32([1, 2], [1, 2]));
  });
});
