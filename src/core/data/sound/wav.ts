import { InputError } from '../../errors.js';

export interface Sound {
  /** Samples per second. */
  readonly rate: number;
  /** Samples of each channel, all of one length, from -1 to 1. */
  readonly channels: readonly Float32Array[];
}

interface Format {
  readonly float: boolean;
  readonly bits: number;
  readonly channels: number;
  readonly rate: number;
}

/** Format codes of the `fmt ` chunk. */
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Length that programs write which do not know it yet: the samples then go on to the end. */
const UNKNOWN = 0xffffffff;

const CONVERT = 'convert it first, with ffmpeg -i IN -c:a pcm_s16le OUT.wav for instance';

/**
 * Reads a WAV file (RIFF; Microsoft and IBM 1991): PCM of 8, 16, 24 or 32 bits and float of 32 or 64 bits, of any number of
 * channels. Throws InputError for other formats, files that end early and clips without a sample.
 */
export function decodeWav(bytes: Uint8Array, source: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') {
    throw new InputError(`${source} is not a WAV file: it does not start with RIFF and WAVE; ${CONVERT}`);
  }
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = tag(at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    const held = bytes.length - start;
    if (name === 'data') {
      if (!format) throw new InputError(`${source} has samples before it says their format; make or fetch it again`);
      const length = size === UNKNOWN ? held : size;
      if (length > held) throw new InputError(`${source} ends early: ${held} of ${length} bytes of samples are there; make or fetch it again`);
      const samples = new DataView(view.buffer, view.byteOffset + start, length);
      return { rate: format.rate, channels: readSamples(samples, format, source) };
    }
    if (size > held) throw new InputError(`${source} ends early, in its ${JSON.stringify(name)} part; make or fetch it again`);
    if (name === 'fmt ') format = readFormat(new DataView(view.buffer, view.byteOffset + start, size), source);
    // Parts start at even offsets.
    at = start + size + (size % 2);
  }
  throw new InputError(`${source} ends before its samples: it has no "data" part; make or fetch it again`);
}

function readFormat(view: DataView, source: string): Format {
  const short = (code: number): boolean => view.byteLength < (code === EXTENSIBLE ? 26 : 16);
  const outer = view.byteLength >= 2 ? view.getUint16(0, true) : 0;
  if (short(outer)) throw new InputError(`${source} has a "fmt " part of ${view.byteLength} bytes, which is too short; make or fetch it again`);
  // The extensible form has the code at the start of a longer identifier.
  const code = outer === EXTENSIBLE ? view.getUint16(24, true) : outer;
  const [channels, rate, bits] = [view.getUint16(2, true), view.getUint32(4, true), view.getUint16(14, true)];
  const float = code === FLOAT;
  if (!(code === PCM && [8, 16, 24, 32].includes(bits)) && !(float && [32, 64].includes(bits))) {
    const encoding = code === PCM ? 'PCM' : float ? 'float' : `encoding ${code}`;
    throw new InputError(`${source} holds ${bits}-bit ${encoding}, but PCM of 8, 16, 24 or 32 bits or float is expected; ${CONVERT}`);
  }
  if (channels === 0 || rate === 0) throw new InputError(`${source} says that it has ${channels} channels at ${rate} Hz; make or fetch it again`);
  return { float, bits, channels, rate };
}

function readSamples(view: DataView, { float, bits, channels, rate }: Format, source: string): Float32Array[] {
  const width = bits / 8;
  const frame = width * channels;
  const count = view.byteLength / frame;
  if (count === 0) throw new InputError(`${source} is a clip of no length: it has a header (${rate} Hz) and no samples`);
  if (!Number.isInteger(count)) {
    throw new InputError(`${source} holds ${view.byteLength} bytes of samples, which is no multiple of the ${frame} of one moment; make or fetch it again`);
  }
  const read = float ? floatReader(view, bits) : wholeReader(view, bits);
  return Array.from({ length: channels }, (_, c) => {
    const samples = new Float32Array(count);
    for (let i = 0; i < count; i++) samples[i] = read(i * frame + c * width);
    return samples;
  });
}

const floatReader = (view: DataView, bits: number): (at: number) => number =>
  bits === 32 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true);

function wholeReader(view: DataView, bits: number): (at: number) => number {
  switch (bits) {
    // The only unsigned one.
    case 8: return (at) => (view.getUint8(at) - 128) / 128;
    case 16: return (at) => view.getInt16(at, true) / 2 ** 15;
    case 24: return (at) => (view.getUint16(at, true) | (view.getInt8(at + 2) << 16)) / 2 ** 23;
    default: return (at) => view.getInt32(at, true) / 2 ** 31;
  }
}

/** One channel of 16-bit samples as a WAV file. */
export function encodeWav(samples: Int16Array, rate: number): Uint8Array {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(PCM, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((value, i) => bytes.writeInt16LE(value, 44 + 2 * i));
  return bytes;
}
