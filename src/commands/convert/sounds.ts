import { choice, integer, text, type Values } from '../../cli/options.js';
import { bytesOf } from '../../core/array.js';
import { readSoundSet } from '../../core/data/sound/read.js';
import { clipCount, soundArtifact } from '../../core/data/sound/set.js';
import { UsageError } from '../../core/errors.js';
import { digestOf } from '../../core/files/artifact.js';
import { readTable } from './beside.js';
import type { commonOptions } from './command.js';
import type { Conversion, OnProgress } from './converter.js';

export const soundOptions = {
  rate: integer({ min: 1, help: "samples per second that sounds are brought to; as stored where left out (BYOL-A's is 16000)" }),
  dtype: choice({ choices: ['int16', 'float32'], default: 'int16', help: 'how samples are kept; int16 cuts off what is beyond full scale' }),
  labelFrom: text({ placeholder: 'pattern', help: "labels from the names of sound files, such as '{label}_{speaker}_{take}.wav'; fields besides label "
    + 'are further labels, as byo probe --labels speaker takes them, and split is the split' }),
  annotations: text({ placeholder: 'file', local: true, help: 'labels from a CSV: names of sound files first, then a column label and others such as '
    + 'speaker or split' }),
} as const;
type Options = Values<typeof soundOptions & typeof commonOptions>;

/** Sounds of any source as a data set. */
export async function convertSounds(source: string, o: Options, onProgress: OnProgress): Promise<Conversion> {
  if (o.labelFrom !== undefined && o.annotations !== undefined) throw new UsageError('labels come from --label-from or from --annotations; give one of them');
  const annotations = o.annotations === undefined ? undefined : await readTable('annotations', o.annotations);
  const set = await readSoundSet(source, {
    ...(o.rate !== undefined && { rate: o.rate }), dtype: o.dtype, labels: o.labels, strict: o.strict,
    ...(o.labelFrom !== undefined && { pattern: o.labelFrom }), ...(annotations && { table: annotations.table }),
    ...(o.limit !== undefined && { limit: o.limit }), onProgress,
  });
  const { rate, samples, classes, labels, columns, clipped, silent } = set;
  const artifact = soundArtifact(set);
  const seconds = samples.data.length / rate;
  const about = [
    classes ? `${classes.length} classes` : labels ? '' : 'no labels', columns ? `further labels ${Object.keys(columns).join(', ')}` : '',
  ].filter(Boolean);
  return {
    artifact, skipped: set.skipped,
    summary: [`${clipCount(set)} sounds of ${rate} Hz, ${seconds.toFixed(1)} s`, ...about].join(', '),
    warnings: [
      ...(clipped.samples > 0 ? [`${clipped.samples} samples of ${clipped.sounds} sounds are beyond full scale and were cut off there; `
        + '--dtype float32 keeps them'] : []),
      ...(silent.length > 0 ? [`${silent.length} sounds are silent throughout, such as ${silent[0]}`] : []),
    ],
    inputs: [
      { role: 'sounds', digest: digestOf([...artifact.tensors.values()].map(bytesOf)) }, ...(annotations ? [annotations.input] : []),
    ],
  };
}
