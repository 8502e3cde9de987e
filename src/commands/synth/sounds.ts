import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { choice, integer, number, numbers } from '../../cli/options.js';
import { soundArtifact } from '../../core/data/sound/set.js';
import { EVENT_NAMES } from '../../core/data/synth/sound/events.js';
import { WORD_NAMES } from '../../core/data/synth/sound/voice.js';
import { SOUND_KINDS, synthSounds } from '../../core/data/synth/sounds.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  kind: choice({ choices: SOUND_KINDS, default: 'words', help: `${WORD_NAMES.length} words said by several speakers, or ${EVENT_NAMES.length} kinds of tones, chirps `
    + 'and noises' }),
  count: integer({ default: 2000, min: 1, help: 'sounds, evenly over the classes, and words over the speakers' }),
  rate: integer({ default: 16_000, min: 4000, help: 'samples per second' }),
  classes: integer({ min: 1, help: 'words or kinds of events; all where left out' }),
  speakers: integer({ default: 8, min: 1, help: 'speakers of words, the tensor speaker' }),
  seconds: numbers({ placeholder: 'seconds', default: [0.4, 1], help: 'shortest and longest event; words are as long as they take' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  ...outputOptions, ...seedOption,
} as const;

export const sounds = defineCommand({
  name: 'synth sounds',
  summary: 'make a labelled set of sounds: words of several voices, or tones, chirps and noises',
  description: 'Words are said by source-filter voices: pulses and noise through resonators, with pitch, length of the throat, breath, '
    + 'dullness and pace of each speaker, and never twice in the same way. The label is the word, the further label speaker who says it. '
    + 'Events differ in what they are, not in pitch, length or loudness. A little noise is around all of them.',
  examples: [
    ['byo synth sounds --count 2000 -o words.st', 'ten words said by eight speakers'],
    ['byo synth sounds --kind events --rate 8000 -o events.st', 'tones, chirps and noises'],
    ['byo synth sounds | byo plot spectrogram -o words.svg', 'what they look like'],
  ],
  arguments: [],
  options,
  async run(context, _, o) {
    const [shortest, longest] = o.seconds;
    if (o.seconds.length !== 2 || !(shortest! >= 0.05 && shortest! <= longest! && longest! <= 60)) {
      throw new UsageError(`--seconds takes the shortest and the longest event, from 0.05 to 60, such as 0.4,1, but ${o.seconds.join()} was given`);
    }
    await checkOutput(o.output, { force: o.force });
    const set = synthSounds({
      kind: o.kind, count: o.count, rate: o.rate, ...(o.classes !== undefined && { classes: o.classes }), speakers: o.speakers,
      seconds: [shortest!, longest!], seed: o.seed, ...(o.test > 0 && { split: [1 - o.test, 0, o.test] as const }),
    });
    await writeArtifact(o.output, {
      ...soundArtifact(set),
      recipe: { command: 'synth sounds', options: context.recorded, seed: o.seed, version: context.version, inputs: [] },
    }, { force: o.force });
  },
});
