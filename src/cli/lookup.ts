import { UsageError } from '../core/errors.js';
import { suggestion } from './options.js';
import { registry, type Entry } from './registry.js';

export interface Found {
  readonly entry: Entry;
  /** What follows the command's name. */
  readonly rest: readonly string[];
}

/** Kinds of a command that is a family: `byol`, `swav`, … of `pretrain`; empty where there is no such family. */
export const kindsOf = (word: string): string[] =>
  registry.map(({ name }) => name).filter((name) => name.startsWith(`${word} `)).map((name) => name.slice(word.length + 1));

/** The command that a line begins with; throws UsageError with the nearest name where there is none. */
export function lookup(argv: readonly string[]): Found {
  const [first = '', kind] = argv;
  const entry = registry.find(({ name }) => name === `${first} ${kind}`) ?? registry.find(({ name }) => name === first);
  if (entry) return { entry, rest: argv.slice(entry.name.split(' ').length) };
  const kinds = kindsOf(first);
  if (kinds.length === 0) {
    const words = [...new Set(registry.map(({ name }) => name.split(' ')[0]!))];
    throw new UsageError(`there is no command '${first}'${suggestion(first, words)}; byo --help lists them all`);
  }
  const problem = kind === undefined || kind.startsWith('-') ? `byo ${first} needs a kind` : `byo ${first} has no '${kind}'${suggestion(kind, kinds)}`;
  throw new UsageError(`${problem}; it has ${kinds.join(', ')}`);
}
