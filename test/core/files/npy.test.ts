import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { STORAGE, float32, int32, type Dtype, type NdArray } from '../../../src/core/array.js';
import { InputError } from '../../../src/core/errors.js';
import { decodeNpy, decodeNpz, encodeNpy, encodeNpz, isNpy, isNpz } from '../../../src/core/files/npy.js';
import { concat, counting, messageOf, pythonWith, runPython, scratch } from './support.js';

const DTYPES = (Object.keys(STORAGE) as Dtype[]).filter((dtype) => dtype !== 'bfloat16');

/** An .npy file of the given header text and data. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(Buffer.byteLength(header), 0, length.length);
  return concat([Buffer.from('\x93NUMPY', 'latin1'), Uint8Array.of(version, 0), length, Buffer.from(header), data]);
}

const dict = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('.npy', () => {
  it.each(DTYPES)('round-trips %s', (dtype) => {
    for (const shape of [[], [0], [3], [2, 3], [2, 0, 4], [1, 2, 3, 4]]) {
      const array = counting(dtype, shape);
      const file = concat(encodeNpy(array));
      expect(decodeNpy(file, 'x')).toEqual(array);
      expect((file.length - array.data.byteLength) % 64).toBe(0);
    }
  });

  it('views aligned data without a copy, writing and reading', () => {
    const array = float32([4]);
    expect(encodeNpy(array)[1]!.buffer).toBe(array.data.buffer);
    const file = concat(encodeNpy(array));
    expect(decodeNpy(file, 'x').data.buffer).toBe(file.buffer);
  });

  it('reads versions 1, 2 and 3, keys in any order, Python 2 integers', () => {
    for (const version of [1, 2, 3]) {
      expect(decodeNpy(npy(dict("'|i1'", '(2,)'), bytes(1, 255), version), 'x').data).toEqual(Int8Array.of(1, -1));
    }
    const odd = npy('{"shape": (2L, 1L), "fortran_order": False, "descr": "<u2"}', bytes(1, 0, 0, 1));
    expect(decodeNpy(odd, 'x')).toEqual({ dtype: 'uint16', shape: [2, 1], data: Uint16Array.of(1, 256) });
  });

  it('puts column-major arrays in row-major order', () => {
    const file = npy(dict("'|u1'", '(2, 3)', 'True'), bytes(0, 3, 1, 4, 2, 5));
    expect(decodeNpy(file, 'x')).toEqual(counting('uint8', [2, 3]));
    // Element (i, j, k) of a 2x3x4 array sits at i + 2 j + 6 k.
    const cube = npy(dict("'|u1'", '(2, 3, 4)', 'True'), Uint8Array.from({ length: 24 }, (_, n) => n));
    const { data } = decodeNpy(cube, 'x');
    expect(data[((1 * 3) + 2) * 4 + 3]).toBe(1 + 2 * 2 + 6 * 3);
    expect(data[((0 * 3) + 1) * 4 + 2]).toBe(0 + 2 * 1 + 6 * 2);
    expect(decodeNpy(npy(dict("'|u1'", '(2, 0, 3)', 'True'), bytes()), 'x').data.length).toBe(0);
  });

  it('converts big-endian numbers', () => {
    expect(decodeNpy(npy(dict("'>i2'", '(2,)'), bytes(1, 2, 255, 255)), 'x').data).toEqual(Int16Array.of(258, -1));
    expect(decodeNpy(npy(dict("'>f4'", '()'), bytes(63, 128, 0, 0)), 'x').data).toEqual(Float32Array.of(1));
    expect(decodeNpy(npy(dict("'>i8'", '(1,)'), bytes(0, 0, 0, 0, 0, 0, 1, 0)), 'x').data).toEqual(BigInt64Array.of(256n));
  });

  it.each([
    ['another file', Buffer.from('hello, world'), 'does not start with'],
    ['version 4', npy(dict("'<f4'", '(1,)'), bytes(0, 0, 0, 0), 4), 'version is 4'],
    ['a cut prefix', npy('', bytes()).subarray(0, 9), 'ends before its header'],
    ['a cut header', npy(dict("'<f4'", '(1,)'), bytes()).subarray(0, 40), 'but the file has 40'],
    ['missing data', npy(dict("'<f4'", '(2,)'), bytes(0, 0, 0, 0)), 'should hold 8 bytes of data for shape [2] of float32, but 4'],
    ['extra data', npy(dict("'<f4'", '(1,)'), new Uint8Array(5)), 'but 5 are there'],
    ['no descr', npy("{'fortran_order': False, 'shape': ()}", bytes()), 'no dtype'],
    ['no order', npy("{'descr': '<f4', 'shape': ()}", bytes()), 'no fortran_order'],
    ['no shape', npy("{'descr': '<f4', 'fortran_order': False}", bytes()), 'no shape'],
    ['a negative extent', npy(dict("'<f4'", '(-1,)'), bytes()), 'no shape'],
    ['a huge shape', npy(dict("'<f4'", '(9007199254740992,)'), bytes()), 'too large'],
    ['Python objects', npy(dict("'|O'", '(1,)'), bytes(0)), 'Python objects'],
    ['text', npy(dict("'<U5'", '(1,)'), new Uint8Array(20)), 'text'],
    ['byte strings', npy(dict("'|S5'", '(1,)'), new Uint8Array(5)), 'byte strings'],
    ['complex numbers', npy(dict("'<c8'", '(1,)'), new Uint8Array(8)), 'complex'],
    ['dates', npy(dict("'<M8[ns]'", '(1,)'), new Uint8Array(8)), 'dates'],
    ['records', npy(dict("[('a', '<f4')]", '(1,)'), new Uint8Array(4)), 'records'],
    ['bfloat16 of ml_dtypes', npy(dict("'<V2'", '(1,)'), new Uint8Array(2)), 'numpy does not know'],
    ['long doubles', npy(dict("'<f16'", '(1,)'), new Uint8Array(16)), 'dtype <f16'],
    ['a bool of 3', npy(dict("'|b1'", '(2,)'), bytes(1, 3)), 'element 1 is 3'],
  ])('refuses %s', async (_, file, part) => {
    const message = await messageOf(InputError, () => decodeNpy(file, 'x.npy'));
    expect(message).toMatch(/^x\.npy /);
    expect(message).toContain(part);
  });

  it('refuses to write bfloat16', () => {
    expect(() => encodeNpy(counting('bfloat16', [1]))).toThrow(InputError);
  });
});

describe('.npz', () => {
  const arrays = new Map<string, NdArray>([
    ['images', counting('uint8', [50, 4])], ['labels', int32([3], [1, 2, 3])], ['__proto__', float32([])], ['a/b', counting('int64', [2])],
  ]);

  it.each([false, true])('round-trips, compress %s', (compress) => {
    const file = concat(encodeNpz(arrays, { compress }));
    expect(isNpz(file)).toBe(true);
    expect(isNpy(file)).toBe(false);
    expect([...decodeNpz(file, 'x')]).toEqual([...arrays]);
  });

  it('compresses, and gives the same bytes in any time zone and at any time', () => {
    const zeros = new Map([['z', float32([1000])]]);
    expect(concat(encodeNpz(zeros, { compress: true })).length).toBeLessThan(500);
    const zone = process.env.TZ;
    const file = concat(encodeNpz(arrays));
    try {
      process.env.TZ = 'Pacific/Kiritimati';
      expect(concat(encodeNpz(arrays))).toEqual(file);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
    // The DOS date of 1 January 1980, 00:00.
    expect(Buffer.from(file).readUInt32LE(10)).toBe((1 << 21) | (1 << 16));
  });

  it('reads and writes an archive without arrays', () => {
    const file = concat(encodeNpz(new Map()));
    expect(isNpz(file)).toBe(true);
    expect(decodeNpz(file, 'x').size).toBe(0);
  });

  it.each([
    ['another zip', zipSync({ 'a.txt': bytes(1) }), '"a.txt"'],
    ['a damaged zip', concat(encodeNpz(arrays)).subarray(0, 100), 'damaged zip'],
    ['an entry that is no array', zipSync({ 'a.npy': bytes(1) }), 'a.npy is not an .npy array'],
    ['a damaged array', zipSync({ 'a.npy': concat(encodeNpy(float32([2]))).subarray(0, 130) }), 'x.npz: a.npy should hold'],
  ])('refuses %s', async (_, file, part) => {
    expect(await messageOf(InputError, () => decodeNpz(file, 'x.npz'))).toContain(part);
  });

  it('refuses an array given twice', async () => {
    const file = zipSync({ 'a.npy': concat(encodeNpy(float32([]))), 'b.npy': concat(encodeNpy(float32([]))) }, { level: 0 });
    const text = Buffer.from(file).toString('latin1').replaceAll('b.npy', 'a.npy');
    expect(await messageOf(InputError, () => decodeNpz(Buffer.from(text, 'latin1'), 'x'))).toContain('"a.npy" twice');
  });
});

describe('numpy', () => {
  const python = pythonWith('numpy');

  it.skipIf(!python)('reads our files, and writes the same bytes', () => {
    const directory = scratch();
    const shapes = [[], [7], [2, 3], [0, 2], [1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1]];
    const ours = shapes.flatMap((shape) => DTYPES.map((dtype) => counting(dtype, shape)));
    const pair = new Map<string, NdArray>([['x', float32([2], [1, 2])], ['y', int32([1], [3])]]);
    ours.forEach((array, i) => writeFileSync(join(directory, `${i}.npy`), concat(encodeNpy(array))));
    writeFileSync(join(directory, 'ours.npz'), concat(encodeNpz(pair, { compress: true })));
    runPython(python!, [
      'import sys, os, numpy as np',
      'd, n = sys.argv[1], int(sys.argv[2])',
      'for i in range(n):',
      '  a = np.load(f"{d}/{i}.npy"); np.save(f"{d}/their{i}.npy", a)',
      '  if a.dtype == np.int32: assert a.ravel().tolist() == list(range(a.size))',
      'z = np.load(f"{d}/ours.npz"); assert z["x"].tolist() == [1, 2] and z["y"].tolist() == [3]',
      'a = np.arange(24, dtype=">i4").reshape(2, 3, 4)',
      'np.savez(f"{d}/s.npz", a=np.asfortranarray(a), b=a[:, 1]); np.savez_compressed(f"{d}/c.npz", a=a, b=a[:, 1])',
    ].join('\n'), directory, String(ours.length));
    ours.forEach((array, i) => {
      expect(readFileSync(join(directory, `their${i}.npy`)).equals(concat(encodeNpy(array)))).toBe(true);
    });
    for (const name of ['s.npz', 'c.npz']) {
      const arrays = decodeNpz(readFileSync(join(directory, name)), name);
      expect(arrays.get('a')).toEqual(counting('int32', [2, 3, 4]));
      expect(arrays.get('b')).toEqual(int32([2, 4], [4, 5, 6, 7, 16, 17, 18, 19]));
    }
  });
});
