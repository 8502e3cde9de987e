import { trainingRows } from '../../core/data/dataset.js';
import { clipsAt, soundSetOf, type SoundSet } from '../../core/data/sound/set.js';
import { asInput, readArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { onlySource } from './data.js';
import type { DataReader } from './method.js';

/** The sounds that a method learns from: everything that is not marked as test. */
export const soundsWithoutTest = (set: SoundSet): SoundSet => {
  const kept = trainingRows(set.split);
  return kept ? clipsAt(set, kept) : set;
};

/** The reader of methods that learn from sounds; an example's shape is its rate. */
export const soundReader: DataReader<SoundSet, unknown> = {
  help: 'data set of sounds; standard input where left out',
  async open(sources) {
    const source = onlySource(sources);
    const data: Artifact = await readArtifact(source, { kind: 'dataset' });
    const set = soundsWithoutTest(soundSetOf(data, nameOf(source)));
    return { inputs: [asInput('data', data, source)], shape: () => [set.rate], load: () => set };
  },
};
