import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { seedOption } from '../../cli/common.js';
import { integer, numbers } from '../../cli/options.js';
import { pointSetOf } from '../../core/data/points.js';
import { UsageError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { scatterChart } from '../../core/plot/scatter.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, drawnRows, plotOptions, writePicture } from './common.js';

const options = {
  max: integer({ default: 4000, min: 10, help: 'at most this many points of a file, drawn at random' }),
  axes: numbers({ placeholder: 'dimension', default: [0, 1], help: 'the two dimensions to show' }),
  ...plotOptions, ...seedOption,
} as const;

export const density = defineCommand({
  name: 'plot density',
  summary: 'points in the plane, those of several files side by side',
  description: 'Draws the points of byo synth density, or generated ones, as they are. All pictures have the same axes. Points have the '
    + 'colour of their label where every file has labels.',
  examples: [
    ['byo plot density ring.st -o ring.png', 'one set of points'],
    ['byo plot density ring.st samples.st -o both.png', 'real points and generated ones'],
  ],
  arguments: [{ name: 'points', optional: true, variadic: true, help: 'files with points [N, D]; standard input where left out' }],
  options,
  async run(_, given, o) {
    await checkPicture(o);
    const sources = given.length > 0 ? given : ['-'];
    const [first, second] = o.axes;
    if (o.axes.length !== 2 || !o.axes.every((axis) => Number.isInteger(axis) && axis >= 0)) {
      throw new UsageError(`--axes takes two dimensions from 0, such as 0,1, but ${o.axes} was given`);
    }
    const sets = [];
    for (const source of sources) sets.push(pointSetOf(await readArtifact(source, { kind: ['dataset', 'samples', 'tensors'] }), nameOf(source)));
    const labelled = sets.every(({ labels }) => labels);
    const names = panelNames(sources);
    const [x, y, labels, panels] = [[] as number[], [] as number[], [] as number[], [] as string[]];
    for (const [k, set] of sets.entries()) {
      const [count, width] = set.points.shape as [number, number];
      if (Math.max(first!, second!) >= width) {
        throw new UsageError(`${nameOf(sources[k]!)} has points of ${width} dimensions, but --axes ${o.axes} asks for ${Math.max(first!, second!)}`);
      }
      for (const i of drawnRows(count, o.max, o.seed, k)) {
        x.push(set.points.data[i * width + first!]!);
        y.push(set.points.data[i * width + second!]!);
        if (labelled) labels.push(set.labels![i]!);
        panels.push(names[k]!);
      }
    }
    const counts = [...new Set(sets.map(({ points }) => `${points.shape[0]} points of ${points.shape[1]} dimensions`))];
    const svg = await chart(scatterChart({ x, y, classes: [], ...(labelled && { labels }), ...(sets.length > 1 && { panels }) }, {
      title: o.title ?? names.join(', '), subtitle: counts.join('; '), xTitle: `x${first}`, yTitle: `x${second}`, axes: true, theme: o.theme,
    }), o.theme);
    await writePicture(svg, o);
  },
});

/** Base names, with numbers where two files share one. */
function panelNames(sources: readonly string[]): string[] {
  const names = sources.map((source) => (source === '-' ? 'points' : basename(source)));
  return names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${i + 1})`));
}
