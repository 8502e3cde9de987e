import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { spectrogram as transform } from '../../core/data/spectrogram.js';
import { decodeWav } from '../../core/data/wav.js';
import { InputError } from '../../core/errors.js';
import { nameOf, readInput } from '../../core/files/streams.js';
import { spectrogramChart, WIDTH } from '../../core/plot/spectrogram.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, plotOptions, writePicture } from './common.js';

export const spectrogram = defineCommand({
  name: 'plot spectrogram',
  summary: 'power of a sound over time and frequency, from a WAV file',
  description: 'Hann windows of 25 ms every 10 ms; colours are decibels below the loudest value of all channels, down to -80. WAV files '
    + 'may be PCM of 8, 16, 24 or 32 bits or float.',
  examples: [['byo plot spectrogram speech.wav -o speech.png', 'one panel a channel']],
  arguments: [{ name: 'sound', optional: true, help: 'WAV file; standard input where left out' }],
  options: plotOptions,
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const { rate, channels } = decodeWav(await readInput(source), nameOf(source));
    if (!channels.every((samples) => samples.every(Number.isFinite))) {
      throw new InputError(`${nameOf(source)} holds samples that are not finite; record or convert it again`);
    }
    const duration = channels[0]!.length / rate;
    const names = channels.length === 2 ? ['left', 'right'] : channels.map((_samples, c) => `channel ${c + 1}`);
    const panels = channels.map((samples, c) => ({
      ...(channels.length > 1 && { name: names[c]! }), spectrum: transform(samples, rate, WIDTH),
    }));
    await writePicture(await chart(await spectrogramChart(panels, {
      title: o.title ?? `spectrogram of ${source === '-' ? 'a sound' : basename(source)}`,
      subtitle: `${duration.toFixed(2)} s at ${rate} Hz, Hann windows of 25 ms every 10 ms`, rate, duration,
    }), o.theme), o);
  },
});
