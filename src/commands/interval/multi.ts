import { jsonOption, seedOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import { table as formatTable } from '../../cli/terminal.js';
import { ndarray } from '../../core/array.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { classCount } from '../../core/stats/labels.js';
import { javascript } from '../../core/stats/matrix.js';
import { auroc, confusionMatrix, macroF1, pearson, spearman } from '../../core/stats/metrics.js';
import {
  drawResamples, exactInFloat32, multiBootstrap, multiReport, plugIn, varianceParts,
  type Metric, type MultiBootstrapInput, type MultiReport, type MultiSamples,
  type Resample, type Side, type Summary, type VarianceParts,
} from '../../core/stats/multibootstrap.js';
import { withAlgebra } from '../probe/common.js';
import { readRuns, type Runs } from './runs.js';

const options = {
  base: text({ placeholder: 'group', help: 'group to start from; the first by name where left out' }),
  experiment: text({ placeholder: 'group', help: 'group to compare with it' }),
  paired: flag({ help: 'seeds are shared: a change was made to each checkpoint' }),
  metric: choice({ choices: ['mean', 'accuracy', 'mse', 'macro-f1', 'pearson', 'spearman', 'auroc'], default: 'mean',
    help: 'mean of the scores, or a function of predictions and labels' }),
  expect: choice({ choices: ['higher', 'lower'], default: 'higher', help: 'direction of the one-sided p' }),
  resamples: integer({ default: 1000, min: 1, help: 'bootstrap resamples' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence intervals' }),
  seeds: flag({ default: true, help: 'do not resample seeds' }),
  examples: flag({ default: true, help: 'do not resample examples' }),
  ablate: flag({ local: true, help: 'also with seeds only and with examples only' }),
  threshold: number({ help: 'share of resamples whose effect is at least this' }),
  tensor: text({ placeholder: 'name', default: 'correct', help: 'what each file of a folder of runs is scored by' }),
  draws: text({ placeholder: 'file', local: true, help: 'resamples to use: base, experiment [B, seeds] and examples [B, examples]' }),
  samples: text({ placeholder: 'file', local: true, help: 'write the scores of every resample' }),
  ...seedOption, ...jsonOption,
} as const;
type Options = Values<typeof options>;

export const multi = defineCommand({
  name: 'interval multi',
  summary: 'does a change help beyond the noise of seeds and of test examples (Multi-Bootstrap)',
  description: 'Resamples seeds and examples together. Unpaired designs draw the seeds of both sides apart, paired ones together; the '
    + 'examples are the same on both sides always. Runs of the same seed and side are averaged. p counts ties against the effect.',
  paper: 'T. Sellam et al., The MultiBERTs: BERT Reproductions for Robustness Analysis, 2022, arXiv 2106.16163',
  examples: [
    ['byo interval multi scores.csv', 'columns seed, group and one for each example'],
    ['byo interval multi runs/ --base plain --experiment augmented', 'a folder of prediction files: runs/GROUP/SEED.st'],
    ['byo interval multi scores.st --paired --ablate', 'shared seeds; what each axis adds'],
    ['byo interval multi predictions.csv --metric pearson --expect lower', 'columns seed, group, example, prediction, label'],
  ],
  arguments: [{ name: 'runs', optional: true, help: 'CSV or tensor file, or folder, of scores by seed and example' }],
  options,
  run: (context, [source = '-'], o) => withAlgebra({ device: 'cpu', threads: undefined }, async (algebra) => {
    if (o.samples !== undefined) await checkOutput(o.samples, { force: true });
    const runs = await readRuns(source, o.tensor);
    const { input, sides } = designOf(context, runs, o);
    const resampleAt = o.draws === undefined ? undefined : await readDraws(o.draws, input);
    const whole = plugIn(input);
    const products = exactInFloat32(input) ? algebra : javascript;
    const designs = [{ name: designName(o), seeds: o.seeds, examples: o.examples },
      ...(o.ablate ? [{ name: 'seeds only', seeds: true, examples: false }, { name: 'examples only', seeds: false, examples: true }] : [])];
    const B = resampleAt?.count ?? o.resamples;
    const outcomes = designs.map(({ name, ...axes }): Outcome => {
      const samples = multiBootstrap(input, B, resampleAt?.at ?? drawResamples(input, { seed: o.seed, ...axes }), products);
      return { name, samples, report: multiReport(samples, o.level, o.expect) };
    });
    const [{ report, samples }] = outcomes as [Outcome];
    if (report.undefinedResamples > 0) {
      context.terminal.warn(`the metric was undefined on ${report.undefinedResamples} resamples, which are left out`);
    }
    if (o.samples !== undefined) await writeSamples(context, o.samples, samples, source);
    const parts = input.metric === 'mean' && sides.length > 1 ? varianceParts(input) : undefined;
    const beyond = o.threshold === undefined ? undefined : shareBeyond(samples, o.threshold, o.expect);
    if (!o.json) {
      context.terminal.print(tableOf(input, sides, whole, outcomes, o));
      if (parts) context.terminal.print(describeParts(parts));
      if (beyond !== undefined) {
        context.terminal.print(`effect ${o.expect === 'higher' ? '>=' : '<='} ${o.threshold} in ${beyond.toFixed(4)} of the resamples`);
      }
      return;
    }
    context.terminal.print(JSON.stringify({
      metric: o.metric, design: o.paired ? 'paired' : 'unpaired', groups: sides,
      n: { base: input.base.seeds.length, experiment: input.experiment.seeds.length, examples: input.values.cols },
      resamples: B, level: o.level, plugIn: { ...whole, effect: whole.experiment - whole.base }, ...report,
      ...(beyond !== undefined && { beyond }), ...(parts && { variance: parts }),
      ...(o.ablate && { ablations: Object.fromEntries(outcomes.map(({ name, report: { effect } }) => [name, effect])) }),
    }));
  }),
});

/** What one design gives. */
interface Outcome {
  readonly name: string;
  readonly samples: MultiSamples;
  readonly report: MultiReport;
}

function tableOf(
  input: MultiBootstrapInput, sides: readonly string[], whole: { base: number; experiment: number },
  outcomes: readonly Outcome[], o: Options,
): string {
  const row = (name: string, value: number, { mean, low, high }: Summary, seeds: number | '' = ''): (string | number)[] =>
    [name, value.toFixed(4), mean.toFixed(4), `${low.toFixed(4)} .. ${high.toFixed(4)}`, seeds];
  const { base, experiment } = outcomes[0]!.report;
  const effects = outcomes.map(({ name, report: { effect } }) =>
    [...row(`effect, ${name}`, whole.experiment - whole.base, effect), effect.p.toPrecision(3), effect.pTwoSided.toPrecision(3)]);
  const first = row(sides[0]!, whole.base, base, input.base.seeds.length);
  return formatTable(
    [o.metric, 'plug-in', 'mean', `${Math.round(o.level * 1000) / 10}% interval`, 'seeds', 'p', 'two-sided'],
    sides.length === 1
      ? [first]
      : [first, row(sides[1]!, whole.experiment, experiment, input.experiment.seeds.length), ...effects]);
}

function describeParts({ seeds, examples, interaction }: VarianceParts): string {
  const share = (part: number): string => `${((100 * part) / (seeds + examples + interaction) || 0).toFixed(0)} %`;
  return `variance of the effect: seeds ${share(seeds)}, examples ${share(examples)}, both together ${share(interaction)}`;
}

const designName = (o: Options): string =>
  `${o.paired ? 'paired' : 'unpaired'}${o.seeds ? '' : ', seeds fixed'}${o.examples ? '' : ', examples fixed'}`;

/** Share of the resamples whose effect is at least the threshold, in the expected direction. */
function shareBeyond({ base, experiment }: MultiSamples, threshold: number, expected: Options['expect']): number {
  const effects = experiment.map((value, b) => value - base[b]!);
  return effects.filter((effect) => (expected === 'higher' ? effect >= threshold : effect <= threshold)).length / effects.length;
}

/** The two sides that the options name, and the metric. */
function designOf(context: Context, runs: Runs, o: Options): { input: MultiBootstrapInput; sides: string[] } {
  const names = [...new Set(runs.groups)].sort();
  for (const name of [o.base, o.experiment]) {
    if (name !== undefined && !names.includes(name)) throw new UsageError(`${runs.source} has no group '${name}'; it has ${names.join(', ')}`);
  }
  const base = o.base ?? names.find((name) => name !== o.experiment) ?? names[0]!;
  const others = names.filter((name) => name !== base);
  if (o.experiment === undefined && others.length > 1) {
    throw new UsageError(`${runs.source} has the groups ${names.join(', ')}; name two of them by --base and --experiment`);
  }
  const experiment = o.experiment ?? others[0] ?? base;
  let [a, b] = [sideOf(runs, base), sideOf(runs, experiment)];
  const common = a.seeds.filter((seed) => b.seeds.includes(seed));
  if (o.paired) {
    if (common.length === 0) {
      throw new InputError(`--paired: no seed is in both groups (${base}: ${a.seeds.slice(0, 5).join(', ')}; ${experiment}: ` +
        `${b.seeds.slice(0, 5).join(', ')}); leave --paired out where the runs are independent`);
    }
    const dropped = a.seeds.length + b.seeds.length - 2 * common.length;
    if (dropped > 0) context.terminal.warn(`${dropped} seeds are in one group only and are left out of the pairs`);
    [a, b] = [only(a, common), only(b, common)];
  } else if (base !== experiment && common.length === a.seeds.length && common.length === b.seeds.length && common.length > 1) {
    context.terminal.info('both groups have the same seeds; --paired is the design where one was made from the other');
  }
  const { values, metric } = scoring(runs, o.metric);
  const input = { values, metric, base: a, experiment: b, paired: o.paired, ...(runs.labels && { labels: runs.labels }) };
  return { input, sides: base === experiment ? [base] : [base, experiment] };
}

/** Seeds in order of their numbers, or of their names where they are none. */
function sideOf({ seeds, groups }: Runs, group: string): Side {
  const own = [...seeds.keys()].filter((run) => groups[run] === group);
  const names = [...new Set(own.map((run) => seeds[run]!))].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  return { seeds: names, runs: names.map((seed) => own.filter((run) => seeds[run] === seed)) };
}

const only = ({ seeds, runs }: Side, kept: readonly string[]): Side =>
  ({ seeds: kept, runs: kept.map((seed) => runs[seeds.indexOf(seed)]!) });

/** Metrics that are means of points become points at once. */
function scoring({ values, labels, source }: Runs, name: Options['metric']): { values: Runs['values']; metric: Metric } {
  if (name === 'mean') return { values, metric: 'mean' };
  if (!labels) throw new InputError(`${source} has no labels, which --metric ${name} needs; --metric mean takes scores as they are`);
  const points = (score: (value: number, label: number) => number) =>
    ({ values: { ...values, data: Float64Array.from(values.data, (value, at) => score(value, labels[at % values.cols]!)) }, metric: 'mean' as const });
  switch (name) {
    case 'accuracy': return points((value, label) => (value === label ? 1 : 0));
    case 'mse': return points((value, label) => (value - label) ** 2);
    case 'macro-f1': {
      const classes = classCount(labels, values.data);
      return { values, metric: (truth, predicted) => macroF1(confusionMatrix(truth, predicted, classes)) };
    }
    case 'pearson': return { values, metric: pearson };
    case 'spearman': return { values, metric: spearman };
    case 'auroc': return { values, metric: auroc };
  }
}

/** Resamples from a file, for the same draws as another program's. */
async function readDraws(
  path: string, { base, experiment, values }: MultiBootstrapInput,
): Promise<{ count: number; at: (b: number) => Resample }> {
  const { tensors } = await readArtifact(path);
  const read = (name: string, length: number, below: number): Int32Array => {
    const found = tensors.get(name);
    if (found?.shape.length !== 2 || found.shape[1] !== length) {
      throw new InputError(`${path}: ${name} is [${found?.shape ?? 'missing'}], but [resamples, ${length}] is needed`);
    }
    const data = Int32Array.from(found.data as Int32Array, Number);
    if (data.some((value) => value < 0 || value >= below)) throw new InputError(`${path}: ${name} has to be numbers from 0 to ${below - 1}`);
    return data;
  };
  const [n, m, k] = [base.seeds.length, experiment.seeds.length, values.cols];
  const [first, second, examples] = [read('base', n, n), read('experiment', m, m), read('examples', k, k)];
  return {
    count: Math.min(first.length / n, second.length / m, examples.length / k),
    at: (b) => ({
      base: first.subarray(b * n, (b + 1) * n), experiment: second.subarray(b * m, (b + 1) * m),
      examples: examples.subarray(b * k, (b + 1) * k),
    }),
  };
}

async function writeSamples(context: Context, path: string, { base, experiment }: MultiSamples, source: string): Promise<void> {
  const inputs = source === '-' || !/\.(st|safetensors)$/.test(source) ? [] : [asInput('runs', await readArtifact(source), source)];
  await writeArtifact(path, {
    kind: 'samples', schema: 1, meta: {},
    recipe: { command: context.command, options: { ...context.recorded }, version: context.version, inputs },
    tensors: new Map([['base', ndarray('float64', [base.length], base)], ['experiment', ndarray('float64', [base.length], experiment)]]),
  }, { force: true });
}
