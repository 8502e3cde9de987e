import { UsageError } from '../core/errors.js';

/**
 * Options as data. From one table come the parser, `--help`, shell completion, the man page, the configuration file and the
 * environment variables, and the types of the values.
 */
interface Described {
  readonly help: string;
  /** One letter, for the few options that everybody types. */
  readonly short?: string;
  /** Not part of what a result is: places of outputs, verbosity, devices. Left out of recipes. */
  readonly local?: boolean;
  /** The paper does not say: a best guess, easy to change. */
  readonly guess?: boolean;
}

interface NumberSpec extends Described {
  readonly kind: 'number' | 'integer';
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
  /** The minimum itself is not allowed. */
  readonly positive?: boolean;
}
interface ChoiceSpec extends Described {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default?: string;
}
interface FlagSpec extends Described {
  readonly kind: 'flag';
  readonly default?: boolean;
}
interface TextSpec extends Described {
  readonly kind: 'text';
  readonly placeholder: string;
  readonly default?: string;
}
interface ListSpec extends Described {
  readonly kind: 'numbers' | 'texts';
  readonly placeholder: string;
  readonly default?: readonly number[] | readonly string[];
}

export type OptionSpec = NumberSpec | ChoiceSpec | FlagSpec | TextSpec | ListSpec;
export type OptionTable = Readonly<Record<string, OptionSpec>>;

type Base<S> =
  S extends { kind: 'number' | 'integer' } ? number :
  S extends { kind: 'choice'; choices: readonly (infer C)[] } ? C :
  S extends { kind: 'flag' } ? boolean :
  S extends { kind: 'numbers' } ? readonly number[] :
  S extends { kind: 'texts' } ? readonly string[] :
  string;
/** The values of a table: undefined only where there is no default. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends { default: unknown } | { kind: 'flag' } ? Base<T[K]> : Base<T[K]> | undefined;
};

export const number = <const S extends Omit<NumberSpec, 'kind'>>(spec: S) => ({ kind: 'number', ...spec }) as const;
export const integer = <const S extends Omit<NumberSpec, 'kind'>>(spec: S) => ({ kind: 'integer', ...spec }) as const;
export const choice = <const S extends Omit<ChoiceSpec, 'kind'>>(spec: S) => ({ kind: 'choice', ...spec }) as const;
export const flag = <const S extends Omit<FlagSpec, 'kind'>>(spec: S) => ({ kind: 'flag', ...spec }) as const;
export const text = <const S extends Omit<TextSpec, 'kind'>>(spec: S) => ({ kind: 'text', ...spec }) as const;
export const numbers = <const S extends Omit<ListSpec, 'kind'>>(spec: S) => ({ kind: 'numbers', ...spec }) as const;
export const texts = <const S extends Omit<ListSpec, 'kind'>>(spec: S) => ({ kind: 'texts', ...spec }) as const;

/** A table, or values, without some of the options. */
export const without = <T extends object, K extends keyof T>(table: T, keys: readonly K[]): Omit<T, K> =>
  Object.fromEntries(Object.entries(table).filter(([key]) => !keys.includes(key as K))) as Omit<T, K>;

/** `weightDecay` -> `weight-decay`. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
/** `weightDecay` -> `BYO_WEIGHT_DECAY`. */
export const environmentName = (key: string): string => `BYO_${kebab(key).replaceAll('-', '_').toUpperCase()}`;

/** What an option's value looks like in help: `<number>`, `<a|b|c>`; empty for a flag. */
export function placeholder(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'number': return '<number>';
    case 'integer': return '<n>';
    case 'choice': return `<${spec.choices.join('|')}>`;
    case 'flag': return '';
    case 'text': return `<${spec.placeholder}>`;
    case 'numbers': case 'texts': return `<${spec.placeholder},...>`;
  }
}

export type OptionValue = number | boolean | string | readonly number[] | readonly string[];

/** A value from text; throws UsageError that names `origin` (an option, a variable, a line of a file). */
export function parseValue(spec: OptionSpec, value: string, origin: string): OptionValue {
  switch (spec.kind) {
    case 'number': case 'integer': return parseNumber(spec, value, origin);
    case 'flag':
      if (['true', '1', 'yes', 'on'].includes(value)) return true;
      if (['false', '0', 'no', 'off'].includes(value)) return false;
      throw new UsageError(`${origin} is a switch (true or false), but '${value}' was given`);
    case 'choice':
      if (spec.choices.includes(value)) return value;
      throw new UsageError(`${origin} takes one of ${spec.choices.join(', ')}, but '${value}' was given${suggestion(value, spec.choices)}`);
    case 'text':
      if (value === '') throw new UsageError(`${origin} is empty; it takes a ${spec.placeholder}`);
      return value;
    case 'numbers':
      return value.split(',').map((item) => parseNumber({ kind: 'number', help: '' }, item.trim(), origin));
    case 'texts':
      return value.split(',').map((item) => item.trim());
  }
}

function parseNumber(spec: NumberSpec, text: string, origin: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  const { min = -Infinity, max = Infinity, positive } = spec;
  const whole = spec.kind === 'number' || Number.isSafeInteger(value);
  if (Number.isFinite(value) && whole && value >= min && value <= max && !(positive && value <= 0)) return value;
  const kind = spec.kind === 'number' ? 'a number' : 'a whole number';
  const range = positive ? ' above 0' : min > -Infinity ? ` of at least ${min}` : '';
  const top = max < Infinity ? ` and at most ${max}` : '';
  throw new UsageError(`${origin} takes ${kind}${range}${top}, but '${text}' was given`);
}

/** `; did you mean 'byol'?` where a word is close to one of `known`, else nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const scored = known.map((name) => [name, editDistance(word.toLowerCase(), name.toLowerCase())] as const)
    .sort((a, b) => a[1] - b[1]);
  const [best] = scored;
  return best && best[1] <= Math.max(1, Math.floor(best[0].length / 2.5)) ? `; did you mean '${best[0]}'?` : '';
}

/** Levenshtein distance, with neighbouring letters exchanged counted as one edit. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = cost;
    }
  }
  return rows[a.length]![b.length]!;
}
