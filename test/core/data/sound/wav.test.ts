import { createReadStream, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { decodeWav } from '../../../../src/core/data/sound/wav.js';

const part = (name: string, body: Uint8Array, size = body.length) => {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
};
const format = ({ code = 1, channels = 1, rate = 8000, bits = 16 }) => {
  const body = Buffer.alloc(16);
  body.writeUInt16LE(code, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(rate, 4);
  body.writeUInt32LE((rate * channels * bits) / 8, 8);
  body.writeUInt16LE((channels * bits) / 8, 12);
  body.writeUInt16LE(bits, 14);
  return body;
};
const riff = (...parts: Uint8Array[]) => Buffer.concat([part('RIFF', Buffer.concat([Buffer.from('WAVE'), ...parts]))]);
const wav = (about: Parameters<typeof format>[0], samples: number[]) => riff(part('fmt ', format(about)), part('data', Uint8Array.from(samples)));
const bytesOf = (values: Float32Array | Float64Array) => [...new Uint8Array(values.buffer)];

describe('decodeWav', () => {
  it.each([
    ['8 bits', { bits: 8 }, [0, 128, 192], [-1, 0, 0.5]],
    ['16 bits', { bits: 16 }, [0x00, 0x80, 0x00, 0x40, 0xff, 0xff], [-1, 0.5, -(2 ** -15)]],
    ['24 bits', { bits: 24 }, [0x00, 0x00, 0x80, 0x00, 0x00, 0x40, 0xff, 0xff, 0xff], [-1, 0.5, -(2 ** -23)]],
    ['32 bits', { bits: 32 }, [0, 0, 0, 0x80, 0, 0, 0, 0x20], [-1, 0.25]],
    ['float', { code: 3, bits: 32 }, bytesOf(Float32Array.of(0.1, -2)), [Math.fround(0.1), -2]],
    ['float of 64 bits', { code: 3, bits: 64 }, bytesOf(Float64Array.of(0.1)), [Math.fround(0.1)]],
  ])('%s', (_, about, samples, values) => {
    expect(decodeWav(wav(about, samples), 'a.wav')).toEqual({ rate: 8000, channels: [Float32Array.from(values)] });
  });

  it('separates channels, passes over other parts, and starts anywhere in a buffer', () => {
    const bytes = riff(part('LIST', Buffer.from('odd')), part('fmt ', format({ channels: 2, bits: 8, rate: 44100 })),
      part('data', Uint8Array.of(0, 128, 64, 192)), part('id3 ', Buffer.from('x')));
    const shifted = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
    expect(decodeWav(shifted, 'a.wav')).toEqual({ rate: 44100, channels: [Float32Array.of(-1, -0.5), Float32Array.of(0, 0.5)] });
  });

  it('reads the extensible form, and samples of unknown length as pipes have them', () => {
    const extension = [22, 0, 24, 0, 4, 0, 0, 0, 1, 0];
    const extensible = Buffer.concat([format({ code: 0xfffe, bits: 24 }), Buffer.from(extension), Buffer.alloc(14)]);
    const bytes = riff(part('fmt ', extensible), part('data', Uint8Array.of(0, 0, 0x40, 0, 0, 0xc0), 0xffffffff));
    expect(decodeWav(bytes, 'a.wav').channels).toEqual([Float32Array.of(0.5, -0.5)]);
  });

  const whole = wav({}, [1, 2, 3, 4]);
  it.each([
    ['another file', Buffer.from('OggS and so on'), 'a.wav is not a WAV file: it does not start with RIFF and WAVE'],
    ['nothing', Buffer.alloc(0), 'a.wav is not a WAV file'],
    ['a cut header', whole.subarray(0, 30), 'a.wav ends early, in its "fmt " part'],
    ['no samples part', whole.subarray(0, 40), 'a.wav ends before its samples: it has no "data" part'],
    ['cut samples', whole.subarray(0, 47), 'a.wav ends early: 3 of 4 bytes of samples are there'],
    ['no length', wav({}, []), 'a.wav is a clip of no length: it has a header (8000 Hz) and no samples'],
    ['half a sample', wav({}, [1, 2, 3]), 'a.wav holds 3 bytes of samples, which is no multiple of the 2 of one moment'],
    ['a short format', riff(part('fmt ', Buffer.alloc(8)), part('data', Buffer.alloc(2))), 'a.wav has a "fmt " part of 8 bytes, which is too short'],
    ['no format', riff(part('data', Buffer.alloc(2))), 'a.wav has samples before it says their format'],
    ['mu-law', wav({ code: 7, bits: 8 }, [0]), 'a.wav holds 8-bit encoding 7, but PCM of 8, 16, 24 or 32 bits or float is expected; convert it first'],
    ['12 bits', wav({ bits: 12 }, [0, 0, 0]), 'a.wav holds 12-bit PCM'],
    ['no channels', wav({ channels: 0 }, [0, 0]), 'a.wav says that it has 0 channels at 8000 Hz'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeWav(bytes, 'a.wav')).toThrow(message);
  });

  const digits = fileURLToPath(new URL('../../../../../shared/data/fsdd-2400.tar', import.meta.url));
  it.skipIf(!existsSync(digits))('reads recordings of spoken digits (skipped without the shared data)', async () => {
    let count = 0;
    const archive = createReadStream(digits).pipe(extract());
    for await (const entry of archive) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      if (!entry.header.name.endsWith('.wav')) continue;
      const bytes = Buffer.concat(chunks);
      const { rate, channels } = decodeWav(bytes, entry.header.name);
      // Their headers are of the plain kind, 44 bytes long.
      expect([rate, channels.length, channels[0]!.length]).toEqual([8000, 1, bytes.readUInt32LE(40) / 2]);
      expect(channels[0]![100]).toBe(bytes.readInt16LE(44 + 200) / 32768);
      if (++count === 100) break;
    }
    expect(count).toBe(100);
  });
});
