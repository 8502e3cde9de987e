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
  /** On the runtime's operators alone. */
  readonly byo: Side;
  /** With byo's own operators, where they are built. */
  readonly native?: Side;
  readonly peer?: Side;
  /** What measures it again. */
  readonly command: string;
  /** What ran it: ONNX Runtime and PyTorch with their versions. */
  readonly versions: string;
}

/** Steps whose losses are compared: rounding errors grow from step to step. */
const COMPARED_STEPS = 3;
const DIFFERENT_WORK = 0.01;
const HEADER = [
  '| | byo, ms | native, ms | PyTorch, ms | speed-up (rounds) | native (rounds) | byo, MB (import) | native, MB (import) '
    + '| PyTorch, MB (import) | losses differ by | byo\'s options | PyTorch\'s options | command | versions |',
  '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
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
export function tableRow({ name, title, byo, native, peer, command, versions }: Comparison): string {
  const ms = ({ rounds }: Side) => median(rounds.map(({ median_ms }) => median_ms));
  const mb = ({ rounds }: Side) => {
    const largest = rounds.reduce((a, b) => (b.max_rss_mb > a.max_rss_mb ? b : a));
    return `${largest.max_rss_mb} (${largest.import_rss_mb})`;
  };
  const options = (side: Side) => `\`${side.options.join(' ')}\``;
  const cells = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  const label = `${name.toUpperCase()} ${title}`;
  const made = [`\`${command}\``, versions];
  const speedUp = (side: Side) => {
    if (!peer) return '';
    const ratios = side.rounds.map(({ median_ms }, round) => peer.rounds[round]!.median_ms / median_ms);
    const range = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2)).join(' to ');
    return `**${(ms(peer) / ms(side)).toFixed(2)}** (${range})`;
  };
  const sides = [byo, ...(native ? [native] : [])];
  const where = (side: Side | undefined, show: (side: Side) => string) => (side ? show(side) : '');
  const time = (side: Side) => milliseconds(ms(side));
  return cells([
    label,
    time(byo), where(native, time), where(peer, time),
    speedUp(byo), where(native, speedUp),
    mb(byo), where(native, mb), where(peer, mb),
    where(peer, ({ rounds }) => Math.max(...sides.map((side) => lossDifference(side.rounds[0]!, rounds[0]!))).toExponential(0)),
    sides.map(options).join(', '), where(peer, options), ...made,
  ]);
}

/** The median over the rounds; an image with all its views is one example. */
export const examplesPerSecond = ({ rounds }: Side): string =>
  median(rounds.map(({ config, median_ms }) => (1000 * config.batch) / median_ms)).toFixed(0);

/** Three significant digits, without an exponent. */
const milliseconds = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

export const table = (rows: readonly string[], setting: string): string => [...HEADER, ...rows, '', setting].join('\n');

/** A row's workload: `W3`, `KRRST`. */
const nameOf = (row: string): string | undefined => /^\| ([A-Z]+\d*) /.exec(row)?.[1];

/**
 * The document with its table brought up to date. Rows of workloads that were not measured now stay as long as the setting is
 * the same. Throws InputError where the markers are missing.
 */
export function rewriteTable(document: string, rows: readonly string[], setting: string): string {
  const { before, inside, after } = split(document, 'bench/RESULTS.md');
  const byName = new Map<string, string>();
  const old = inside.includes(setting) ? inside.split('\n') : [];
  for (const row of [...old, ...rows]) {
    const name = nameOf(row);
    if (name) byName.set(name, row);
  }
  return `${before}\n\n${table(sorted(byName), setting)}\n\n${after}`;
}

/** Workloads by number, then those that have none. */
const sorted = (rows: ReadonlyMap<string, string>): string[] => [...rows]
  .sort(([a], [b]) => Number(!/\d/.test(a)) - Number(!/\d/.test(b)) || a.localeCompare(b, 'en', { numeric: true }))
  .map(([, row]) => row);

const SUMMARY = [
  '| step | byo, ms | with `make native`, ms | PyTorch in its best configuration, ms | speed-up | with `make native` |',
  '|---|---|---|---|---|---|',
];

/**
 * The README with the table of results in short: every row that has a peer, losses too. Throws InputError where the markers of
 * either are missing.
 */
export function rewriteSummary(readme: string, results: string): string {
  const { before, after } = split(readme, 'README.md');
  const lines = split(results, 'bench/RESULTS.md').inside.split('\n').filter((line) => nameOf(line) !== undefined);
  const rows = lines.flatMap((line) => {
    const [label, byo, native, peer, ...speedUps] = line.split('|').slice(1, 7).map((cell) => cell.trim());
    const short = [label!.replace(/^\S+ /, ''), byo, native, peer, ...speedUps.map((cell) => cell.replace(/ \(.*/, ''))];
    return peer ? [`| ${short.join(' | ')} |`] : [];
  });
  return `${before}\n\n${[...SUMMARY, ...rows].join('\n')}\n\n${after}`;
}

/** A document before its table, with the mark, between the marks, and from the mark after it. */
function split(document: string, file: string): { before: string; inside: string; after: string } {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new InputError(`${file} has no table to rewrite; put the lines '${BEGIN}' and '${END}' around its place`);
  }
  const inner = begin + BEGIN.length;
  return { before: document.slice(0, inner), inside: document.slice(inner, end), after: document.slice(end) };
}
