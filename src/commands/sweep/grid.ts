import type { Command } from '../../cli/command.js';
import { kebab, parseValue, suggestion } from '../../cli/options.js';
import { UsageError } from '../../core/errors.js';

/** One run of a sweep: values by option name, and the name of its files. */
export interface Run {
  /** `lr=0.1_seed=2` */
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

/** `0..4` or `0,2,7` as text of each seed; throws UsageError for anything else. */
export function parseSeeds(text: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(text);
  const seeds = range ? spread(Number(range[1]), Number(range[2])) : text.split(',').map((seed) => seed.trim());
  const wrong = seeds.find((seed) => !/^\d+$/.test(seed));
  if (seeds.length === 0 || wrong !== undefined) {
    throw new UsageError(`--seeds takes a range such as 0..4 or a list such as 0,2,7, but '${text}' was given`);
  }
  return [...new Set(seeds)];
}

const spread = (first: number, last: number): string[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => String(first + i));

/**
 * Every combination of `name=value,value` words and seeds, the last changing fastest. Throws UsageError for options that the
 * command does not have and for values that they do not take.
 */
export function gridRuns(command: Command, grid: string | undefined, seeds: string | undefined): Run[] {
  const axes = [...(grid?.trim().split(/\s+/) ?? []), ...(seeds === undefined ? [] : [`seed=${parseSeeds(seeds).join(',')}`])]
    .map((word) => parseAxis(command, word));
  if (axes.length === 0) throw new UsageError('a sweep needs --seeds, as in --seeds 0..4, or --grid, as in --grid lr=0.1,0.2');
  const twice = axes.find(({ name }, i) => axes.findIndex((axis) => axis.name === name) !== i);
  if (twice) throw new UsageError(`the sweep gives ${twice.name} twice; put all its values into one list`);
  const runs = axes.reduce<Record<string, string>[]>(
    (sofar, { name, values }) => sofar.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))), [{}]);
  return runs.map((values) => ({ values, name: Object.entries(values).map(([name, value]) => `${name}=${value}`).join('_') }));
}

function parseAxis(command: Command, word: string): { name: string; values: string[] } {
  const [, name, list] = /^(?:--)?([\w-]+)=(.+)$/.exec(word) ?? [];
  if (name === undefined || list === undefined) {
    throw new UsageError(`--grid takes words of the form name=value,value with a space between them, but '${word}' was given`);
  }
  const known = Object.keys(command.options).map(kebab);
  if (!known.includes(name)) throw new UsageError(`byo ${command.name} has no option ${name}${suggestion(name, known)}`);
  const [, spec] = Object.entries(command.options).find(([key]) => kebab(key) === name)!;
  const values = list.split(',');
  for (const value of values) {
    parseValue(spec, value, `${name} of the sweep`);
    if (/[\s/]/.test(value)) throw new UsageError(`${name} of the sweep is '${value}', which cannot be part of a file's name`);
  }
  return { name, values };
}
