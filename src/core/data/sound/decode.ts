import { ByoError, InputError } from '../../errors.js';
import { decodeWav, type Sound } from './wav.js';

/** What installs FLAC, an optional part of byo. */
const INSTALL = 'npm install @wasm-audio-decoders/flac@0.2.11';

/** A sound file's samples, WAV or FLAC by its first bytes; throws InputError for others and for damaged ones. */
export async function decodeSound(bytes: Uint8Array, source: string): Promise<Sound> {
  return isFlac(bytes) ? decodeFlac(bytes, source) : decodeWav(bytes, source);
}

/** Whether bytes start as a FLAC file does (RFC 9639), behind a tag of ID3 where it has one. */
export function isFlac(bytes: Uint8Array): boolean {
  const starts = (text: string, at = 0): boolean => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  if (!starts('ID3')) return starts('fLaC');
  // The length of a tag has seven bits a byte.
  const length = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (bytes[at] ?? 0), 0);
  return starts('fLaC', 10 + length);
}

/** Throws ByoError where the decoder is not installed. */
async function decodeFlac(bytes: Uint8Array, source: string): Promise<Sound> {
  const { FLACDecoder } = await import('@wasm-audio-decoders/flac').catch(() => {
    throw new ByoError(`${source} is a FLAC file, which takes the package @wasm-audio-decoders/flac, an optional part of byo that is not installed; ${INSTALL}`);
  });
  const decoder = new FLACDecoder();
  await decoder.ready;
  try {
    const { channelData, samplesDecoded, sampleRate, bitDepth, errors } = await decoder.decodeFile(bytes);
    if (errors.length > 0) throw new InputError(`${source} is a damaged FLAC file (${errors[0]!.message}); make or fetch it again`);
    const promised = promisedSamples(bytes);
    if (promised > 0 && samplesDecoded < promised) {
      throw new InputError(`${source} ends early: ${samplesDecoded} of ${promised} samples are there; make or fetch it again`);
    }
    if (samplesDecoded === 0) throw new InputError(`${source} is a clip of no length: it has a header and no samples`);
    // The decoder divides by the largest positive sample; full scale is one more, as in WAV.
    const full = 2 ** (bitDepth - 1);
    const channels = channelData.map((channel) => channel.map((value) => Math.round(value * (full - 1)) / full));
    return { rate: sampleRate, channels };
  } finally {
    decoder.free();
  }
}

/** The number of samples in the first block of a FLAC file, 0 where its writer did not know it. */
function promisedSamples(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('fLaC') + 8;
  // 36 bits: the last four of a byte and four bytes more (RFC 9639, 8.2).
  return start + 18 <= bytes.length ? (view.getUint8(start + 13) & 15) * 2 ** 32 + view.getUint32(start + 14) : 0;
}

/** One channel: the mean of all. Throws InputError where a sample is not finite. */
export function mixedDown({ channels }: Sound, source: string): Float32Array {
  const [first, ...others] = channels as [Float32Array, ...Float32Array[]];
  const mono = others.length === 0 ? first
    : first.map((value, i) => others.reduce((sum, channel) => sum + channel[i]!, value) / channels.length);
  const wrong = mono.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new InputError(`${source} holds samples that are not finite (the first is number ${wrong}); record or convert it again`);
  return mono;
}
