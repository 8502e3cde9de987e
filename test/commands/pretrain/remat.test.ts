import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { byo, scratchFolder } from '../../support/cli.js';

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const OPTIONS = ['--encoder', 'resnet18', '--width', '16', '--batch', '64', '--optimizer', 'sgd', '--lr', '1', '--warmup-epochs', '0',
  '--proj-hidden', '16', '--proj-out', '8', '--pred-hidden', '16', '--steps', '1', '--threads', '1', '-q'];

/** One step of BYOL: the digest of the model and the megabytes that the process holds after it. */
async function stepOf(name: string, ...more: string[]): Promise<{ digest?: string; memory: number }> {
  const done = await byo(['pretrain', 'byol', 'set.st', ...OPTIONS, '-o', `${name}.st`, '--log', `${name}.jsonl`, ...more], { cwd: folder });
  expect(done.code, done.stderr).toBe(0);
  const { memoryMb } = JSON.parse(await readFile(at(`${name}.jsonl`), 'utf8'));
  return { digest: (await readArtifact(at(`${name}.st`))).digest, memory: memoryMb };
}

test('--remat takes less memory and gives the same bytes', async () => {
  await byo(['synth', 'images', '--count', '80', '--size', '32', '--classes', '2', '-o', at('set.st')]);
  const plain = await stepOf('plain');
  const remat = await stepOf('remat', '--remat');
  expect(remat.digest).toBe(plain.digest);
  // Values that wait for the backward pass take 185 MB, rematerialised about 70; the process takes 180 without a step.
  expect(remat.memory).toBeLessThan(plain.memory - 60);
});
