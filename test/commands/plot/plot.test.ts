import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { byo, scratchFolder } from '../../support/cli.js';

const cwd = scratchFolder();
const run = async (...args: string[]) => {
  const { code, stderr, stdout } = await byo([...args, '-q'], { cwd });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};
const fails = async (...args: string[]) => {
  const { code, stderr } = await byo(args, { cwd });
  return [code, stderr];
};
const read = (name: string) => readFileSync(join(cwd, name), 'utf8');

beforeAll(async () => {
  await run('synth', 'images', '--count', '60', '--size', '16', '--classes', '8', '-o', 'data.st');
  await run('embed', '--pixels', '16', 'data.st', '-o', 'features.st');
  const line = (step: number, loss: number) => JSON.stringify({ step, epoch: step / 4, loss });
  writeFileSync(join(cwd, 'a.jsonl'), `${[4, 2, 1].map((loss, i) => line(i + 1, loss)).join('\n')}\n`);
  writeFileSync(join(cwd, 'b.jsonl'), `${[3, 2, 2].map((loss, i) => line(i + 1, loss)).join('\n')}\n{"step":4,"lo`);
});

describe('byo plot loss', () => {
  it('draws every run with its name, and passes over a last line that is cut off', async () => {
    await run('plot', 'loss', 'a.jsonl', 'b.jsonl', '-o', 'loss.svg');
    const svg = read('loss.svg');
    for (const text of ['loss of 2 runs', '>a<', '>b<', '>step<']) expect(svg).toContain(text);
    expect(svg).toContain('#0072b2');
    await run('plot', 'loss', 'a.jsonl', 'b.jsonl', '-o', 'again.svg');
    expect(read('again.svg')).toBe(svg);
  });

  it('writes PNG by the output\'s extension, in a dark theme too', async () => {
    await run('plot', 'loss', 'a.jsonl', '--theme', 'dark', '-o', 'loss.png');
    const { data, info } = await sharp(join(cwd, 'loss.png')).raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBeGreaterThan(900);
    const inner = (20 * info.width + 20) * info.channels;
    [0x16, 0x18, 0x1d].forEach((value, c) => expect(Math.abs(data[inner + c]! - value)).toBeLessThanOrEqual(1));
  });

  it('names the values that there are', async () => {
    const { code, stderr } = await byo(['plot', 'loss', 'a.jsonl', '--y', 'los'], { cwd });
    expect([code, stderr]).toEqual([3, "byo: a.jsonl has no number los in entry 1; did you mean 'loss'?; it has step, epoch, loss"]);
  });

  it('refuses other formats before it reads anything', async () => {
    const { code, stderr } = await byo(['plot', 'loss', 'missing.jsonl', '-o', 'loss.pdf'], { cwd });
    expect([code, stderr]).toEqual([2, 'byo: pictures are written as .svg or .png, but the output is loss.pdf']);
  });
});

describe('byo plot embedding', () => {
  it.each(['pca', 'umap', 'tsne'])('%s: shows every point, coloured and shaped by its class', async (method) => {
    const svg = await run('plot', 'embedding', 'features.st', '--method', method, '--perplexity', '5');
    expect(svg.match(/aria-roledescription="point"/g)).toHaveLength(60);
    for (const name of ['disc', 'ring', 'checker']) expect(svg).toContain(`>${name}<`);
    expect(svg).toContain('60 points, 768 dimensions');
  });

  it('draws a share of many points', async () => {
    const svg = await run('plot', 'embedding', 'features.st', '--max', '12');
    expect(svg.match(/aria-roledescription="point"/g)).toHaveLength(12);
    expect(svg).toContain('12 of 60 points');
  });
});

describe('byo plot images and views', () => {
  it('shows a row for each class', async () => {
    const svg = await run('plot', 'images', 'data.st', '--columns', '3', '--title', 'a < b');
    expect(svg.match(/<image /g)).toHaveLength(24);
    expect(svg).toContain('a &lt; b');
    // The first tile is the first disc, enlarged by 4 without smoothing.
    const png = Buffer.from(/base64,([^"]+)/.exec(svg)![1]!, 'base64');
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([64, 64]);
    expect([...data.subarray(0, 3)]).toEqual([...data.subarray(9, 12)]);
  });

  it('shows an image and its views in a row', async () => {
    const svg = await run('plot', 'views', 'data.st', '--count', '2', '--views', '3');
    const tiles = [...svg.matchAll(/base64,([^"]+)/g)].map(([, code]) => code);
    expect(tiles).toHaveLength(14);
    expect(new Set(tiles).size).toBe(14);
    expect(await run('plot', 'views', 'data.st', '--count', '2', '--views', '3')).toBe(svg);
  });
});

describe('byo plot confusion and reliability', () => {
  // Four rows of class a (three right, one taken for b) and two of b (one right, one taken for c); c occurs in no row.
  const confident = (winner: number) => [0, 1, 2].map((c) => (c === winner ? 0.9 : 0.05));
  const predictions = async (name: string, labels: number[], scores: number[][], meta: Record<string, unknown>) =>
    writeArtifact(join(cwd, name), {
      kind: 'predictions', schema: 1, meta,
      tensors: new Map<string, NdArray>([['scores', float32([scores.length, 3], scores.flat())], ['labels', int32([labels.length], labels)]]),
    });
  const cells = (svg: string) => [...svg.matchAll(/aria-label="predicted class: (\w+); true class: (\w+); share: ([\d.]+)%?/g)]
    .map(([, predicted, truth, share]) => [truth, predicted, share]);

  beforeAll(async () => {
    const labels = [0, 0, 0, 0, 1, 1];
    const scores = [0, 0, 0, 1, 1, 2].map(confident);
    const classes = ['a', 'b', 'c'];
    await predictions('votes.st', labels, scores, { classes, scores: 'votes' });
    await predictions('logits.st', labels, scores.map((row) => row.map(Math.log)), { classes, scores: 'logits' });
    await predictions('bad.st', [0, 3], scores.slice(0, 2), { classes });
  });

  it('counts every pair of true and predicted class, coloured by the share of the row', async () => {
    const svg = await run('plot', 'confusion', 'votes.st');
    expect(cells(svg)).toEqual([
      ['a', 'a', '75'], ['a', 'b', '25'], ['a', 'c', '0'], ['b', 'a', '0'], ['b', 'b', '50'], ['b', 'c', '50'],
      ['c', 'a', '0'], ['c', 'b', '0'], ['c', 'c', '0'],
    ]);
    expect([...svg.matchAll(/aria-label="[^"]*count: (\d+)/g)].map(([, count]) => Number(count))).toEqual([3, 1, 1, 1]);
    expect(svg).toContain('6 rows, accuracy 66.7 %, mean recall 62.5 %');
  });

  it('compares accuracy and confidence, of votes and of logits', async () => {
    // Every row is 0.9 confident: one bin (13/15, 14/15] of accuracy 4/6.
    const svg = await run('plot', 'reliability', 'votes.st');
    expect(svg).toContain('6 rows, accuracy 66.7 %, ECE 0.2333');
    expect(svg.match(/aria-roledescription="rect mark"/g)).toHaveLength(2);
    expect(await run('plot', 'reliability', 'logits.st', '--title', 'x')).toBe(await run('plot', 'reliability', 'votes.st', '--title', 'x'));
  });

  it('draws what a probe wrote', async () => {
    await run('probe', 'knn', 'features.st', '--predictions', 'knn.st');
    const svg = await run('plot', 'confusion', 'knn.st', '--theme', 'dark');
    expect(cells(svg)).toHaveLength(64);
    expect(svg).toContain('#16181d');
    const { meta } = await readArtifact(join(cwd, 'knn.st'));
    expect(meta.scores).toBe('votes');
  });

  it('says what is missing or wrong', async () => {
    expect(await fails('plot', 'confusion', 'bad.st')).toEqual([3, 'byo: label 3 of row 1 is not a class from 0 to 2']);
    expect(await fails('plot', 'reliability', 'features.st')).toEqual([3, expect.stringMatching(/features\.st .*embeddings.*predictions/)]);
  });
});

describe('byo plot spectrogram', () => {
  const RATE = 8000;
  /** A tone in the left channel and silence in the right one, 16 bits. */
  const stereo = (hertz: number, count: number) => {
    const bytes = Buffer.alloc(44 + 4 * count);
    bytes.write('RIFF');
    bytes.writeUInt32LE(bytes.length - 8, 4);
    bytes.write('WAVEfmt ', 8);
    [16, RATE, 4 * RATE, 4 * count].forEach((value, i) => bytes.writeUInt32LE(value, [16, 24, 28, 40][i]!));
    [1, 2, 4, 16].forEach((value, i) => bytes.writeUInt16LE(value, [20, 22, 32, 34][i]!));
    bytes.write('data', 36);
    const sample = (i: number) => Math.round(16000 * Math.sin((2 * Math.PI * hertz * i) / RATE));
    for (let i = 0; i < count; i++) bytes.writeInt16LE(sample(i), 44 + 4 * i);
    return bytes;
  };

  it('shows a panel for each channel: a bright line at a tone, the dark floor in silence', async () => {
    writeFileSync(join(cwd, 'tone.wav'), stereo(1000, 4000));
    const svg = await run('plot', 'spectrogram', 'tone.wav');
    for (const text of ['>left<', '>right<', 'frequency (kHz)', '>time (s)<', '0.50 s at 8000 Hz', '>−80<']) expect(svg).toContain(text);
    const panels = await Promise.all([...svg.matchAll(/base64,([^"]+)/g)].map(async ([, code]) =>
      sharp(Buffer.from(code!, 'base64')).raw().toBuffer({ resolveWithObject: true })));
    const pixel = ({ data, info }: (typeof panels)[number], hertz: number) => {
      // 129 frequencies from the top, 4 kHz, to the bottom; each is several rows high.
      const row = Math.floor(((128 - (hertz / 4000) * 128 + 0.5) * info.height) / 129);
      return [...data.subarray((row * info.width + info.width / 2) * 3, (row * info.width + info.width / 2) * 3 + 3)];
    };
    const [left, right] = panels;
    expect(pixel(left!, 1000)).toEqual([0xfd, 0xe7, 0x25]);
    expect(pixel(left!, 3000)).toEqual([0x44, 0x01, 0x54]);
    expect(pixel(right!, 1000)).toEqual([0x44, 0x01, 0x54]);
  });

  it('refuses a file that is cut off', async () => {
    writeFileSync(join(cwd, 'cut.wav'), stereo(1000, 100).subarray(0, 100));
    expect(await fails('plot', 'spectrogram', 'cut.wav')).toEqual([
      3, 'byo: cut.wav ends early: 56 of 400 bytes of samples are there; make or fetch it again']);
  });
});
