import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { seedOption } from '../../cli/common.js';
import { choice, integer } from '../../cli/options.js';
import { ndarray, type NdArray } from '../../core/array.js';
import { augment, declarePlan, planInputs, planView, VIEW_PAIRS } from '../../core/data/augment/index.js';
import { gatherImages } from '../../core/data/batches.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { compile } from '../../core/engine/index.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { input } from '../../core/graph/index.js';
import { stepProgram } from '../../core/nn/index.js';
import { imageGrid, type GridRow } from '../../core/plot/grid.js';
import { stream } from '../../core/random.js';
import { checkPicture, plotOptions, writePicture } from './common.js';

const options = {
  augmentation: choice({ choices: ['byol', 'simsiam', 'stl'], default: 'byol', help: 'whose two distributions of views' }),
  count: integer({ default: 6, min: 1, max: 64, help: 'images, spread over the data' }),
  views: integer({ default: 4, min: 1, max: 32, help: 'views from each of the two distributions' }),
  ...plotOptions, ...seedOption,
} as const;

export const views = defineCommand({
  name: 'plot views',
  summary: 'augmented views of a few images, as a method sees them',
  examples: [['byo plot views photos.st -o views.png', "BYOL's two distributions"]],
  arguments: [{ name: 'data', optional: true, help: 'data set of images; standard input where left out' }],
  options,
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const { images } = imageSetOf(await readArtifact(source, { kind: 'dataset' }), nameOf(source));
    const [total, channels, height, width] = images.shape as [number, number, number, number];
    const count = Math.min(o.count, total);
    const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
    const pair = VIEW_PAIRS[o.augmentation];
    const size = Math.min(height, width);
    const dims = { batch: count, channels, height, width, size };
    const program = stepProgram('views', () => {
      const raw = input('images', [count, channels, height, width]);
      return Object.fromEntries(pair.map((view, k) => [`view${k}`, augment(raw, declarePlan(`view${k}`, view, dims), view)]));
    });
    const executable = compile(program);
    try {
      const originals = gatherImages(images, chosen);
      const shown: NdArray[] = [centred(images, chosen, size)];
      for (let round = 0; round < o.views; round++) {
        const plans = pair.map((view, k) => planInputs(`view${k}`, planView(view, dims, stream(o.seed, `augment view${k + 1}`, round))));
        const made = await executable.run({ images: originals, ...Object.assign({}, ...plans) });
        shown.push(...pair.map((_, k) => bytes(made[`view${k}`]!)));
      }
      const svg = await imageGrid(concat(shown), order(count, o.views), {
        title: o.title ?? `views of ${source === '-' ? 'images' : basename(source)}`,
        subtitle: `${o.augmentation}: the image, ${o.views} views of the first distribution, ${o.views} of the second`, theme: o.theme,
      });
      await writePicture(svg, o);
    } finally {
      executable.dispose();
    }
  },
});

/** Row i: image i, its views from the first distribution, then those from the second; stored round by round. */
const order = (count: number, rounds: number): GridRow[] => Array.from({ length: count }, (_, i) => ({
  images: [i, ...[0, 1].flatMap((k) => Array.from({ length: rounds }, (_, round) => (1 + 2 * round + k) * count + i))],
}));

/** The largest squares in the middle of some images. */
function centred(images: NdArray<Uint8Array>, chosen: readonly number[], size: number): NdArray {
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const [top, left] = [Math.floor((height - size) / 2), Math.floor((width - size) / 2)];
  const data = new Uint8Array(chosen.length * channels * size * size);
  let at = 0;
  for (const i of chosen) for (let c = 0; c < channels; c++) for (let y = 0; y < size; y++) {
    const from = ((i * channels + c) * height + top + y) * width + left;
    data.set(images.data.subarray(from, from + size), at);
    at += size;
  }
  return ndarray('uint8', [chosen.length, channels, size, size], data);
}

const bytes = ({ shape, data }: NdArray): NdArray =>
  ndarray('uint8', shape, Uint8Array.from(data as Float32Array, (value) => Math.round(255 * Math.min(1, Math.max(0, value)))));

function concat(parts: readonly NdArray[]): NdArray<Uint8Array> {
  const [count, ...shape] = parts[0]!.shape as [number, ...number[]];
  return ndarray('uint8', [count * parts.length, ...shape], Buffer.concat(parts.map(({ data }) => data as Uint8Array)) as Uint8Array);
}
