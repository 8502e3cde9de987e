import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, scratchFolder, shell } from '../support/cli.js';
import { TINY } from './support.js';

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const read = (name: string) => readArtifact(at(name));
const run = async (line: string) => {
  const done = await shell(`set -eo pipefail; ${line}`, { cwd: folder });
  expect(done.code, done.stderr).toBe(0);
  return done;
};
const untuned = `byo pretrain byol ${TINY.join(' ')} --steps 3 -q`;
const pretrain = `${untuned} --lr 0.5`;

beforeAll(async () => {
  await run(`byo synth images --count 60 --size 16 --classes 3 -o set.st`);
  await run(`${pretrain} set.st -o model.st && byo embed --model model.st set.st -q -o features.st`);
});

describe('the pipeline', () => {
  test('synth, pretrain, embed and probe chain through pipes, with the same numbers as through files', async () => {
    const piped = await run('byo synth images --count 60 --size 16 --classes 3 '
      + `| ${pretrain} | byo embed --data set.st -q | byo probe linear -q --json`);
    const files = await run('byo probe linear -q --json features.st');
    expect(JSON.parse(piped.stdout)).toEqual(JSON.parse(files.stdout));
    const { probe, value, interval, n, classes, features } = JSON.parse(piped.stdout);
    expect({ probe, classes, features, test: n.test }).toEqual({ probe: 'linear', classes: 3, features: 32, test: 12 });
    expect(interval.low).toBeLessThanOrEqual(value);
    expect(interval.high).toBeGreaterThanOrEqual(value);
  });

  test('equal commands give equal bytes, at every stage; another seed gives others', async () => {
    await run(`byo synth images --count 60 --size 16 --classes 3 -o again.st && ${pretrain} again.st -o model2.st`);
    await run('byo embed --model model2.st again.st -q -o features2.st');
    expect(await readFile(at('again.st'))).toEqual(await readFile(at('set.st')));
    const [first, second] = [await read('model.st'), await read('model2.st')];
    for (const [name, array] of first.tensors) expect(second.tensors.get(name), name).toEqual(array);
    await run(`cp set.st same.st && mkdir elsewhere && cp set.st elsewhere/ && cd elsewhere && ${pretrain} set.st -o model.st`);
    expect(await readFile(at('elsewhere/model.st'))).toEqual(await readFile(at('model.st')));
    await run(`${pretrain} --seed 1 set.st -o other.st`);
    const name = 'encoder.block1.conv.weight';
    expect((await read('other.st')).tensors.get(name)).not.toEqual(first.tensors.get(name));
  });

  test('files say what they are and how they were made', async () => {
    const [model, features] = [await read('model.st'), await read('features.st')];
    expect([model.kind, features.kind]).toEqual(['model', 'embeddings']);
    expect(model.meta).toMatchObject({ method: 'byol', encoder: { name: 'convnet3', width: 8 }, input: { channels: 3, size: 16 } });
    expect(model.recipe).toMatchObject({ command: 'pretrain byol', seed: 0, options: { steps: 3, batch: 8, encoder: 'convnet3' } });
    expect(features.recipe!.inputs.map(({ role, name }) => [role, name])).toEqual([['model', 'model.st'], ['data', 'set.st']]);
    expect(features.recipe!.inputs[0]!.recipe!.inputs[0]!.recipe!.command).toBe('synth images');
    expect(features.recipe!.inputs[0]!.digest).toBe(model.digest);
    expect(features.tensors.get('features')!.shape).toEqual([60, 32]);
    const text = JSON.stringify(model.recipe) + JSON.stringify(features.recipe);
    expect(text).not.toContain(folder);
  });

  test('three steps moved the encoder, and the target behind it', async () => {
    const model = await read('model.st');
    await run(`${untuned} --lr 1e-30 --tau 1 --tau-schedule constant --weight-decay 0 set.st -o still.st`);
    const still = await read('still.st');
    const distance = (name: string) => Math.hypot(...(model.tensors.get(name)!.data as Float32Array)
      .map((v, i) => v - Number(still.tensors.get(name)!.data[i])));
    const [online, target] = [distance('encoder.block1.conv.weight'), distance('target.encoder.block1.conv.weight')];
    expect(online).toBeGreaterThan(1e-3);
    expect(target).toBeGreaterThan(0);
    expect(target).toBeLessThan(online / 10);
  });

  test('embed --target, --untrained and --pixels are three other sets of features', async () => {
    await run('byo embed --model model.st --target set.st -q -o target.st');
    await run('byo embed --model model.st --untrained set.st -q -o untrained.st');
    await run('byo embed --pixels 16 set.st -q -o pixels.st');
    const names = ['features.st', 'target.st', 'untrained.st', 'pixels.st'];
    const features = await Promise.all(names.map(async (name) => (await read(name)).tensors.get('features')!));
    expect(features.map(({ shape }) => shape)).toEqual([[60, 32], [60, 32], [60, 32], [60, 768]]);
    const firstRows = features.map(({ data }) => (data as Float32Array).slice(0, 32).join());
    expect(new Set(firstRows).size).toBe(4);
  });

  test('probe knn reads the same features; --min turns a score into an exit code', async () => {
    const { stdout } = await run('byo probe knn -q --k 5 features.st');
    expect(stdout).toMatch(/knn .*k=5/);
    const failed = await byo(['probe', 'knn', '--k', '5', '--min', '1.01', '-q', at('features.st')]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^byo: accuracy 0\.\d+ is below --min 1\.01$/m);
  });

  test('inspect shows the chain of commands; --json is for scripts', async () => {
    const { stdout } = await run('byo inspect features.st');
    expect(stdout).toMatch(/^features\.st: embeddings/);
    for (const command of ['byo embed', 'byo pretrain byol', 'byo synth images']) expect(stdout).toContain(command);
    const json = JSON.parse((await run('byo inspect --json --stats < features.st')).stdout);
    expect(json.tensors.find(({ name }: { name: string }) => name === 'features').shape).toEqual([60, 32]);
  });

  test('an existing output is refused without --force, and left as it was', async () => {
    const before = await readFile(at('features.st'));
    const refused = await byo(['embed', '--model', at('model.st'), at('set.st'), '-o', at('features.st')]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--force');
    expect(await readFile(at('features.st'))).toEqual(before);
    await run('byo embed --model model.st set.st -q -o features.st --force');
  });

  test('a checkpoint does not outlive a finished run', async () => {
    await expect(stat(at('model.st.ckpt'))).rejects.toThrow();
  });
});
