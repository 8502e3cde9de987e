import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeSound, isFlac, mixedDown } from '../../../../src/core/data/sound/decode.js';
import { readSoundSet } from '../../../../src/core/data/sound/read.js';
import { clipCount, clipLength, clipOf, soundArtifact, soundSetOf, type SoundSet } from '../../../../src/core/data/sound/set.js';
import { decodeWav, encodeWav } from '../../../../src/core/data/sound/wav.js';
import { ndarray, type NdArray } from '../../../../src/core/array.js';
import { scratchFolder } from '../../../support/cli.js';
import { tarOf } from '../tars.js';

const FIXTURES = fileURLToPath(new URL('../../../../fixtures/sounds/', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../../golden/', import.meta.url));
const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const ramp = (length: number, step = 100): Uint8Array => encodeWav(Int16Array.from({ length }, (_, i) => i * step), 8000);
const samplesOf = (set: SoundSet, i: number): number[] => Array.from(clipOf(set, i), (value) => value * 32768);

async function put(files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(at(name)), { recursive: true });
    await writeFile(at(name), bytes);
  }
}

beforeAll(() => put({
  'split/train/one/a.wav': ramp(10), 'split/train/two/b.wav': ramp(20), 'split/test/one/c.wav': ramp(30), 'split/train/two/notes.txt': 'x',
  'named/2_ann_0.wav': ramp(5), 'named/2_bob_1.wav': ramp(6), 'named/0_ann_10.wav': ramp(7),
  'rates/a.wav': ramp(10), 'rates/b.wav': encodeWav(new Int16Array(40), 16_000),
  'broken/good.wav': ramp(4), 'broken/cut.wav': ramp(4).subarray(0, 30), 'broken/empty.wav': ramp(0), 'broken/text.wav': 'hello',
  'list.txt': 'named/2_ann_0.wav\tx\nnamed/2_bob_1.wav\ty\n',
  'table.csv': 'file,label,speaker,split\n2_ann_0.wav,yes,ann,train\n2_bob_1.wav,no,bob,test\n0_ann_10.wav,yes,ann,train\n',
}));

describe('readSoundSet', () => {
  test('folders say splits and classes; clips have lengths of their own', async () => {
    const set = await readSoundSet(at('split'));
    expect(set.names).toEqual(['test/one/c.wav', 'train/one/a.wav', 'train/two/b.wav']);
    expect([...set.labels!]).toEqual([0, 0, 1]);
    expect(set.classes).toEqual(['one', 'two']);
    expect([...set.split!]).toEqual([2, 0, 0]);
    expect([set.rate, clipCount(set), ...[0, 1, 2].map((i) => clipLength(set, i))]).toEqual([8000, 3, 30, 10, 20]);
    expect(samplesOf(set, 1)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });

  test('a pattern reads labels and further labels off names; numbers stay numbers', async () => {
    const { labels, classes, columns, names } = await readSoundSet(at('named'), { pattern: '{label}_{speaker}_{take}.wav' });
    expect(names).toEqual(['0_ann_10.wav', '2_ann_0.wav', '2_bob_1.wav']);
    expect([[...labels!], classes]).toEqual([[0, 2, 2], undefined]);
    expect(columns).toEqual({
      speaker: { values: Int32Array.of(0, 0, 1), names: ['ann', 'bob'] }, take: { values: Int32Array.of(10, 0, 1) },
    });
    const deeper = await readSoundSet(at('split'), { pattern: '{split}/{label}/{}.wav' });
    expect([[...deeper.split!], [...deeper.labels!]]).toEqual([[2, 0, 0], [0, 0, 1]]);
  });

  test.each([
    ['{label}_{speaker}.wav', /0_ann_10\.wav does not fit|./, false],
    ['{label}_{take}_{}_{}.wav', /0_ann_10\.wav does not fit --label-from '\{label\}_\{take\}_\{\}_\{\}\.wav'; rename or remove it/, true],
    ['plain.wav', /takes a pattern with fields/, true],
    ['{label}_{label}_{}.wav', /a field \{label\}; fields are words/, true],
    ['{samples}_{}_{}.wav', /a field \{samples\}/, true],
  ])('the pattern %s', async (pattern, message, fails) => {
    const read = readSoundSet(at('named'), { pattern });
    if (fails) await expect(read).rejects.toThrow(message);
    else expect((await read).columns!.speaker!.names).toEqual(['ann_0', 'ann_10', 'bob_1']);
  });

  test('a table says labels, further labels and splits by file names', async () => {
    const [header, ...rows] = (await readFile(at('table.csv'), 'utf8')).trim().split('\n').map((line) => line.split(','));
    const table = { source: 'table.csv', header: header!, rows };
    const set = await readSoundSet(at('named'), { table });
    expect([[...set.labels!], set.classes, [...set.split!], set.columns!.speaker!.names]).toEqual([[1, 1, 0], ['no', 'yes'], [0, 0, 2], ['ann', 'bob']]);
    await expect(readSoundSet(at('named'), { table: { ...table, rows: rows.slice(1) } })).rejects.toThrow('table.csv has no row for the sound 2_ann_0.wav; give it one');
    await expect(readSoundSet(at('named'), { table: { ...table, rows: [['x.wav', 'a', 'b', 'train'], ...rows] } })).rejects.toThrow("there is no sound 'x.wav'");
    await expect(readSoundSet(at('named'), { table: { ...table, rows: rows.map(([file, , speaker]) => [file!, 'a', speaker!, 'dev']) } })).rejects.toThrow("'dev' is no split");
  });

  test('lists of files, single files, archives and limits', async () => {
    expect(await readSoundSet(at('list.txt'))).toMatchObject({ classes: ['x', 'y'], labels: Int32Array.of(0, 1) });
    expect(clipCount(await readSoundSet(at('named/2_ann_0.wav')))).toBe(1);
    await writeFile(at('set.tar'), await tarOf([
      ['d/k1.wav', ramp(3)], ['d/k1.cls', 'b'], ['d/k2.wav', ramp(4)], ['d/k2.cls', 'a'], ['d/k3.wav', ramp(5)], ['d/k3.cls', 'b'],
    ]));
    const tar = await readSoundSet(at('set.tar'), { limit: 2 });
    expect([tar.names, [...tar.labels!], tar.classes]).toEqual([['d/k1.wav', 'd/k2.wav'], [1, 0], ['a', 'b']]);
    expect((await readSoundSet(at('set.tar'), { labels: false })).labels).toBeUndefined();
  });

  test('rates differ: refused without a common one, resampled to it with one', async () => {
    await expect(readSoundSet(at('rates'))).rejects.toThrow('sounds differ in rate (a.wav has 8000 Hz, b.wav 16000 Hz); give the rate they shall all have, such as --rate 16000');
    const set = await readSoundSet(at('rates'), { rate: 16_000 });
    expect([set.rate, clipLength(set, 0), clipLength(set, 1), set.silent]).toEqual([16_000, 20, 40, ['b.wav']]);
  });

  test('what cannot be decoded is named and skipped, or stops with strict', async () => {
    const { names, skipped } = await readSoundSet(at('broken'));
    expect(names).toEqual(['good.wav']);
    expect(skipped.map(({ name, reason }) => `${name} ${reason.slice(0, 30)}`)).toEqual([
      'cut.wav ends early, in its "fmt " part', 'empty.wav is a clip of no length: it has', 'text.wav is not a WAV file: it does not',
    ]);
    await expect(readSoundSet(at('broken'), { strict: true })).rejects.toThrow(/cut\.wav cannot be decoded \(ends early.*repair or remove it/);
    await put({ 'none/a.wav': 'x' });
    await expect(readSoundSet(at('none'))).rejects.toThrow(/none of its 1 sounds can be decoded, the first, a\.wav, because it is not a WAV file/);
    await expect(readSoundSet(at('split/train/two'), { pattern: 'x{label}.wav' })).rejects.toThrow('b.wav does not fit');
    await put({ 'images/a.png': 'x', 'images/b.txt': 'y' });
    await expect(readSoundSet(at('images'))).rejects.toThrow(/holds 2 files, but none is a sound \(1 \.png, 1 \.txt\); wav and flac are read; --kind images reads its images/);
  });

  test('what is beyond full scale is cut and counted, and kept in float32', async () => {
    const loud = Buffer.from(encodeWav(new Int16Array(4), 8000));
    loud.writeUInt16LE(3, 20);
    loud.writeUInt16LE(32, 34);
    [1.5, -0.25].forEach((value, i) => loud.writeFloatLE(value, 44 + 4 * i));
    await put({ 'loud/a.wav': loud });
    const cut = await readSoundSet(at('loud'));
    expect([samplesOf(cut, 0), cut.clipped]).toEqual([[32767, -8192], { samples: 1, sounds: 1 }]);
    expect(clipOf(await readSoundSet(at('loud'), { dtype: 'float32' }), 0)).toEqual(Float32Array.of(1.5, -0.25));
    loud.writeFloatLE(NaN, 48);
    await put({ 'nan/a.wav': loud });
    await expect(readSoundSet(at('nan'))).rejects.toThrow('holds samples that are not finite (the first is number 1)');
  });
});

describe('decodeSound', () => {
  test('FLAC of 16 bits gives the samples of the WAV file it was made from, also behind a tag', async () => {
    const flac = await readFile(join(GOLDEN, 'word.flac'));
    const wav = decodeWav(await readFile(join(FIXTURES, 'tano_a_0.wav')), 'wav');
    expect(await decodeSound(flac, 'word.flac')).toEqual(wav);
    const tagged = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\x01\x02', 'latin1'), Buffer.alloc(130), flac]);
    expect([isFlac(tagged), isFlac(Buffer.from('ID3')), isFlac(Buffer.from('RIFF'))]).toEqual([true, false, false]);
  });

  test('FLAC of 24 bits and two channels, mixed down', async () => {
    const sound = await decodeSound(await readFile(join(GOLDEN, 'stereo24.flac')), 's');
    const channels = await Promise.all(['tano_a_0.wav', 'selu_b_0.wav'].map(async (name) =>
      decodeWav(await readFile(join(FIXTURES, name)), name).channels[0]!.subarray(0, 2000)));
    expect(sound).toEqual({ rate: 44_100, channels });
    const mono = mixedDown(sound, 's');
    expect(mono[900]).toBeCloseTo((channels[0]![900]! + channels[1]![900]!) / 2, 7);
  });

  test('a FLAC file that breaks off is refused', async () => {
    const flac = await readFile(join(GOLDEN, 'word.flac'));
    await expect(decodeSound(flac.subarray(0, 4000), 'cut.flac')).rejects.toThrow(/cut\.flac (ends early: \d+ of 5676 samples are there|is a damaged FLAC file)/);
  });
});

describe('sound sets as artifacts', () => {
  test('come back as they were', async () => {
    const set = await readSoundSet(at('named'), { pattern: '{label}_{speaker}_{take}.wav' });
    const artifact = soundArtifact(set);
    expect(artifact.meta).toEqual({ modality: 'sound', rate: 8000, columns: { speaker: ['ann', 'bob'], take: [] } });
    const { samples, offsets, rate, labels } = set;
    expect(soundSetOf(artifact, 'x')).toEqual({ samples, offsets, rate, labels, skipped: [] });
  });

  test.each<[string, Record<string, NdArray | undefined>, string]>([
    ['no samples', { samples: undefined }, "x has no tensor 'samples'"],
    ['other samples', { samples: ndarray('uint8', [3], Uint8Array.of(1, 2, 3)) }, 'x: samples are uint8 [3], but int16 or float32 [total] is expected'],
    ['other offsets', { offsets: ndarray('int32', [2], Int32Array.of(0, 3)) }, 'x: offsets are int32 [2], but int64 [N + 1] is expected'],
    ['a clip without samples', { offsets: ndarray('int64', [3], BigInt64Array.of(0n, 0n, 3n)) }, 'offset 1 is 0'],
    ['samples left over', { offsets: ndarray('int64', [2], BigInt64Array.of(0n, 2n)) }, 'offsets have to rise from 0 to the 3 samples, but the last one is 2'],
    ['NaN', { samples: ndarray('float32', [3], Float32Array.of(1, NaN, 2)) }, 'x holds samples that are not finite'],
    ['labels of another number', { labels: ndarray('int32', [2], Int32Array.of(0, 1)) }, 'labels is [2], but one for each of 1 examples'],
  ])('%s is refused', (_, change, message) => {
    const plain = { samples: ndarray('int16', [3], Int16Array.of(1, 2, 3)), offsets: ndarray('int64', [2], BigInt64Array.of(0n, 3n)) };
    const tensors = new Map(Object.entries({ ...plain, ...change })
      .flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : [])));
    expect(() => soundSetOf({ kind: 'dataset', schema: 1, meta: { rate: 8000 }, tensors }, 'x')).toThrow(message);
  });
});
