import { ByoError, InputError } from '../src/core/errors.js';
import { median } from './measure.js';
import type { Printed } from './peer.js';

/** The rounds of one side, and the options of its best configuration. */
export interface Side {
  readonly rounds: readonly Printed[];
  readonly options: readonly string[];
}

export interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly byo: Side;
  readonly peer?: Side;
}

/** Steps whose losses are compared: rounding errors grow from step to step. */
const COMPARED_STEPS = 3;
const DIFFERENT_WORK = 0.01;
const HEADER = [
  '| | byo, ms | PyTorch, ms | speed-up (rounds) | byo, MB (import) | PyTorch, MB (import) | losses differ by | byo\'s options | PyTorch\'s options |',
  '|---|---|---|---|---|---|---|---|---|',
];
const BEGIN = '<!-- bench/run.ts writes from here -->';
const END = '<!-- to here -->';

/** Largest relative difference of the first losses; throws ByoError where it is more than rounding explains. */
export function lossDifference(byo: Printed, peer: Printed): number {
  const differences = byo.losses.slice(0, COMPARED_STEPS).map((loss, i) => Math.abs(loss / peer.losses[i]! - 1));
  const largest = Math.max(...differences);
  if (largest < DIFFERENT_WORK) return largest;
  throw new ByoError(`the sides do different work: byo's losses are ${byo.losses}, PyTorch's ${peer.losses}`);
}

/** A workload's line: medians of the rounds' medians, their ratio and its range over the rounds, and peak memory. */
export function tableRow({ name, title, byo, peer }: Comparison): string {
  const ms = ({ rounds }: Side) => median(rounds.map(({ median_ms }) => median_ms));
  const mb = ({ rounds }: Side) => {
    const largest = rounds.reduce((a, b) => (b.max_rss_mb > a.max_rss_mb ? b : a));
    return `${largest.max_rss_mb} (${largest.import_rss_mb})`;
  };
  const options = (side: Side) => `\`${side.options.join(' ')}\``;
  const cells = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  const label = `${name.toUpperCase()} ${title}`;
  if (!peer) return cells([label, milliseconds(ms(byo)), '', '', mb(byo), '', '', options(byo), '']);
  const ratios = byo.rounds.map(({ median_ms }, round) => peer.rounds[round]!.median_ms / median_ms);
  const range = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2)).join(' to ');
  return cells([
    label,
    milliseconds(ms(byo)), milliseconds(ms(peer)), `**${(ms(peer) / ms(byo)).toFixed(2)}** (${range})`,
    mb(byo), mb(peer),
    lossDifference(byo.rounds[0]!, peer.rounds[0]!).toExponential(0),
    options(byo), options(peer),
  ]);
}

/** The median over the rounds; an image with all its views is one example. */
export const examplesPerSecond = ({ rounds }: Side): string =>
  median(rounds.map(({ config, median_ms }) => (1000 * config.batch) / median_ms)).toFixed(0);

/** Three significant digits, without an exponent. */
const milliseconds = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

export const table = (rows: readonly string[], setting: string): string => [...HEADER, ...rows, '', setting].join('\n');

/**
 * The document with its table brought up to date. Rows of workloads that were not measured now stay as long as the setting is
 * the same. Throws InputError where the markers are missing.
 */
export function rewriteTable(document: string, rows: readonly string[], setting: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new InputError(`bench/RESULTS.md has no table to rewrite; put the lines '${BEGIN}' and '${END}' around its place`);
  }
  const before = document.slice(begin + BEGIN.length, end);
  const byName = new Map<string, string>();
  const old = before.includes(setting) ? before.split('\n') : [];
  for (const row of [...old, ...rows]) {
    const name = /^\| (W\d+) /.exec(row)?.[1];
    if (name) byName.set(name, row);
  }
  const sorted = [...byName].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })).map(([, row]) => row);
  return `${document.slice(0, begin)}${BEGIN}\n\n${table(sorted, setting)}\n\n${document.slice(end)}`;
}
