import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { numbers } from '../../cli/options.js';
import { columnsOf } from '../../core/data/dataset.js';
import { decodeSound } from '../../core/data/sound/decode.js';
import { clipCount, clipOf, soundSetOf } from '../../core/data/sound/set.js';
import { spectrogram as transform } from '../../core/data/sound/spectrogram.js';
import { InputError, UsageError } from '../../core/errors.js';
import { decodeArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf, readInput } from '../../core/files/streams.js';
import { spectrogramChart, WIDTH } from '../../core/plot/spectrogram.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, plotOptions, writePicture } from './common.js';

/** What is drawn: panels of one rate. */
interface Sounds {
  readonly rate: number;
  readonly panels: readonly { readonly name?: string; readonly samples: Float32Array }[];
}

export const spectrogram = defineCommand({
  name: 'plot spectrogram',
  summary: 'power of a sound over time and frequency',
  description: 'Hann windows of 25 ms every 10 ms; colours are decibels below the loudest value of all panels, down to -80. Takes a WAV file '
    + '(PCM of 8, 16, 24 or 32 bits or float), a FLAC file where its decoder is installed, or a data set of sounds.',
  examples: [
    ['byo plot spectrogram speech.wav -o speech.png', 'one panel a channel'],
    ['byo plot spectrogram digits.st --clips 0,40,80 -o digits.png', 'three sounds of a data set'],
  ],
  arguments: [{ name: 'sound', optional: true, help: 'sound file or data set of sounds; standard input where left out' }],
  options: {
    clips: numbers({ placeholder: 'number', help: "numbers of a data set's sounds, from 0; the first three where left out" }),
    ...plotOptions,
  },
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const bytes = await readInput(source);
    const { rate, panels } = isTensorFile(bytes) ? clipsOf(decodeArtifact(bytes, nameOf(source), { kind: 'dataset' }), nameOf(source), o.clips)
      : await channelsOf(bytes, nameOf(source), o.clips);
    const duration = Math.max(...panels.map(({ samples }) => samples.length)) / rate;
    const what = source === '-' ? 'a sound' : basename(source);
    await writePicture(await chart(await spectrogramChart(
      panels.map(({ samples, ...named }) => ({ ...named, spectrum: transform(samples, rate, WIDTH) })),
      {
        title: o.title ?? `spectrogram of ${what}`,
        subtitle: `${duration.toFixed(2)} s at ${rate} Hz, Hann windows of 25 ms every 10 ms`, rate, duration,
      },
    ), o.theme), o);
  },
});

/** A tensor file starts with the length of its header, whose last bytes are 0, and a brace; or as numpy's files do. */
const isTensorFile = (bytes: Uint8Array): boolean => bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;

/** The channels of a sound file. */
async function channelsOf(bytes: Uint8Array, source: string, clips: readonly number[] | undefined): Promise<Sounds> {
  if (clips) throw new UsageError(`--clips picks sounds of a data set, but ${source} is one sound; leave it out`);
  const { rate, channels } = await decodeSound(bytes, source);
  if (!channels.every((samples) => samples.every(Number.isFinite))) {
    throw new InputError(`${source} holds samples that are not finite; record or convert it again`);
  }
  const names = channels.length === 2 ? ['left', 'right'] : channels.map((_, c) => `channel ${c + 1}`);
  return { rate, panels: channels.map((samples, c) => ({ ...(channels.length > 1 && { name: names[c]! }), samples })) };
}

/** Some sounds of a data set, named by what is known of them. */
function clipsOf(data: Artifact, source: string, asked: readonly number[] | undefined): Sounds {
  const set = soundSetOf(data, source);
  const count = clipCount(set);
  const clips = asked ?? [0, 1, 2].filter((i) => i < count);
  const wrong = clips.find((i) => !(Number.isInteger(i) && i >= 0 && i < count));
  if (wrong !== undefined) throw new UsageError(`--clips takes numbers from 0 to ${count - 1}, as ${source} has ${count} sounds, but ${wrong} was given`);
  const about = (i: number): string[] => {
    const further = Object.entries(columnsOf(data.meta)).map(([name, names]) => {
      const value = Number(data.tensors.get(name)?.data[i]);
      return names[value] ?? `${name} ${value}`;
    });
    return [...(set.labels ? [set.classes?.[set.labels[i]!] ?? String(set.labels[i])] : []), ...further];
  };
  return { rate: set.rate, panels: clips.map((i) => ({ name: [`${i}`, ...about(i)].join(', '), samples: clipOf(set, i) })) };
}
