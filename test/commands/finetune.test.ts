import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { byo, scratchFolder } from '../support/cli.js';
import { runJson } from '../support/command.js';
import { expectFailure, TINY } from './support.js';

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const SET = ['--count', '200', '--size', '16', '--classes', '2', '--test', '0.5'];

beforeAll(async () => {
  const pretrain = ['pretrain', 'byol', 'set.st', ...TINY, '--steps', '1', '-q', '-o', 'model.st'];
  for (const line of [['synth', 'images', ...SET, '-o', 'set.st'], pretrain]) {
    const { code, stderr } = await byo(line, { cwd: folder });
    expect(code, stderr).toBe(0);
  }
});

const tune = (...more: string[]) => runJson('probe fewshot', [
  at('set.st'), '--model', at('model.st'), '--finetune', '--draws', '2', '--steps', '40', '--threads', '1', ...more]);

describe('byo probe fewshot --finetune', () => {
  test('learns from the labels, takes the rate that validation prefers, and gives the same numbers again', async () => {
    const twice = () => tune('--counts', '60', '--lrs', '0.001,0.01', '--val-fraction', '0.3');
    const [report] = await twice();
    const { probe, value, accuracies, lrs, sweep, n, features } = report!;
    expect([probe, n, features]).toEqual(['finetune', { train: 60, test: 100, draws: 2 }, 32]);
    expect(value).toBeGreaterThan(0.6); // chance is 0.5
    expect(accuracies).toHaveLength(2);
    const [slow, fast] = sweep as { lr: number; validation: number[] }[];
    expect([slow!.lr, fast!.lr]).toEqual([0.001, 0.01]);
    expect(lrs).toEqual(slow!.validation.map((reached, d) => (fast!.validation[d]! > reached ? 0.01 : 0.001)));
    expect(await twice()).toEqual([report]);
  });

  test('directly from random weights it is another run; flips too', async () => {
    const few = (...more: string[]) => tune('--shots', '5', '--lrs', '0.01', ...more);
    const [tuned, direct, mirrored] = [await few(), await few('--untrained'), await few('--flips', 'all')];
    expect([tuned[0]!.probe, direct[0]!.probe]).toEqual(['finetune', 'direct']);
    expect(tuned[0]!.n.train).toBe(10);
    expect(direct[0]!.accuracies).not.toEqual(tuned[0]!.accuracies);
    expect(mirrored[0]!.accuracies).not.toEqual(tuned[0]!.accuracies);
  });

  test('mistakes are one sentence', async () => {
    const run = (...args: string[]) => byo(['probe', 'fewshot', 'set.st', ...args], { cwd: folder });
    expectFailure(await run('--finetune'), 2, '--finetune trains an encoder; name the model with --model, and give a data set of images');
    expectFailure(await run('--model', 'model.st', '--finetune', '--ways', '2'), 2, 'episodes (--ways) are of frozen features; leave --finetune out');
    expectFailure(await run('--model', 'model.st', '--untrained'), 2, '--untrained is for --finetune');
    expectFailure(await run('--model', 'model.st', '--finetune', '--test', 'set.st'), 2, 'leave --test out');
  });
});
