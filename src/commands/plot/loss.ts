import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { choice, flag, number, suggestion, texts } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { nameOf, readInput } from '../../core/files/streams.js';
import { curvesChart, type Curve } from '../../core/plot/curves.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, plotOptions, writePicture } from './common.js';

const options = {
  y: texts({ placeholder: 'name', default: ['loss'], help: 'values to draw, one panel each: loss, lr, tau, featureStd, …' }),
  x: choice({ choices: ['step', 'epoch'], default: 'step', help: 'what they are drawn over' }),
  smooth: number({ default: 0, min: 0, max: 0.999, help: 'exponential smoothing, as 0.9; the raw values stay as a thin line' }),
  logScale: flag({ help: 'logarithmic vertical axes' }),
  ...plotOptions,
} as const;

type Line = Readonly<Record<string, unknown>>;

export const loss = defineCommand({
  name: 'plot loss',
  summary: 'curves of one or many runs from their logs',
  examples: [
    ['byo pretrain byol photos.st --log run.jsonl -o encoder.st && byo plot loss run.jsonl -o loss.png', 'the loss of a run'],
    ['byo plot loss runs/*.jsonl --y loss,featureStd --smooth 0.9 -o runs.svg', 'several runs, two panels'],
  ],
  arguments: [{ name: 'log', optional: true, variadic: true, help: 'logs that --log wrote; standard input where left out' }],
  options,
  async run(_, paths, o) {
    await checkPicture(o);
    const sources = paths.length > 0 ? paths : ['-'];
    const names = runNames(sources);
    const runs = await Promise.all(sources.map(async (source, i) => {
      const log = Buffer.from(await readInput(source)).toString('utf8');
      const lines = parseLines(log, nameOf(source));
      return { run: names[i]!, read: (name: string) => column(lines, name, nameOf(source)) };
    }));
    const panels = o.y.map((name) => ({
      name,
      curves: runs.map(({ run, read }): Curve => ({ run, x: read(o.x), y: read(name) })),
    }));
    const title = o.title ?? `${o.y.join(', ')} of ${names.length === 1 ? names[0] : `${names.length} runs`}`;
    const curves = curvesChart(panels, { title, xTitle: o.x, smooth: o.smooth, logarithmic: o.logScale });
    await writePicture(await chart(curves, o.theme), o);
  },
});

/** Base names without extension, or the whole paths where those are not all different. */
export function runNames(sources: readonly string[]): string[] {
  const short = sources.map((source) => (source === '-' ? 'run' : basename(source).replace(/\.jsonl?$/, '')));
  return new Set(short).size === short.length ? short : [...sources];
}

function parseLines(log: string, source: string): Line[] {
  const lines = log.split('\n').map((text, i): [string, number] => [text.trim(), i + 1]).filter(([text]) => text !== '');
  if (lines.length === 0) throw new InputError(`${source} is empty: one JSON object a line is expected, as --log writes`);
  return lines.flatMap(([text, number], i) => {
    try {
      const value = JSON.parse(text) as unknown;
      if (typeof value === 'object' && value !== null) return [value as Line];
    } catch {
      // A run that is still going, or was killed, leaves its last line unfinished.
      if (i === lines.length - 1 && i > 0) return [];
    }
    throw new InputError(`${source}, line ${number}: this is no JSON object; a log that --log wrote is expected`);
  });
}

function column(lines: readonly Line[], name: string, source: string): number[] {
  const values = lines.map((line) => line[name]);
  const missing = values.findIndex((value) => typeof value !== 'number');
  if (missing >= 0) {
    const known = Object.keys(lines[missing]!).filter((key) => typeof lines[missing]![key] === 'number');
    throw new InputError(`${source} has no number ${name} in entry ${missing + 1}${suggestion(name, known)}; it has ${known.join(', ')}`);
  }
  return values as number[];
}
