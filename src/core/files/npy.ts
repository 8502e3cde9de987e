import { unzipSync, Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { STORAGE, bytesOf, ndarray, sizeOf, type Dtype, type NdArray, type TypedArray } from '../array.js';
import { InputError } from '../errors.js';
import { arrayFromBytes } from './bytes.js';

/**
 * NumPy's own files (NEP 1): `\x93NUMPY`, version, header length, a Python dict literal padded to a multiple of 64
 * bytes, the elements. An .npz is a zip of them.
 */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const ALIGNMENT = 64;

/** Digits that numpy reserves for the first axis, so that a file can grow without moving its data. */
const GROWTH_DIGITS = 21;

const DTYPES: Readonly<Record<string, Dtype>> = {
  f8: 'float64', f4: 'float32', f2: 'float16', i8: 'int64', i4: 'int32', i2: 'int16', i1: 'int8',
  u8: 'uint64', u4: 'uint32', u2: 'uint16', u1: 'uint8', b1: 'bool',
};
const CODE_OF = new Map(Object.entries(DTYPES).map(([code, dtype]) => [dtype, code]));

/** What numpy writes and no array of byo holds, by the letter of its type. */
const REFUSED: Readonly<Record<string, string>> = {
  O: 'Python objects, which only running the pickle in it could read; save an array of numbers',
  U: 'text; save an array of numbers',
  S: 'byte strings; save an array of numbers',
  c: 'complex numbers; save the real and imaginary parts as two arrays',
  M: 'dates; save them as int64 (array.astype("int64"))',
  m: 'time differences; save them as int64 (array.astype("int64"))',
  V: 'records or a dtype that numpy does not know; save one array of numbers per field',
};

/** Whether the bytes are an .npy file, by their first six. */
export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

/** Whether the bytes are a zip file: `PK\x03\x04`, or `PK\x05\x06` for one without entries. */
export const isNpz = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5) && bytes[3] === bytes[2] + 1;

/** An .npy file's chunks, byte for byte what numpy 2 writes. Throws InputError for bfloat16, which numpy lacks. */
export function encodeNpy(array: NdArray): Uint8Array[] {
  const code = CODE_OF.get(array.dtype);
  if (code === undefined) {
    throw new InputError(`an .npy file cannot hold ${array.dtype}; convert the array to float32 first`);
  }
  const { shape } = array;
  const order = STORAGE[array.dtype].BYTES_PER_ELEMENT === 1 ? '|' : '<';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const growth = shape.length === 0 ? '' : ' '.repeat(GROWTH_DIGITS - String(shape[0]).length);
  const dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }${growth}`;
  const prefix = MAGIC.length + 4;
  const total = (Math.floor((prefix + dict.length + 1) / ALIGNMENT) + 1) * ALIGNMENT;
  const head = Buffer.alloc(total, ' ');
  head.set(MAGIC);
  head.set([1, 0], MAGIC.length);
  head.writeUInt16LE(total - prefix, MAGIC.length + 2);
  head.write(dict, prefix, 'latin1');
  head.write('\n', total - 1);
  return [head, bytesOf(array)];
}

/**
 * The array of an .npy file: a view on `bytes` where it is aligned, row-major and little-endian, a converted copy
 * otherwise. `source` names the file in messages. Throws InputError for damaged files and for dtypes without an array.
 */
export function decodeNpy(bytes: Uint8Array, source: string): NdArray {
  const { descr, fortranOrder, shape, start } = parseHeader(bytes, source);
  const dtype = Object.hasOwn(DTYPES, descr.slice(1)) ? DTYPES[descr.slice(1)]! : undefined;
  if (dtype === undefined) {
    const reason = REFUSED[descr[1]!] ?? `dtype ${descr}, which byo does not know; save it as float32 or int64`;
    throw new InputError(`${source} holds ${reason}`);
  }
  const itemSize = STORAGE[dtype].BYTES_PER_ELEMENT;
  const expected = sizeOf(shape) * itemSize;
  if (bytes.length - start !== expected) {
    throw new InputError(`${source} should hold ${expected} bytes of data for shape [${shape}] of ${dtype}, but ${bytes.length - start} are there; make or fetch it again`);
  }
  const data = bytes.subarray(start);
  const littleEndian = descr[0] === '>' && itemSize > 1 ? swapBytes(data, itemSize) : data;
  const array = arrayFromBytes(dtype, shape, littleEndian, source);
  return fortranOrder && shape.length > 1 ? fromColumnMajor(array) : array;
}

/**
 * An .npz file's chunks; entries are stored, or deflated with `compress`. No times are recorded, so equal arrays give
 * equal bytes. Throws InputError for bfloat16 and beyond the 4 GiB of a plain zip file.
 */
export function encodeNpz(arrays: ReadonlyMap<string, NdArray>, options: { compress?: boolean } = {}): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
    size += chunk.length;
  });
  for (const [name, array] of arrays) {
    const entry = options.compress ? new ZipDeflate(`${name}.npy`) : new ZipPassThrough(`${name}.npy`);
    // The earliest time of a zip file, in local time as zip files have it: the same bytes in every time zone.
    entry.mtime = new Date(1980, 0, 1);
    zip.add(entry);
    const parts = encodeNpy(array);
    parts.forEach((part, i) => entry.push(part, i === parts.length - 1));
  }
  zip.end();
  if (size >= 2 ** 32) throw new InputError('an .npz file holds at most 4 GiB; write safetensors instead');
  return chunks;
}

/** The arrays of an .npz file (stored or deflated), named without `.npy`; throws InputError as decodeNpy does. */
export function decodeNpz(bytes: Uint8Array, source: string): Map<string, NdArray> {
  const names = new Set<string>();
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name }) => {
        if (!name.endsWith('.npy')) throw new InputError(`${source} holds ${JSON.stringify(name)}, but an .npz file holds .npy arrays only; is it another zip file?`);
        if (names.has(name)) throw new InputError(`${source} holds the array ${JSON.stringify(name)} twice; make it again`);
        names.add(name);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${source} is a damaged zip file (${(error as Error).message}); make or fetch it again`);
  }
  return new Map(Object.entries(files).map(([name, file]) => {
    if (!isNpy(file)) throw new InputError(`${source}: ${name} is not an .npy array; make or fetch the file again`);
    return [name.slice(0, -'.npy'.length), decodeNpy(file, `${source}: ${name}`)];
  }));
}

interface NpyHeader {
  /** Byte order and type, as in `<f4`. */
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  /** Offset of the first element. */
  start: number;
}

function parseHeader(bytes: Uint8Array, source: string): NpyHeader {
  const wrong = (problem: string) => new InputError(`${source} is not a valid .npy file: ${problem}; make or fetch it again`);
  if (!isNpy(bytes)) throw wrong('it does not start with \\x93NUMPY');
  const version = bytes[6];
  if (version !== 1 && version !== 2 && version !== 3) throw wrong(`its format version is ${version}, not 1, 2 or 3`);
  const prefix = version === 1 ? 10 : 12;
  if (bytes.length < prefix) throw wrong('it ends before its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = prefix + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (start > bytes.length) throw wrong(`its header should end at byte ${start}, but the file has ${bytes.length}`);

  const text = Buffer.from(bytes.buffer, bytes.byteOffset + prefix, start - prefix).toString('utf8');
  if (/['"]descr['"]\s*:\s*\[/.test(text)) throw new InputError(`${source} holds ${REFUSED.V}`);
  const descr = /['"]descr['"]\s*:\s*['"]([<>|=]\w+)[^'"]*['"]/.exec(text)?.[1];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)\b/.exec(text)?.[1];
  // Python 2 wrote long integers as 3L.
  const tuple = /['"]shape['"]\s*:\s*\(\s*((?:\d+L?\s*,\s*)*(?:\d+L?)?)\s*\)/.exec(text)?.[1];
  if (descr === undefined) throw wrong('its header names no dtype (descr)');
  if (order === undefined) throw wrong('its header has no fortran_order');
  if (tuple === undefined) throw wrong('its header has no shape');
  const shape = [...tuple.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  if (!Number.isSafeInteger(sizeOf(shape) * 8)) throw wrong(`its shape [${shape}] is too large`);
  return { descr, fortranOrder: order === 'True', shape, start };
}

function swapBytes(data: Uint8Array, itemSize: number): Uint8Array {
  const copy = Buffer.from(data);
  if (itemSize === 2) return copy.swap16();
  return itemSize === 4 ? copy.swap32() : copy.swap64();
}

/** The same array with its elements, laid out first axis fastest, put in row-major order. */
function fromColumnMajor({ dtype, shape, data }: NdArray): NdArray {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const out: TypedArray = new STORAGE[dtype](data.length);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return ndarray(dtype, shape, out);
}
