import { describe, expect, it } from 'vitest';
import { float32, ndarray, type NdArray } from '../../../src/core/array.js';
import { captionsOf, encodeCaptions, joinCaptions } from '../../../src/core/data/captions.js';
import { datasetArtifact, imageSetOf, withoutTest } from '../../../src/core/data/dataset.js';
import { decodeArtifact, encodeArtifact, type Artifact } from '../../../src/core/files/artifact.js';

const captions = ['a red circle', '', 'ein blaues Dreieck über Grün 🟢'];
const images = ndarray('uint8', [3, 1, 1, 1], Uint8Array.of(1, 2, 3));
const of = (found: NdArray): Artifact => ({ kind: 'dataset', schema: 1, meta: {}, tensors: new Map([['captions', found]]) });
const bytes = (rows: number, cols: number, ...values: number[]): NdArray => ndarray('uint8', [rows, cols], Uint8Array.from(values));

describe('captions', () => {
  it('are stored as UTF-8 with zeros behind the shorter ones', () => {
    const stored = encodeCaptions(['ü', 'abc', '']);
    expect(stored).toEqual(bytes(3, 3, 0xc3, 0xbc, 0, 0x61, 0x62, 0x63, 0, 0, 0));
    expect(encodeCaptions(['', '']).shape).toEqual([2, 1]);
    expect(() => encodeCaptions(['fine', 'a\0b'])).toThrow('caption 1 holds a zero character');
  });

  it('come back with their images, in their own rows without the test part', () => {
    const set = { images, captions, split: Uint8Array.of(0, 2, 0), skipped: [] };
    const read = decodeArtifact(Buffer.concat(encodeArtifact(datasetArtifact(set))), 'set.st', {});
    expect(imageSetOf(read, 'set.st')).toEqual(set);
    expect(withoutTest(set).captions).toEqual([captions[0], captions[2]]);
  });

  it('say what is wrong with a file', () => {
    expect(() => captionsOf(of(bytes(2, 2, 1, 1, 1, 1)), 3, 'a.st')).toThrow('captions are uint8 [2,2], but uint8 [3, L] is expected');
    expect(() => captionsOf(of(float32([3, 2])), 3, 'a.st')).toThrow('captions are float32 [3,2]');
    expect(() => captionsOf(of(bytes(2, 2, 0x61, 0, 0xc3, 0)), 2, 'a.st')).toThrow('a.st: caption 1 is not UTF-8');
    expect(() => captionsOf(of(bytes(1, 3, 0x61, 0, 0x62)), 1, 'a.st')).toThrow('caption 0 goes on behind a zero byte');
  });
});

describe('joinCaptions', () => {
  const set = { images, names: ['a/1.png', 'a/2.png', 'b/1.png'], skipped: [{ name: 'b/broken.png', reason: 'damaged' }] };
  const join = (...rows: string[][]) => joinCaptions({ source: 'words.csv', header: ['file', 'who', 'caption'], rows }, set);

  it('finds rows by path or by file name, and makes one line of a caption', () => {
    const rows = [['b/1.png', 'x', 'a dog, running\n over  grass'], ['b/broken.png', '', 'gone'], ['2.png', '', ''], ['a/1.png', 'y', 'a cat']];
    expect(join(...rows)).toEqual(['a cat', '', 'a dog, running over grass']);
    expect(() => join(...rows.slice(1))).toThrow('words.csv has no row for the image b/1.png; give it one, with an empty caption');
    expect(() => join(...rows, ['a/2.png', '', 'again'])).toThrow("line 6: 'a/2.png' has captions in line 4 already");
    expect(() => join(['c.png', '', ''])).toThrow("there is no image 'c.png'");
    expect(() => joinCaptions({ source: 'words.csv', header: ['file', 'text'], rows: [] }, set)).toThrow('words.csv has no column caption');
  });
});
