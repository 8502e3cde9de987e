import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../src/core/array.js';
import { readArtifact, writeArtifact } from '../../src/core/files/artifact.js';
import { byo, scratchFolder, shell, type RunOptions } from '../support/cli.js';
import { png } from '../core/data/scratch.js';
import { expectFailure, filesIn, TINY } from './support.js';

/** Every mistake of a person or a file: one sentence, the right exit code, and nothing half-written. */
const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const FIXTURES = fileURLToPath(new URL('../../fixtures/images', import.meta.url));
const IN_FOLDER: RunOptions = { cwd: folder };
const run = (...args: string[]) => byo(args, IN_FOLDER);
const USAGE = 2;
const INPUT = 3;

const embeddings = (name: string, features: NdArray, labels?: NdArray) => writeArtifact(at(name), {
  kind: 'embeddings', schema: 1, meta: {}, tensors: new Map([['features', features], ...(labels ? [['labels', labels] as const] : [])]),
});

beforeAll(async () => {
  await mkdir(at('empty'));
  await mkdir(at('texts'));
  await writeFile(at('texts/readme.txt'), 'no image here');
  await writeFile(at('texts/data.csv'), '1,2\n');
  await copyFile(join(FIXTURES, 'star/0.png'), at('image.png'));
  for (const line of [
    'byo synth images --count 30 --size 16 --classes 3 -o set.st',
    `byo convert ${FIXTURES} --size 16 --channels 1 -q -o grey.st`,
    `byo convert ${FIXTURES} --size 16 --no-labels -q -o unlabelled.st`,
    `byo pretrain byol ${TINY.join(' ')} --steps 1 -q set.st -o model.st`,
    'byo embed --model model.st unlabelled.st -q -o features.st',
    'byo embed --model model.st set.st -q -o labelled.st',
  ]) expect((await shell(line, IN_FOLDER)).stderr, line).toBe('');
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  await embeddings('one-class.st', float32([6, 2], numbers(12)), int32([6]));
  await embeddings('nan.st', float32([6, 2], numbers(12).fill(NaN, 7, 8)), int32([6], [0, 1, 0, 1, 0, 1]));
  await embeddings('short-labels.st', float32([6, 2], numbers(12)), int32([5], [0, 1, 0, 1, 0]));
});

/** Runs a command that has to fail, and checks that it leaves no file behind. */
async function fails(args: readonly string[], exitCode: number, message: RegExp | string): Promise<void> {
  const before = await filesIn(folder);
  expectFailure(await run(...args), exitCode, message);
  expect(await filesIn(folder)).toEqual(before);
}

describe('images', () => {
  test('an empty folder', () => fails(['convert', 'empty', '-o', 'x.st'], INPUT, 'empty is empty: images were expected'));
  test('a folder of text files', () => fails(['convert', 'texts', '-o', 'x.st'], INPUT, /texts holds 2 files, but none is an image \(1 \.csv, 1 \.txt\); jpg, png, .* are read/));
  test('a folder that does not exist', () => fails(['convert', 'nowhere', '-o', 'x.st'], INPUT, /nowhere/));

  test('a damaged JPEG among good ones is named and skipped', async () => {
    const { code, stderr } = await run('convert', FIXTURES, '--size', '16', '-o', 'good.st');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: skipped star\/broken\.jpg: /m);
    const { tensors } = await readArtifact(at('good.st'));
    expect(tensors.get('images')!.shape).toEqual([10, 3, 16, 16]);
    expect([...tensors.get('labels')!.data as Int32Array]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });
  test('with --strict it stops everything', () =>
    fails(['convert', FIXTURES, '--size', '16', '--strict', '-o', 'x.st'], INPUT, /star\/broken\.jpg cannot be decoded.*repair or remove it/));
  test('images of several sizes without --size', async () => {
    await mkdir(at('sizes'));
    await writeFile(at('sizes/a.png'), await png([1, 2, 3], 4));
    await writeFile(at('sizes/b.png'), await png([1, 2, 3], 5));
    await fails(['convert', 'sizes', '-o', 'x.st'], INPUT, /differ in size.*--size/);
  });
});

describe('tensor files', () => {
  const header = (json: string, data: Uint8Array = new Uint8Array(), length = json.length) => {
    const prefix = new Uint8Array(8);
    new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
    return Buffer.concat([prefix, Buffer.from(json), data]);
  };
  const entry = (shape: string, offsets: string, dtype = 'F32') => `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  const bytes = new Uint8Array(16);
  const cases: Record<string, () => Promise<Uint8Array> | Uint8Array> = {
    'an empty file': () => new Uint8Array(),
    'seven bytes': () => new Uint8Array(7),
    'an image': () => readFile(at('image.png')),
    'a file that was cut short': async () => (await readFile(at('set.st'))).subarray(0, -100),
    'a file cut inside its header': async () => (await readFile(at('set.st'))).subarray(0, 50),
    'a file with bytes too many': async () => Buffer.concat([await readFile(at('set.st')), new Uint8Array(3)]),
    'a header that claims 2^60 bytes': () => header('{}', bytes, 2 ** 52),
    'offsets beyond the end': () => header(`{"a":${entry('[4]', '[0,16]')},"b":${entry('[4]', '[16,32]')}}`, bytes),
    'a shape that its bytes do not fill': () => header(`{"a":${entry('[5]', '[0,16]')}}`, bytes),
    'a shape of 2^70 elements': () => header(`{"a":${entry('[1099511627776,1099511627776]', '[0,16]')}}`, bytes),
    'tensors that overlap': () => header(`{"a":${entry('[4]', '[0,16]')},"b":${entry('[2]', '[8,16]')}}`, bytes),
    'a hole between tensors': () => header(`{"a":${entry('[1]', '[0,4]')},"b":${entry('[2]', '[8,16]')}}`, bytes),
    'a name that stands twice': () => header(`{"a":${entry('[4]', '[0,16]')},"a":${entry('[4]', '[0,16]')}}`, bytes),
    'an unknown dtype': () => header(`{"a":${entry('[4]', '[0,16]', 'F31')}}`, bytes),
    'no JSON': () => header('{"a":', bytes),
    'metadata that are no text': () => header(`{"__metadata__":{"a":1},"a":${entry('[4]', '[0,16]')}}`, bytes),
    'metadata of byo that are damaged': () => header(`{"__metadata__":{"byo":"{\\"kind\\":3}"},"a":${entry('[4]', '[0,16]')}}`, bytes),
  };
  for (const [name, make] of Object.entries(cases)) {
    test(name, async () => {
      await writeFile(at('bad.st'), await make());
      await fails(['inspect', 'bad.st'], INPUT, /^byo: bad\.st/);
    });
  }
  test('the same through a pipe', async () => {
    expectFailure(await shell('head -c 1000 set.st | byo inspect', IN_FOLDER), INPUT, /^byo: standard input is not a valid safetensors file: .*cut short/);
    expectFailure(await shell('byo embed --model model.st < /dev/null', IN_FOLDER), INPUT, /^byo: standard input/);
  });
  test('a file that does not exist', () => fails(['inspect', 'nowhere.st'], INPUT, /nowhere\.st/));
  test('a folder in place of a file', () => fails(['inspect', 'empty'], INPUT, /empty/));
});

describe('the wrong kind or shape of data', () => {
  test('a model of colour images given grey ones', () =>
    fails(['embed', '--model', 'model.st', 'grey.st', '-o', 'x.st'], INPUT, 'takes images of 3 channels, but these have 1'));
  test('a data set where a model is expected, and the other way round', async () => {
    await fails(['embed', '--model', 'set.st', 'set.st', '-o', 'x.st'], INPUT, /set\.st holds a dataset, but a model is expected here; `byo pretrain`/);
    await fails(['pretrain', 'byol', 'model.st', '-o', 'x.st'], INPUT, /model\.st holds a model, but a dataset is expected here; `byo convert`/);
  });
  test('a batch larger than the set', () =>
    fails(['pretrain', 'byol', 'set.st', '--batch', '1000', '-o', 'x.st'], INPUT, /batch of 1000 is larger than the data set of 24 examples; use --batch 24 or less/));
  test('labels missing for a probe', () => fails(['probe', 'linear', 'features.st'], INPUT, /features\.st has no labels/));
  test('labels missing for the monitor', () =>
    fails(['pretrain', 'byol', ...TINY, '--steps', '1', '--monitor', 'linear', 'unlabelled.st', '-o', 'x.st'], USAGE, /--monitor linear needs labels/));
  test('images too small for the encoder', () => fails(
    ['pretrain', 'byol', 'set.st', '--encoder', 'convnet4', '--size', '8', '--batch', '4', '--steps', '1', '-o', 'x.st'], INPUT,
    /convnet4 takes images with sides of at least 16 pixels, but these are 8x8; take another encoder \(.*\), or .*byo convert --size 16/));
  test('groups that do not divide the channels', () =>
    fails(['pretrain', 'byol', ...TINY, '--steps', '1', '--norm', 'group', '--groups', '3', 'set.st', '-o', 'x.st'], USAGE, /--groups 3 does not divide the 8 channels/));
  test('a single class', () => fails(['probe', 'linear', 'one-class.st'], INPUT, /one class/));
  test('features that are not finite', () => fails(['probe', 'knn', 'nan.st'], INPUT, /nan\.st: feature 1 of row 3 is NaN/));
  test('labels for other rows', () => fails(['probe', 'linear', 'short-labels.st'], INPUT, /labels is \[5\], but one for each of 6/));
});

describe('the command line', () => {
  test('an unknown command, method and option, each with the nearest known one', async () => {
    await fails(['embd'], USAGE, /no command 'embd'; did you mean 'embed'\?/);
    await fails(['pretrain', 'bylo'], USAGE, /byo pretrain has no 'bylo'; did you mean 'byol'\?/);
    await fails(['pretrain', 'byol', '--epoch', '3', 'set.st'], USAGE, /unknown option '--epoch'.*did you mean --epochs\?/);
    await fails(['pretrain', 'byol', '--optimizer', 'adamm', 'set.st'], USAGE, /--optimizer takes one of .*'adamm' was given; did you mean 'adam'\?/);
  });
  test('two values where one is expected', async () => {
    await fails(['pretrain', 'byol', '--lr', '0.1', '--lr', '0.2', 'set.st'], USAGE, '--lr was given twice; it takes one value');
    await fails(['pretrain', 'byol', '--lr', '0.1,0.2', 'set.st'], USAGE, /--lr takes a number above 0, but '0\.1,0\.2' was given/);
    await fails(['pretrain', 'byol', 'set.st', 'grey.st'], USAGE, /one data set is learnt from, but 2 files were given/);
    await fails(['embed', '--model', 'model.st', 'set.st', '--data', 'grey.st', '-o', 'x.st'], USAGE, /two data sets were given/);
  });
  test('values out of range, of the wrong kind, or missing', async () => {
    await fails(['pretrain', 'byol', '--batch', '1', 'set.st'], USAGE, /--batch takes a whole number of at least 2, but '1' was given/);
    await fails(['pretrain', 'byol', '--batch', 'many', 'set.st'], USAGE, /--batch takes a whole number/);
    await fails(['pretrain', 'byol', '--lr', 'NaN', 'set.st'], USAGE, /--lr takes a number/);
    await fails(['pretrain', 'byol', 'set.st', '--lr'], USAGE, /--lr/);
    await fails(['pretrain', 'byol', '--device', 'tpu', 'set.st'], USAGE, /--device takes one of auto, cpu, webgpu/);
  });
  test('embed without a model', () => fails(['embed', 'set.st', '-o', 'x.st'], INPUT, /standard input/));
  test('probe with more neighbours than examples', () =>
    fails(['probe', 'knn', '--k', '100', 'labelled.st'], INPUT, /--k 100 does not fit \d+ training examples/));
});

describe('outputs that cannot be written', () => {
  const synth = ['synth', 'images', '--count', '20', '--size', '16'];
  test('a folder that does not exist', () => fails([...synth, '-o', 'missing/x.st'], 1, /missing/));
  test('a folder in place of a file', () => fails([...synth, '-o', 'empty'], 1, /empty/));
  test('a file that exists', () => fails([...synth, '-o', 'set.st'], USAGE, /set\.st exists already; give --force/));
  test('a full disk', async () => {
    await fails([...synth, '-o', '/dev/full'], 1, /\/dev\/full.*(full|space)/);
    expectFailure(await shell(`byo ${synth.join(' ')} > /dev/full`, IN_FOLDER), 1, /standard output.*(full|space)/);
  });
  test('a place for the log or the checkpoint that does not exist, before any training', async () => {
    await fails(['pretrain', 'byol', ...TINY, '--steps', '2', '--log', 'missing/run.jsonl', 'set.st', '-o', 'x.st'], 1, /missing\/run\.jsonl/);
  });
  test('a reader that has gone is no error', async () => {
    expect(await shell('set -o pipefail; byo --help | head -1', IN_FOLDER)).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout, stderr } = await shell('set -o pipefail; byo synth images --count 2000 --size 32 | head -c 8 | wc -c', IN_FOLDER);
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: '8', stderr: '' });
    expect((await shell('set -o pipefail; byo inspect set.st | head -1', IN_FOLDER)).stderr).toBe('');
  });
});
