import { kebab } from '../../cli/options.js';
import { trainingRows } from '../../core/data/dataset.js';
import { clipsAt, soundSetOf, type SoundSet } from '../../core/data/sound/set.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { onlySource } from './data.js';
import type { DataReader } from './method.js';
import { voiceOptions } from './voice-options.js';

/** What a method learns from: sounds, and those that are laid under them. */
export interface SoundData {
  readonly set: SoundSet;
  readonly noise?: SoundSet;
}

/** The sounds that are not marked as test. */
export const soundsWithoutTest = (set: SoundSet): SoundSet => {
  const kept = trainingRows(set.split);
  return kept ? clipsAt(set, kept) : set;
};

/** The reader of methods that learn from sounds; an example's shape is its rate. */
export const soundReader: DataReader<SoundData, { readonly augment: string; readonly noiseSet: string | undefined }> = {
  help: 'data set of sounds; standard input where left out',
  async open(sources, { origins }, { augment, noiseSet }) {
    const source = onlySource(sources);
    const stray = Object.keys(voiceOptions).find((key) => origins[key] === 'command line');
    if (augment !== 'voice' && stray !== undefined) throw new UsageError(`--${kebab(stray)} is for --augment voice; give that with it`);
    const data = await readArtifact(source, { kind: 'dataset' });
    const set = soundsWithoutTest(soundSetOf(data, nameOf(source)));
    const inputs = [asInput('data', data, source)];
    if (noiseSet === undefined) return { inputs, shape: () => [set.rate], load: () => ({ set }) };

    const background = await readArtifact(noiseSet, { kind: 'dataset' });
    const noise = soundSetOf(background, nameOf(noiseSet));
    if (noise.rate !== set.rate) {
      throw new InputError(`${nameOf(noiseSet)} has sounds of ${noise.rate} Hz, but those to learn from have ${set.rate}; byo convert --rate makes them fit`);
    }
    return { inputs: [...inputs, asInput('noiseSet', background, noiseSet)], shape: () => [set.rate], load: () => ({ set, noise }) };
  },
};
