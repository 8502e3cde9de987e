import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { integer, choice } from '../../cli/options.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { SPLIT, type ImageSet } from '../../core/data/images.js';
import { InputError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { imageGrid, type GridRow } from '../../core/plot/grid.js';
import { checkPicture, plotOptions, writePicture } from './common.js';

const options = {
  columns: integer({ default: 10, min: 1, max: 100, help: 'images a row' }),
  rows: integer({ min: 1, max: 100, help: 'rows; one a class where the images have labels, else 10' }),
  split: choice({ choices: ['all', 'train', 'validation', 'test'], default: 'all', help: 'which part of the data' }),
  ...plotOptions,
} as const;

export const images = defineCommand({
  name: 'plot images',
  summary: 'images of a data set in a grid, a row for each class, with their captions',
  examples: [['byo plot images photos.st -o photos.png', 'the first images of every class']],
  arguments: [{ name: 'data', optional: true, help: 'data set of images; standard input where left out' }],
  options,
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const artifact = await readArtifact(source, { kind: ['dataset', 'samples', 'tensors'] });
    const set = imageSetOf(artifact, nameOf(source));
    const rows = gridRows(set, o);
    if (rows.length === 0) throw new InputError(`${nameOf(source)} has no images in its ${o.split} part`);
    const [count, channels, height, width] = set.images.shape;
    const svg = await imageGrid(set.images, rows, {
      title: o.title ?? (source === '-' ? 'images' : basename(source)),
      subtitle: `${count} images of ${channels} x ${height} x ${width}${o.split === 'all' ? '' : `; ${o.split} part`}`, theme: o.theme,
    });
    await writePicture(svg, o);
  },
});

/** The first images of every class in a row each, or simply the first images. */
export function gridRows(
  { images: { shape }, labels, classes, split, captions }: ImageSet,
  o: { readonly columns: number; readonly rows: number | undefined; readonly split: keyof typeof SPLIT | 'all' },
): GridRow[] {
  const wanted = o.split === 'all' ? undefined : SPLIT[o.split];
  const indices = [...Array(shape[0]!).keys()].filter((i) => wanted === undefined || (split?.[i] ?? SPLIT.train) === wanted);
  const row = (chosen: readonly number[], name?: string): GridRow =>
    ({ images: chosen, ...(name !== undefined && { name }), ...(captions && { captions: chosen.map((i) => captions[i]!) }) });
  if (!labels) {
    const rows = Math.min(o.rows ?? 10, Math.ceil(indices.length / o.columns));
    return Array.from({ length: rows }, (_, r) => row(indices.slice(r * o.columns, (r + 1) * o.columns)));
  }
  const present = [...new Set(indices.map((i) => labels[i]!))].sort((a, b) => a - b).slice(0, o.rows);
  return present.map((label) => row(
    indices.filter((i) => labels[i] === label).slice(0, o.columns), classes?.[label] ?? String(label),
  ));
}
