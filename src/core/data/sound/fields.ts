import { InputError, UsageError } from '../../errors.js';
import type { ImageLabels } from '../images.js';
import { classNumbers, SPLIT_NAMES } from '../layout.js';
import { joinByName, type NamedTable } from '../named-rows.js';
import type { Column } from './set.js';

/** What is known of N sounds but for their samples. */
export interface SoundLabels extends ImageLabels {
  readonly columns?: Readonly<Record<string, Column>>;
}

/** Values by field, in each one for every sound. */
type Fields = ReadonlyMap<string, readonly string[]>;

/** Names of tensors that a field cannot have. */
const TAKEN = new Set(['labels', 'samples', 'offsets', 'features', 'sound', 'frame']);

/**
 * Reads labels off the names of files by a pattern such as `{label}_{speaker}_{take}.wav`: `label` is the label, `split` the
 * split, and any other field a further label of its name; `{}` passes over a part. A pattern with slashes is held against as many
 * of a path's last parts. Throws UsageError for a pattern that cannot be read, InputError where a name does not fit it.
 */
export function fieldsOfNames(pattern: string, paths: readonly string[]): SoundLabels {
  const names: string[] = [];
  const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const source = pattern.split(/(\{[^{}]*\})/).map((piece) => {
    if (!/^\{.*\}$/.test(piece)) return literal(piece);
    const name = piece.slice(1, -1);
    if (name === '') return '[^/]+?';
    if (!/^[a-z][a-z0-9_]*$/.test(name) || TAKEN.has(name) || names.includes(name)) {
      throw new UsageError(`--label-from has a field {${name}}; fields are words such as {label} and {speaker}, each once, and {} passes over a part`);
    }
    names.push(name);
    return '([^/]+?)';
  }).join('');
  if (names.length === 0) throw new UsageError(`--label-from takes a pattern with fields, such as '{label}_{speaker}_{take}.wav', but '${pattern}' was given`);
  const expression = new RegExp(`^${source}$`);
  const parts = pattern.split('/').length;
  const values = names.map(() => [] as string[]);
  for (const path of paths) {
    const name = path.split('/').slice(-parts).join('/');
    const found = expression.exec(name);
    if (!found) throw new InputError(`${path} does not fit --label-from '${pattern}'; rename or remove it, or give another pattern`);
    names.forEach((_, i) => values[i]!.push(found[i + 1]!));
  }
  return labelsOf(new Map(names.map((name, i) => [name, values[i]!])), `--label-from '${pattern}'`);
}

/**
 * Labels from a table: file names in the first column, then `label`, `split` or further labels. Throws InputError where files and
 * rows do not agree, as joinByName does, or a cell is empty.
 */
export function fieldsOfTable(table: NamedTable, paths: readonly string[], { limited = false } = {}): SoundLabels {
  const { source, header } = table;
  const names = header.slice(1);
  if (names.length === 0) throw new InputError(`${source} has one column only; behind the file names come label, split or others such as speaker`);
  const wrong = names.find((name, i) => name === '' || TAKEN.has(name) || names.indexOf(name) !== i);
  if (wrong !== undefined) throw new InputError(`${source} has a column '${wrong}'; columns are words such as label and speaker, each once`);
  const values = names.map(() => Array<string>(paths.length));
  joinByName(table, { names: paths, skipped: [] }, { what: 'labels', advice: 'give it one', limited, example: 'sound' }, (sound, row, place) => {
    names.forEach((name, i) => {
      if (row[i + 1] === '') throw new InputError(`${place} has no ${name}; fill it in`);
      values[i]![sound] = row[i + 1]!;
    });
  });
  return labelsOf(new Map(names.map((name, i) => [name, values[i]!])), source);
}

function labelsOf(fields: Fields, where: string): SoundLabels {
  const columns = [...fields].filter(([name]) => name !== 'label' && name !== 'split');
  const [label, split] = [fields.get('label'), fields.get('split')];
  const { values, names } = label ? numbered(label) : {};
  return {
    ...(values && { labels: values, ...(names && { classes: names }) }),
    ...(split && { split: Uint8Array.from(split, (name) => splitOf(name, where)) }),
    ...(columns.length > 0 && { columns: Object.fromEntries(columns.map(([name, list]) => [name, numbered(list)])) }),
  };
}

/** Whole numbers from 0 stay as they are; anything else is numbered in the order of the sorted values. */
function numbered(values: readonly string[]): Column {
  if (values.every((value) => /^\d{1,9}$/.test(value))) return { values: Int32Array.from(values, Number) };
  const { labels, classes } = classNumbers(values);
  return { values: labels, names: classes };
}

function splitOf(name: string, where: string): number {
  const split = SPLIT_NAMES[name.toLowerCase()];
  if (split === undefined) throw new InputError(`${where}: '${name}' is no split; they are ${Object.keys(SPLIT_NAMES).join(', ')}`);
  return split;
}

/** Those of some of the sounds, in this order. */
export function labelsAtRows({ labels, classes, split, columns }: SoundLabels, rows: readonly number[]): SoundLabels {
  return {
    ...(labels && { labels: Int32Array.from(rows, (i) => labels[i]!), ...(classes && { classes }) }),
    ...(split && { split: Uint8Array.from(rows, (i) => split[i]!) }),
    ...(columns && {
      columns: Object.fromEntries(Object.entries(columns).map(([name, { values, names }]) =>
        [name, { values: Int32Array.from(rows, (i) => values[i]!), ...(names && { names }) }])),
    }),
  };
}

