import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo } from '../support/cli.js';
import { expectFailure, workplace } from './support.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/sounds', import.meta.url));
const { folder, at, run } = workplace();
const fails = async (exitCode: number, message: RegExp | string, ...args: string[]) =>
  expectFailure(await byo(args, { cwd: folder }), exitCode, message);

beforeAll(async () => {
  await run('convert', FIXTURES, '--label-from', '{label}_{speaker}_{}.wav', '-o', 'words.st', '--quiet');
  await mkdir(at('mixed'));
  await writeFile(at('mixed/a.png'), 'x');
  await writeFile(at('mixed/b.wav'), 'x');
});

describe('byo convert of sounds', () => {
  test('samples, offsets, labels and speakers', async () => {
    const { tensors, meta } = await readArtifact(at('words.st'));
    expect(meta).toEqual({ modality: 'sound', rate: 8000, classes: ['selu', 'tano'], columns: { speaker: ['a', 'b'] } });
    expect([...tensors.get('labels')!.data as Int32Array]).toEqual([0, 0, 1, 1]);
    expect([...tensors.get('speaker')!.data as Int32Array]).toEqual([0, 1, 0, 1]);
    expect([...tensors.get('offsets')!.data as BigInt64Array].map(Number)).toEqual([0, 5778, 11880, 17556, 22880]);
    expect(tensors.get('samples')!.dtype).toBe('int16');
  });

  test('--rate resamples, --dtype keeps float32, annotations say labels; the recipe has only options of sounds', async () => {
    await writeFile(at('about.csv'), 'file,speaker\nselu_a_0.wav,a\nselu_b_0.wav,b\ntano_a_0.wav,a\ntano_b_0.wav,b\n');
    const { stderr } = await run('convert', FIXTURES, '--rate', '16000', '--dtype', 'float32', '--annotations', 'about.csv', '-o', 'up.st');
    expect(stderr).toMatch(/4 sounds of 16000 Hz, 2\.9 s, no labels, further labels speaker/);
    const { tensors, recipe } = await readArtifact(at('up.st'));
    expect([tensors.get('samples')!.dtype, tensors.get('samples')!.shape]).toEqual(['float32', [2 * 22880]]);
    expect(recipe).toMatchObject({ options: { rate: 16_000, dtype: 'float32', labels: true }, inputs: [{ role: 'sounds' }, { role: 'annotations' }] });
    expect(Object.keys(recipe!.options)).not.toContain('fit');
  });

  test('mistakes', async () => {
    await fails(2, "--size is for images, but the source holds sounds; leave it out", 'convert', FIXTURES, '--size', '16', '-o', 'x.st');
    await fails(2, '--rate is for sounds, but the source holds images; leave it out', 'convert', 'mixed', '--rate', '16000', '-o', 'x.st');
    await fails(2, 'labels come from --label-from or from --annotations', 'convert', FIXTURES, '--label-from', '{label}', '--annotations', 'about.csv', '-o', 'x.st');
    await fails(3, /none of its 1 sounds can be decoded/, 'convert', 'mixed', '--kind', 'sounds', '-o', 'x.st');
    await fails(3, /selu_a_0\.wav does not fit --label-from/, 'convert', FIXTURES, '--label-from', '{label}-{}.wav', '-o', 'x.st');
    await fails(3, "words.st has no tensor 'images' (it holds sound data)", 'pretrain', 'byol', 'words.st', '-o', 'x.st');
  });
});

describe('byo embed --log-mel, probes and pictures of sounds', () => {
  test('means and deviations with all labels; a probe of another label', async () => {
    await run('embed', '--log-mel', 'words.st', '-o', 'baseline.st');
    const { tensors, meta } = await readArtifact(at('baseline.st'));
    expect(tensors.get('features')!.shape).toEqual([4, 128]);
    expect([...tensors.keys()].sort()).toEqual(['features', 'labels', 'speaker']);
    expect(meta).toEqual({ classes: ['selu', 'tano'], columns: { speaker: ['a', 'b'] } });
    const means = (tensors.get('features')!.data as Float32Array).subarray(0, 64);
    expect(Math.min(...means)).toBeGreaterThan(-15.9424);
    await run('synth', 'sounds', '--count', '60', '--rate', '8000', '--classes', '3', '--speakers', '2', '-o', 'set.st');
    await run('embed', '--log-mel', 'set.st', '-o', 'features.st');
    const { stdout } = await run('probe', 'ridge', 'features.st', '--labels', 'speaker', '--json', '--threads', '1');
    expect(JSON.parse(stdout).value).toBeGreaterThan(0.8);
    await fails(3, /features\.st has no singer, which this probe needs/, 'probe', 'knn', 'features.st', '--labels', 'singer');
  });

  test('mistakes', async () => {
    await fails(2, '--log-mel takes no model; leave --model out', 'embed', '--log-mel', '--model', 'm.st', 'words.st', '-o', 'x.st');
    await fails(2, '--pixels is for images and --log-mel for sounds; give one of them', 'embed', '--log-mel', '--pixels', '4', 'words.st', '-o', 'x.st');
    await fails(2, '--clips takes numbers from 0 to 3, as words.st has 4 sounds, but 4 was given', 'plot', 'spectrogram', 'words.st', '--clips', '0,4', '-o', 'x.svg');
  });

  test('spectrograms of sounds of a data set are titled by what is known of them', async () => {
    await run('plot', 'spectrogram', 'words.st', '--clips', '0,3', '-o', 'words.svg', '--title', 'two words');
    const { stdout } = await run('plot', 'spectrogram', 'words.st', '--clips', '0,3');
    for (const text of ['>0, selu, a<', '>3, tano, b<', '>frequency (kHz)<', '0.72 s at 8000 Hz']) expect(stdout).toContain(text);
  });
});
