import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STORAGE, float32, type Dtype, type NdArray } from '../../../src/core/array.js';
import { InputError } from '../../../src/core/errors.js';
import {
  decodeSafetensors, decodeSafetensorsHeader, encodeSafetensors, readSafetensors, readSafetensorsHeader,
} from '../../../src/core/files/safetensors.js';
import { concat, counting, messageOf, pythonWith, runPython, scratch } from './support.js';

const DTYPES = Object.keys(STORAGE) as Dtype[];

/** A file of the given header (text, bytes or a value to write as JSON) and data. */
function file(header: unknown, data: Uint8Array | number = 0): Uint8Array {
  const bytes = header instanceof Uint8Array ? header : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return concat([length, bytes, typeof data === 'number' ? new Uint8Array(data) : data]);
}

function withLength(n: bigint): Uint8Array {
  const bytes = file('{}');
  new DataView(bytes.buffer).setBigUint64(0, n, true);
  return bytes;
}

const entry = (fields: object = {}) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });
const f32 = (begin: number, end: number) => ({ dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end] });

describe('writing', () => {
  it('gives the reference writer\'s bytes, data aligned to 8', () => {
    const bytes = concat(encodeSafetensors(new Map([['a', float32([2], [1, 2])]])));
    const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
    expect(Buffer.from(bytes).toString('latin1'))
      .toBe(`${String.fromCharCode(padded.length)}${'\0'.repeat(7)}${padded}\0\0\x80?\0\0\0@`);
    expect((bytes.length - 8) % 8).toBe(0);
    const back = decodeSafetensors(bytes, 'x');
    expect(concat(encodeSafetensors(back.tensors))).toEqual(bytes);
  });

  it('orders by alignment, then by UTF-8 name, whatever the insertion order', () => {
    const arrays = DTYPES.map((dtype): [string, NdArray] => [dtype, counting(dtype, [3])]);
    arrays.push(['\u{1F600}', float32([1])], ['\uFB01', float32([1])], ['A', float32([])]);
    const metadata = { z: '1', a: '2' };
    const bytes = concat(encodeSafetensors(new Map(arrays), metadata));
    expect(concat(encodeSafetensors(new Map(arrays.reverse()), { a: '2', z: '1' }))).toEqual(bytes);
    const { entries } = decodeSafetensorsHeader(bytes, 'x');
    expect([...entries.keys()]).toEqual([
      'uint64', 'int64', 'float64', 'A', 'float32', '\uFB01', '\u{1F600}', 'uint32', 'int32', 'bfloat16', 'float16',
      'uint16', 'int16', 'int8', 'uint8', 'bool',
    ]);
    for (const { dtype, begin } of entries.values()) expect(begin % STORAGE[dtype].BYTES_PER_ELEMENT).toBe(0);
  });

  it('copies no tensor', () => {
    const a = float32([4]);
    expect(encodeSafetensors(new Map([['a', a]]))[1]!.buffer).toBe(a.data.buffer);
  });

  it('refuses the reserved name', () => {
    expect(() => encodeSafetensors(new Map([['__metadata__', float32([1])]]))).toThrow(InputError);
  });
});

describe('reading', () => {
  it('round-trips every dtype, rank 0, empty dimensions, awkward names and metadata', () => {
    const tensors = new Map(DTYPES.map((dtype) => [dtype as string, counting(dtype, [2, 3])]));
    tensors.set('__proto__', float32([], [7])).set('constructor', float32([0, 5])).set('', counting('uint8', [1, 1, 3]));
    tensors.set('ü "quoted"\n', float32([3], [NaN, -Infinity, -0]));
    const metadata = { ['__proto__']: 'p', note: 'é "x"\n', empty: '' };
    const back = decodeSafetensors(concat(encodeSafetensors(tensors, metadata)), 'x');
    expect(new Map([...back.tensors].sort())).toEqual(new Map([...tensors].sort()));
    expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(metadata).sort());
    expect(({} as Record<string, unknown>).p).toBeUndefined();
  });

  it('reads a file without tensors', () => {
    expect(decodeSafetensors(concat(encodeSafetensors(new Map())), 'x')).toEqual({ tensors: new Map(), metadata: {} });
  });

  it('views aligned data and copies unaligned data', () => {
    const header = { b: { dtype: 'U8', shape: [1], data_offsets: [0, 1] }, a: { dtype: 'F32', shape: [1], data_offsets: [1, 5] } };
    const text = JSON.stringify(header);
    const bytes = file(text.padEnd(Math.ceil(text.length / 8) * 8), Uint8Array.of(9, 0, 0, 128, 63));
    const { tensors } = decodeSafetensors(bytes, 'x');
    expect(tensors.get('a')!.data).toEqual(Float32Array.of(1));
    expect(tensors.get('a')!.data.buffer).not.toBe(bytes.buffer);
    expect(tensors.get('b')!.data.buffer).toBe(bytes.buffer);

    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeSafetensors(shifted.subarray(1), 'x').tensors).toEqual(tensors);
  });

  const malformed: Record<string, Uint8Array> = {
    'an empty file': new Uint8Array(0),
    'a header length of 2^63': withLength(2n ** 63n),
    'a header longer than the format allows': withLength(100_000_001n),
    'a header longer than the file': withLength(3n),
    'a header of no bytes': file(''),
    'a header in another encoding': file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)),
    'a header that is not JSON': file('{"a":}'),
    'a header with a byte order mark': file('\uFEFF{}'),
    'a tensor twice': file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    'a field twice': file('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'),
    'a depth bomb': file(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
    'metadata that are no object': file({ __metadata__: ['a'] }),
    'metadata that are no strings': file({ __metadata__: { a: 1 } }),
    'an entry that is no object': file({ a: 1 }),
    'no dtype': file(entry({ dtype: 1 }), 8),
    'an unknown dtype': file(entry({ dtype: 'toString' }), 8),
    'a dtype without arrays': file(entry({ dtype: 'F8_E4M3', data_offsets: [0, 2] }), 2),
    'a complex dtype': file(entry({ dtype: 'C64' }), 16),
    'no shape': file(entry({ shape: 2 }), 8),
    'a fractional extent': file(entry({ shape: [2.5] }), 8),
    'an extent that is text': file(entry({ shape: ['2'] }), 8),
    'a negative extent': file(entry({ shape: [-2] }), 8),
    'an unsafe extent': file(entry({ shape: [2 ** 53] }), 8),
    'a product beyond 2^53': file(entry({ shape: [2 ** 30, 2 ** 30, 0], data_offsets: [0, 0] })),
    'no offsets': file(entry({ data_offsets: [0] }), 8),
    'a negative offset': file(entry({ data_offsets: [-8, 0] }), 8),
    'an unsafe offset': file(entry({ data_offsets: [2 ** 53, 2 ** 53 + 8] }), 8),
    'an end before the begin': file(entry({ data_offsets: [8, 0] }), 8),
    'offsets that lie about the size': file(entry({ data_offsets: [0, 12] }), 12),
    'a hole of one byte': file({ a: f32(0, 8), b: f32(9, 13) }, 13),
    'a hole before the first tensor': file({ a: f32(4, 8) }, 8),
    'an overlap': file({ a: f32(0, 8), b: f32(4, 12) }, 12),
    'the same bytes twice': file({ a: f32(0, 8), b: f32(0, 8) }, 8),
    'bytes after the last tensor': file(entry(), 9),
    'data cut short': file(entry(), 7),
    'data without a tensor': file('{}', 3),
    'a bool of 2': file(entry({ dtype: 'BOOL', data_offsets: [0, 2] }), Uint8Array.of(1, 2)),
  };

  it.each(Object.keys(malformed))('refuses %s', async (name) => {
    const message = await messageOf(InputError, () => decodeSafetensors(malformed[name]!, 'x.st'));
    expect(message).toMatch(/^x\.st/);
    expect(message.length).toBeLessThan(250);
    expect(message).not.toContain('\n');
  });

  it('has a message of its own for each kind of damage', async () => {
    const messages = await Promise.all(Object.values(malformed).map((bytes) =>
      messageOf(InputError, () => decodeSafetensors(bytes, 'x.st'))));
    // No bytes and a byte order mark are one mistake: the header does not start with a brace.
    expect(new Set(messages).size).toBe(messages.length - 1);
  });

  it('refuses a header length of 2^63', () => {
    expect(() => decodeSafetensors(withLength(2n ** 63n), 'x')).toThrow('9223372036854775808');
  });

  it('accepts any order of tensors, and empty ones anywhere', () => {
    const empty = { dtype: 'F32', shape: [0], data_offsets: [8, 8] };
    const bytes = file({ b: f32(8, 16), e: empty, a: f32(0, 8), z: { ...empty, data_offsets: [0, 0] } }, 16);
    expect([...decodeSafetensors(bytes, 'x').tensors.keys()]).toEqual(['b', 'e', 'a', 'z']);
  });
});

describe('files', () => {
  it('reads the header alone, with offsets into the file', async () => {
    const path = join(scratch(), 'a.st');
    writeFileSync(path, concat(encodeSafetensors(new Map([['w', counting('int16', [2, 3])], ['b', float32([1], [5])]]), { k: 'v' })));
    const { entries, metadata } = await readSafetensorsHeader(path);
    expect(metadata).toEqual({ k: 'v' });
    const { tensors } = await readSafetensors(path);
    const { data } = tensors.get('w')!;
    const begin = data.byteOffset;
    expect(entries.get('w')).toEqual({ dtype: 'int16', shape: [2, 3], begin, end: begin + 12 });
  });

  it('reads the header of a file too large for memory', async () => {
    const path = join(scratch(), 'sparse.st');
    const size = 2 ** 40;
    const header = file({ a: { dtype: 'U8', shape: [size], data_offsets: [0, size] } });
    writeFileSync(path, header);
    expect(await messageOf(InputError, () => readSafetensorsHeader(path))).toContain('cut short');
    truncateSync(path, header.length + size);
    const { entries } = await readSafetensorsHeader(path);
    expect(entries.get('a')).toEqual({ dtype: 'uint8', shape: [size], begin: header.length, end: header.length + size });
    expect(await messageOf(InputError, () => readSafetensors(path))).toContain('more than the');
  });

  it('says what is wrong with a path', async () => {
    const directory = scratch();
    expect(await messageOf(InputError, () => readSafetensors(join(directory, 'no.st')))).toContain('there is no such file');
    expect(await messageOf(InputError, () => readSafetensorsHeader(join(directory, 'no.st')))).toContain('there is no such file');
    expect(await messageOf(InputError, () => readSafetensors(directory))).toContain('it is a directory');
    expect(await messageOf(InputError, () => readSafetensorsHeader(directory))).toContain('it is a directory');
  });
});

describe('the reference implementation', () => {
  const python = pythonWith('safetensors', 'torch');

  it.skipIf(!python)('reads our files, and writes the same bytes', async () => {
    const directory = scratch();
    const ours = join(directory, 'ours.safetensors');
    const theirs = join(directory, 'theirs.safetensors');
    const tensors = new Map(DTYPES.map((dtype) => [`${dtype}.ü`, counting(dtype, [2, 3])]));
    tensors.set('scalar', float32([], [7])).set('empty', float32([0, 5]));
    writeFileSync(ours, concat(encodeSafetensors(tensors, { format: 'pt' })));
    runPython(python!, [
      'import sys, safetensors.torch as st',
      't = st.load_file(sys.argv[1])',
      'assert t["int32.ü"].tolist() == [[0, 1, 2], [3, 4, 5]], t',
      'assert t["bool.ü"].tolist() == [[False, True, False], [True, False, True]], t',
      'st.save_file(t, sys.argv[2], {"format": "pt"})',
    ].join('\n'), ours, theirs);
    expect(readFileSync(theirs).equals(readFileSync(ours))).toBe(true);
  });

  it.skipIf(!python)('accepts and refuses the same files', () => {
    const directory = scratch();
    const cases = {
      ok: file(entry(), 8), hole: file({ a: f32(0, 8), b: f32(9, 13) }, 13), tail: file(entry(), 9),
      twice: file({ a: f32(0, 8), b: f32(0, 8) }, 8), short: file(entry(), 7),
      negative: file(entry({ shape: [-2] }), 8), meta: file({ __metadata__: { a: 1 } }),
      scalar: file(entry({ dtype: 'U8', shape: [], data_offsets: [0, 1] }), 1),
      empty: file('{}'), spaces: file('{}      '), overflow: file(entry({ shape: [2 ** 40, 2 ** 40] }), 8),
    };
    const paths = Object.entries(cases).map(([name, bytes]) => {
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    });
    const verdicts = JSON.parse(runPython(python!, [
      'import sys, json, safetensors',
      'def ok(p):',
      '  try: safetensors.safe_open(p, "np"); return True',
      '  except safetensors.SafetensorError: return False',
      'print(json.dumps([ok(p) for p in sys.argv[1:]]))',
    ].join('\n'), ...paths)) as boolean[];
    const ours = Object.values(cases).map((bytes) => {
      try {
        decodeSafetensors(bytes, 'x');
        return true;
      } catch {
        return false;
      }
    });
    expect(ours).toEqual(verdicts);
  });
});
