import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { seedOption } from '../../cli/common.js';
import { choice, integer, number } from '../../cli/options.js';
import type { Terminal } from '../../cli/terminal.js';
import { toFloat32 } from '../../core/array.js';
import { vector } from '../../core/data/dataset.js';
import { InputError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { pca, umap, type Planar } from '../../core/plot/project.js';
import { scatterChart } from '../../core/plot/scatter.js';
import { tsne, TSNE_ITERATIONS } from '../../core/plot/tsne.js';
import { chart } from '../../core/plot/vega.js';
import { matrix, takeRows, type Matrix } from '../../core/stats/matrix.js';
import { checkPicture, drawnRows, plotOptions, writePicture } from './common.js';

const options = {
  method: choice({ choices: ['pca', 'umap', 'tsne'], default: 'pca', help: 'principal components, or maps that keep neighbours together' }),
  max: integer({ default: 5000, min: 10, help: 'at most this many points, drawn at random' }),
  neighbors: integer({ default: 15, min: 2, help: "umap's number of neighbours" }),
  minDist: number({ default: 0.1, min: 0, max: 1, help: "umap's smallest distance of points" }),
  perplexity: number({ default: 30, min: 1, help: "tsne's effective number of neighbours" }),
  ...plotOptions, ...seedOption,
} as const;

const NAMES = { pca: 'principal components', umap: 'UMAP', tsne: 't-SNE' } as const;

export const embedding = defineCommand({
  name: 'plot embedding',
  summary: 'features as points in the plane, coloured by class',
  description: 'PCA is a projection, whose distances can be read. UMAP (umap-js) and t-SNE (exact) keep near points near; sizes of '
    + 'clusters and distances between them mean little there.',
  examples: [
    ['byo plot embedding features.st -o features.png', 'two principal components'],
    ['byo embed --model encoder.st photos.st | byo plot embedding --method umap --theme dark -o map.svg', 'from a pipe'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    await checkPicture(o);
    const artifact = await readArtifact(source, { kind: ['embeddings', 'tensors'] });
    const features = artifact.tensors.get('features') ?? artifact.tensors.get('array');
    if (features?.shape.length !== 2) throw new InputError(`${nameOf(source)} has no features [N, D]; byo embed makes them`);
    const [count, width] = features.shape as [number, number];
    const { data } = toFloat32(features);
    const name = source === '-' ? 'features' : basename(source);
    if (!data.every(Number.isFinite)) throw new InputError(`${nameOf(source)} holds features that are not finite; train again, or drop them`);
    const labels = vector(artifact, 'labels', count, nameOf(source));

    const kept = drawnRows(count, o.max, o.seed);
    const points = takeRows(matrix(count, width, data), kept);
    const { planar, axes } = await place(points, o, context.terminal);
    const { classes } = artifact.meta;
    const classNumbers = labels && Array.from(labels.data, Number);
    const svg = await chart(scatterChart({
      ...planar, ...(classNumbers && { labels: Array.from(kept, (i) => classNumbers[i]!) }),
      classes: Array.isArray(classes) ? classes.map(String) : [],
    }, {
      title: o.title ?? `${NAMES[o.method]} of ${name}`,
      subtitle: `${points.rows}${points.rows < count ? ` of ${count}` : ''} points, ${width} dimensions`,
      xTitle: axes[0], yTitle: axes[1], axes: o.method === 'pca', theme: o.theme,
    }), o.theme);
    await writePicture(svg, o);
  },
});

interface Placing {
  readonly method: keyof typeof NAMES;
  readonly neighbors: number;
  readonly minDist: number;
  readonly perplexity: number;
  readonly seed: number;
}

interface Placed {
  readonly planar: Planar;
  readonly axes: readonly [x: string, y: string];
}

async function place(points: Matrix, o: Placing, terminal: Terminal): Promise<Placed> {
  switch (o.method) {
    case 'pca': {
      const result = pca(points);
      const [first, second] = result.explained.map((share, k) => `component ${k + 1} (${(100 * share).toFixed(1)} % of the variance)`);
      return { planar: result, axes: [first!, second!] };
    }
    case 'umap': return { planar: await umap(points, o), axes: ['UMAP 1', 'UMAP 2'] };
    case 'tsne': {
      const progress = await terminal.progress('t-SNE', TSNE_ITERATIONS, 'iterations');
      const planar = tsne(points, { perplexity: o.perplexity, onProgress: (done) => progress.update(done) });
      progress.stop();
      return { planar, axes: ['t-SNE 1', 't-SNE 2'] };
    }
  }
}
