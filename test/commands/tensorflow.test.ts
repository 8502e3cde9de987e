import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo } from '../support/cli.js';
import { relativeError } from '../support/run.js';
import { expectFailure, filesIn, TINY, workplace } from './support.js';

const { folder, at, run } = workplace();
const pretrain = (device: string, output: string): string[] =>
  ['pretrain', 'byol', ...TINY, '--steps', '2', '-q', '--device', device, 'set.st', '-o', output];

beforeAll(async () => {
  await run('synth', 'images', '--count', '24', '--size', '16', '--classes', '2', '-o', 'set.st');
});

test('pretraining on TensorFlow.js gives the CPU\'s model to rounding, with the same recipe, and the same bytes every time', async () => {
  await run(...pretrain('cpu', 'cpu.st'));
  await run(...pretrain('tensorflow', 'first.st'));
  await run(...pretrain('tensorflow', 'second.st'));
  expect(await readFile(at('second.st'))).toEqual(await readFile(at('first.st')));
  const [model, reference] = [await readArtifact(at('first.st')), await readArtifact(at('cpu.st'))];
  expect(model.recipe).toEqual(reference.recipe);
  for (const [name, { data }] of reference.tensors) {
    expect(relativeError(model.tensors.get(name)!.data as Float32Array, data as Float32Array), name).toBeLessThan(1e-3);
  }
});

test('embeddings and probes compute on it too', async () => {
  await run('embed', '--model', 'cpu.st', 'set.st', '-q', '--device', 'tensorflow', '-o', 'features.st');
  await run('embed', '--model', 'cpu.st', 'set.st', '-q', '-o', 'reference.st');
  const [features, reference] = await Promise.all(['features.st', 'reference.st'].map(async (name) =>
    (await readArtifact(at(name))).tensors.get('features')!.data as Float32Array));
  expect(relativeError(features!, reference!)).toBeLessThan(1e-5);
  await run('probe', 'knn', 'features.st', '-q', '--k', '3', '--device', 'tensorflow');
});

describe('without a package that works', () => {
  /** Resolves packages of TensorFlow.js to `tfjsNode` or to nothing. */
  const hiding = async (tfjsNode?: string): Promise<Record<string, string>> => {
    await writeFile(at('hide.cjs'), `
      const Module = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (request, ...rest) {
        if (!request.startsWith('@tensorflow/')) return resolve.call(this, request, ...rest);
        if (request === '@tensorflow/tfjs-node' && ${JSON.stringify(tfjsNode)}) return ${JSON.stringify(tfjsNode)};
        throw Object.assign(new Error('Cannot find module ' + request), { code: 'MODULE_NOT_FOUND' });
      };`);
    return { NODE_OPTIONS: `--require ${at('hide.cjs')}` };
  };

  test('one sentence says which to install, and nothing is written', async () => {
    const env = await hiding();
    const before = await filesIn(folder);
    expectFailure(await byo(pretrain('tensorflow', 'model.st'), { cwd: folder, env }), 1,
      /device tensorflow: TensorFlow\.js is not installed; npm install @tensorflow\/tfjs-node@4\.22\.0 \(native\), or @tensorflow\/tfjs-core@/);
    expect(await filesIn(folder)).toEqual(before);
    const { code, stdout } = await byo(['doctor'], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tensorflow +no +device tensorflow: TensorFlow\.js is not installed/m);
  });

  test('a package whose library is missing is named, with the way to get it, and no other is taken', async () => {
    await writeFile(at('broken.cjs'), 'throw new Error("The native addon can not be found\\nat a path");');
    expectFailure(await byo(pretrain('tensorflow', 'model.st'), { cwd: folder, env: await hiding(at('broken.cjs')) }), 1,
      'device tensorflow: @tensorflow/tfjs-node is installed, but does not load (The native addon can not be found); '
      + 'npm rebuild @tensorflow/tfjs-node --ignore-scripts=false fetches its library');
  });
});
