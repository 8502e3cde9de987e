import { seedOption } from '../../cli/common.js';
import { choice, flag, number, text, texts, type Values } from '../../cli/options.js';
import { limited } from '../../core/data/images.js';
import { inferTable } from '../../core/data/table/infer.js';
import { isTableFile, MISSING, readTable, TABLE_FORMATS, type RawTable } from '../../core/data/table/read.js';
import { parseSchema } from '../../core/data/table/schema.js';
import {
  categoricalColumns, numericColumns, rowCount, tableArtifact, tableRows, type TableSet, type Target,
} from '../../core/data/table/set.js';
import { UsageError } from '../../core/errors.js';
import { recordedName, type RecipeInput } from '../../core/files/artifact.js';
import { parseStrictJson } from '../../core/files/json.js';
import { nameOf } from '../../core/files/streams.js';
import { readText } from './beside.js';
import type { commonOptions } from './command.js';
import type { Conversion, OnProgress } from './converter.js';

export const tableOptions = {
  format: choice({ choices: TABLE_FORMATS, help: 'format of a table; by its ending where left out' }),
  header: flag({ default: true, help: "a table's first line holds values, not names; columns are named c1, c2, …, or by --schema" }),
  delimiter: text({ placeholder: 'character', help: "between a table's values; comma, semicolon or tab, whichever it has, where left out" }),
  missing: texts({ placeholder: 'text', default: MISSING, help: 'what stands for a missing value in a table, besides an empty cell' }),
  schema: text({ placeholder: 'file', local: true, help: "JSON of a table's columns where they are not what they look like: name and type "
    + '(numeric, categorical, ignore) of each' }),
  target: text({ placeholder: 'column', help: 'what is to be predicted in a table: name or number of a column, or none; the last one where left out' }),
  task: choice({ choices: ['classification', 'regression'], help: 'whether the target is a class or a number; found from its values where left out' }),
  test: text({ placeholder: 'file', local: true, help: 'a table of the same columns, whose rows become the test part' }),
  splitColumn: text({ placeholder: 'column', help: 'column of a table that says train, validation or test' }),
  testFraction: number({ default: 0, min: 0, max: 0.9, help: "share of a table's rows to draw for testing where nothing marks any" }),
  valFraction: number({ default: 0, min: 0, max: 0.9, help: "share of a table's rows to draw for validation where nothing marks any" }),
  ...seedOption,
} as const;
type Options = Values<typeof tableOptions & typeof commonOptions>;

/** Whether a source is a table rather than images. */
export const holdsTable = async (source: string, { format }: Pick<Options, 'format'>): Promise<boolean> =>
  format !== undefined || isTableFile(source);

/** A table of any format as a data set. */
export async function convertTable(source: string, o: Options, onProgress: OnProgress): Promise<Conversion> {
  if (o.testFraction + o.valFraction > 0.95) {
    throw new UsageError(`--test-fraction ${o.testFraction} and --val-fraction ${o.valFraction} leave too little to learn from`);
  }
  if (!o.labels && o.target !== undefined) throw new UsageError('--no-labels leaves out the target that --target names; give one of them');
  const schema = o.schema === undefined ? undefined : await readText('schema', o.schema);
  const { header, missing, format, delimiter } = o;
  const reading = { header, missing, ...(format && { format }), ...(delimiter !== undefined && { delimiter }) };
  const raw = await readTable(source, reading);
  const test = o.test === undefined ? undefined : await readTable(o.test, reading);
  const { set: whole, warnings } = inferTable(raw, {
    header, seed: o.seed, shares: { validation: o.valFraction, test: o.testFraction },
    ...(schema && { schema: parseSchema(parseStrictJson(schema.text, nameOf(o.schema!), MAX_DEPTH), nameOf(o.schema!)) }),
    ...(o.target === 'none' ? { target: null } : o.target !== undefined && { target: o.target }),
    ...(o.task && { task: o.task }), ...(test && { test }), ...(o.splitColumn !== undefined && { splitColumn: o.splitColumn }),
  });
  const set = smaller(whole, o);
  onProgress(rowCount(set), rowCount(set));
  return {
    artifact: tableArtifact(set), warnings, skipped: [], summary: summaryOf(set),
    inputs: [inputOf('source', raw, source), ...(test ? [inputOf('test', test, o.test!)] : []), ...(schema ? [schema.input] : [])],
  };
}

/** The table without what the options leave out. */
function smaller(set: TableSet, { labels, limit }: Options): TableSet {
  const { target, ...others } = set;
  const kept: TableSet = labels ? set : others;
  if (limit === undefined) return kept;
  const classes = target?.task === 'classification' ? { labels: target.labels } : {};
  return tableRows(kept, limited(rowCount(kept), { ...classes, ...(set.split && { split: set.split }) }, limit));
}

const inputOf = (role: string, { digest }: RawTable, path: string): RecipeInput =>
  ({ role, digest, kind: 'table', ...recordedName(path) });

function summaryOf(set: TableSet): string {
  const { columns, numeric, categorical, target } = set;
  const missing = numeric.data.reduce((n, value) => n + Number(Number.isNaN(value)), 0)
    + categorical.data.reduce((n, code) => n + Number(code < 0), 0);
  return `${rowCount(set)} rows of ${numericColumns(columns).length} numeric and ${categoricalColumns(columns).length} categorical columns`
    + `${missing > 0 ? `, ${missing} values missing` : ''}; ${target ? `target ${target.name}: ${described(target)}` : 'no target'}`;
}

const described = (target: Target): string => {
  if (target.task === 'regression') return 'a number';
  const { classes } = target;
  return `${classes.length} classes (${classes.slice(0, 6).join(', ')}${classes.length > 6 ? ', …' : ''})`;
};

/** Brackets in brackets of a schema: more are a mistake. */
const MAX_DEPTH = 10;
