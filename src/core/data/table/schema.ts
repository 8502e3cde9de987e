import { InputError } from '../../errors.js';
import { isPlainObject } from '../../files/json.js';

/** What a person says of a column; what is left out is found from its values. */
export interface ColumnSchema {
  readonly name: string;
  readonly type?: 'numeric' | 'categorical' | 'ignore';
  /** All values of a categorical column, in an order of one's own. */
  readonly categories?: readonly string[];
}

const TYPES: readonly unknown[] = ['numeric', 'categorical', 'ignore'] satisfies ColumnSchema['type'][];

/**
 * A schema from its written form: `{"columns": [{"name": "age", "type": "numeric"}, …]}`; type is numeric, categorical or ignore,
 * and a categorical column may list its `categories`. Throws InputError that says what is wrong with which column.
 */
export function parseSchema(value: unknown, where: string): ColumnSchema[] {
  if (!isPlainObject(value) || !Array.isArray(value.columns)) {
    throw new InputError(`${where}: an object with a list 'columns' is expected, as in {"columns": [{"name": "age", "type": "numeric"}]}`);
  }
  const columns = value.columns.map((entry: unknown, i): ColumnSchema => {
    if (!isPlainObject(entry) || typeof entry.name !== 'string' || entry.name === '') throw new InputError(`${where}: column ${i + 1} has no name`);
    const here = `${where}: column ${entry.name}`;
    const { name, type, categories, ...others } = entry;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new InputError(`${here} has an entry '${unknown}'; name, type and categories are known`);
    if (type !== undefined && !TYPES.includes(type)) throw new InputError(`${here} is of type ${JSON.stringify(type)}; numeric, categorical and ignore are known`);
    if (categories === undefined) return { name, ...(type !== undefined && { type: type as ColumnSchema['type'] & string }) };
    if (!Array.isArray(categories) || categories.length === 0 || !categories.every((one) => typeof one === 'string') || type === 'numeric') {
      throw new InputError(`${here}: categories are a list of texts, of a categorical column`);
    }
    const twice = categories.find((one, at) => categories.indexOf(one) !== at);
    if (twice !== undefined) throw new InputError(`${here} lists the category '${twice}' twice`);
    return { name, type: 'categorical', categories };
  });
  const repeated = columns.find(({ name }, i) => columns.findIndex((other) => other.name === name) !== i);
  if (repeated) throw new InputError(`${where} lists the column ${repeated.name} twice`);
  return columns;
}
