import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, program, scratchFolder, type Finished } from '../support/cli.js';
import { expectFailure, filesIn, TINY } from './support.js';

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const STEPS = 60;
const options = [...TINY, '--lr', '0.5', '--steps', String(STEPS), '--accumulate', '2', '--monitor', 'linear'];
const pretrain = (...more: string[]) => byo(['pretrain', 'byol', 'set.st', ...options, ...more], { cwd: folder });

interface LogLine extends Readonly<Record<string, number>> {
  readonly step: number;
  readonly loss: number;
}
const readLog = async (name: string): Promise<LogLine[]> => {
  const text = existsSync(at(name)) ? await readFile(at(name), 'utf8') : '';
  return text.split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
};

/** Starts a run and sends it a signal as soon as its log shows that `step` is done. */
async function interruptedAt(step: number, signal: NodeJS.Signals, name: string, ...more: string[]): Promise<Finished> {
  const log = `${name}.jsonl`;
  const child = execa(process.execPath, [program, 'pretrain', 'byol', 'set.st', ...options, '-o', `${name}.st`, '--log', log, ...more],
    { cwd: folder, reject: false });
  while (((await readLog(log)).at(-1)?.step ?? 0) < step) await sleep(3);
  child.kill(signal);
  const { exitCode, stdout, stderr } = await child;
  return { code: exitCode ?? -1, stdout, stderr };
}

beforeAll(async () => {
  await byo(['synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '-o', at('set.st')]);
  const whole = await pretrain('-o', 'whole.st', '--log', 'whole.jsonl');
  expect(whole.code, whole.stderr).toBe(0);
});

describe('a run that is interrupted', () => {
  test('saves and exits with 130; resumed, and interrupted again, it ends in the same bytes and the same log', async () => {
    for (const [turn, step] of [5, 21].entries()) {
      const { code, stderr } = await interruptedAt(step, 'SIGINT', 'cut', ...(turn ? ['--resume'] : []));
      expect(code, stderr).toBe(130);
      const stopped = Number(/stopped after step (\d+) of 60; the state is in cut\.st\.ckpt, --resume goes on from it/.exec(stderr)?.[1]);
      expect(stopped).toBeGreaterThanOrEqual(step);
      expect(existsSync(at('cut.st'))).toBe(false);
      const { kind, meta } = await readArtifact(at('cut.st.ckpt'));
      expect([kind, meta.step]).toEqual(['checkpoint', stopped]);
    }
    const resumed = await pretrain('-o', 'cut.st', '--log', 'cut.jsonl', '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/^resuming at step \d+ of 60$/m);
    expect(await readFile(at('cut.st'))).toEqual(await readFile(at('whole.st')));
    expect(existsSync(at('cut.st.ckpt'))).toBe(false);

    const [cut, whole] = [await readLog('cut.jsonl'), await readLog('whole.jsonl')];
    expect(whole.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    const numbers = ({ step, loss, featureStd, monitorAccuracy, lr, tau }: LogLine) =>
      ({ step, loss, featureStd, monitorAccuracy, lr, tau });
    expect(cut.map(numbers)).toEqual(whole.map(numbers));
  });

  test('SIGTERM exits with 143; other options are refused on resumption, and the checkpoint stays', async () => {
    const { code } = await interruptedAt(3, 'SIGTERM', 'other');
    expect(code).toBe(143);
    const before = await readFile(at('other.st.ckpt'));
    const changed = await byo(['pretrain', 'byol', 'set.st', ...options, '--tau', '0.5', '-o', 'other.st', '--resume'], { cwd: folder });
    expectFailure(changed, 3, /checkpoint other\.st\.ckpt belongs to another run: tau was 0\.99, and now is 0\.5; remove it, or give the same options/);
    await byo(['synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '--seed', '1', '-o', at('set2.st')]);
    const data = await byo(['pretrain', 'byol', 'set2.st', ...options, '-o', 'other.st', '--resume'], { cwd: folder });
    expectFailure(data, 3, 'belongs to another run: its data are different');
    expect(await readFile(at('other.st.ckpt'))).toEqual(before);
  });

  test('--resume without a checkpoint starts anew and says so', async () => {
    const { code, stderr } = await pretrain('-o', 'fresh.st', '--resume');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^no checkpoint to resume from at fresh\.st\.ckpt; starting anew$/m);
    expect(await readFile(at('fresh.st'))).toEqual(await readFile(at('whole.st')));
  });

  test('after its last step it is no longer interrupted: the model is written, and the exit code is 0', async () => {
    await execa('mkfifo', [at('late.st')]);
    const child = execa(process.execPath, [program, 'pretrain', 'byol', 'set.st', ...options, '-o', 'late.st', '--log', 'late.jsonl'],
      { cwd: folder, reject: false });
    while (((await readLog('late.jsonl')).at(-1)?.step ?? 0) < STEPS) await sleep(3);
    // Nobody reads the pipe yet, so the model cannot have been written.
    let said = '';
    child.stderr.on('data', (text) => { said += String(text); });
    child.kill('SIGINT');
    while (!said.includes('SIGINT')) await sleep(3);
    expect(await readFile(at('late.st'))).toEqual(await readFile(at('whole.st')));
    const { exitCode, stderr } = await child;
    expect(exitCode, stderr).toBe(0);
    expect(await filesIn(folder)).not.toContain('late.st.ckpt');
    await rm(at('late.st'));
  });

  test('anything but training ends at once, amid a long computation too', async () => {
    const before = await filesIn(folder);
    const child = execa(process.execPath, [program, 'synth', 'images', '--count', '1000000', '-o', 'big.st'], { cwd: folder, reject: false });
    await sleep(1000);
    child.kill('SIGINT');
    expect((await child).signal).toBe('SIGINT');
    expect(await filesIn(folder)).toEqual(before);
  });

  test('a file under way is removed before the signal ends the process', async () => {
    const script = `
      import { writeAtomic } from ${JSON.stringify(pathToFileURL(join(program, '../../dist/core/files/atomic.js')).href)};
      async function* slowly() {
        yield new Uint8Array(10);
        console.log('writing');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
      await writeAtomic('slow.st', slowly());`;
    const child = execa(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, reject: false });
    await once(child.stdout, 'data');
    expect((await filesIn(folder)).filter((name) => name.startsWith('.slow.st.tmp.'))).toHaveLength(1);
    child.kill('SIGTERM');
    expect((await child).signal).toBe('SIGTERM');
    expect((await filesIn(folder)).filter((name) => name.includes('slow.st'))).toEqual([]);
  });
});

describe('a run that diverges', () => {
  test('exits with 4, names step and tensor, writes no model, and keeps the last good checkpoint', async () => {
    const { code, stdout, stderr } = await byo(['pretrain', 'byol', 'set.st', ...TINY, '--steps', '20', '--lr', '1e30', '--norm', 'none',
      '--head-norm', 'none', '--checkpoint-every', '0.0001', '--log', 'bad.jsonl', '-o', 'bad.st', '-q'], { cwd: folder });
    expect(code, stderr).toBe(4);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^byo: step \d+: .*(online|target|optimizer)\.[\w.]+.*; try a smaller --lr or a longer warm-up$/);
    const failed = Number(/step (\d+)/.exec(stderr)![1]);
    expect(existsSync(at('bad.st'))).toBe(false);
    const { meta, tensors } = await readArtifact(at('bad.st.ckpt'), { kind: 'checkpoint' });
    expect(meta.step).toBe(failed - 1);
    for (const [name, { data }] of tensors) expect((data as Float32Array).every(Number.isFinite), name).toBe(true);
    expect((await readLog('bad.jsonl')).map(({ step }) => step)).toEqual(Array.from({ length: failed - 1 }, (_, i) => i + 1));
    expect((await filesIn(folder)).filter((name) => name.includes('.tmp.'))).toEqual([]);
  });
});

test('a model that cannot be written does not cost the checkpoint', async () => {
  const { code, stderr } = await byo(['pretrain', 'byol', 'set.st', ...TINY, '--steps', '4', '-q', '-o', '/dev/full',
    '--checkpoint', 'full.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^byo: cannot write \/dev\/full: the disk is full; .*$/);
  expect((await readArtifact(at('full.ckpt'))).meta.step).toBe(3);
});

test('the log holds losses, what was scheduled, throughput and memory; --log-every thins it out and keeps the last step', async () => {
  const [line] = await readLog('whole.jsonl');
  for (const key of ['step', 'epoch', 'loss', 'featureStd', 'lr', 'tau', 'examplesPerSecond', 'computeMs', 'dataMs', 'waitMs', 'memoryMb']) {
    expect(line![key], key).toBeTypeOf('number');
  }
  await byo(['pretrain', 'byol', 'set.st', ...TINY, '--steps', '7', '--log', 'thin.jsonl', '--log-every', '3', '-o', 'thin.st'], { cwd: folder });
  expect((await readLog('thin.jsonl')).map(({ step }) => step)).toEqual([3, 6, 7]);
});
