import { InputError, UsageError } from '../../errors.js';
import { digestOf } from '../../files/artifact.js';
import { parseRecords } from '../../files/csv.js';
import { decodeNpy } from '../../files/npy.js';
import { nameOf } from '../../files/streams.js';
import { fileHead, readUnzipped } from '../bytes.js';
import { readParquet } from './parquet.js';

/** A value as its source has it; undefined where it is missing. */
export type Cell = string | number | undefined;

/** A table as its source has it, before anybody has said what its columns are. */
export interface RawTable {
  readonly source: string;
  readonly columns: readonly RawColumn[];
  readonly rows: number;
  /** Where a row stands, for messages: `abalone.csv, line 7`. */
  place(row: number): string;
  /** Of the file's bytes. */
  readonly digest: string;
  /** What a person should know about how it was read. */
  readonly warnings?: readonly string[];
}

export interface RawColumn {
  readonly name: string;
  readonly cells: readonly Cell[];
}

export interface ReadTableOptions {
  /** By the file's ending where left out. */
  readonly format?: TableFormat;
  /** Whether the first line of a text has the names of the columns; otherwise they are c1, c2, …. */
  readonly header?: boolean;
  /** Between the values of a line of text; found where left out. */
  readonly delimiter?: string;
  /** Texts that stand for a missing value, besides the empty one. */
  readonly missing?: readonly string[];
}

/** What usually stands for a missing value. */
export const MISSING = ['?', 'NA', 'N/A', 'NaN', 'nan', 'null'] as const;

export const TABLE_FORMATS = ['csv', 'tsv', 'parquet', 'npy'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** The format of a file by its ending: `adult.csv.gz` is csv; undefined for other endings. */
const formatOf = (path: string): TableFormat | undefined => {
  const ending = /\.([^./]*?)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  return TABLE_FORMATS.find((format) => format === ending);
};

/** Whether a file is a table rather than images: by its ending or, of an .npy file, by its array's two axes. */
export async function isTableFile(path: string): Promise<boolean> {
  const format = formatOf(path);
  if (format !== 'npy') return format !== undefined;
  const head = await fileHead(path, 1024).catch(() => new Uint8Array());
  return /'shape': \(\d+, \d+\)/.test(Buffer.from(head).toString('latin1'));
}

/**
 * Reads a table: CSV or tab-separated text, Parquet, or an .npy array [N, D] whose columns are named c1, c2, …; also gzipped, and
 * `-` for standard input. The format goes by the file's ending where no option says it. Throws InputError where the source is no
 * table, has no rows or two columns of one name, and UsageError where nothing says its format.
 */
export async function readTable(path: string, options: ReadTableOptions = {}): Promise<RawTable> {
  const { format = formatOf(path) } = options;
  const name = nameOf(path);
  if (!format) throw new UsageError(`${name} does not say by its ending what kind of table it is; say it, as in --format csv`);
  const bytes = await readUnzipped(path);
  const table = await READERS[format](bytes, name, options);
  if (table.rows === 0) throw new InputError(`${name} has no rows${options.header === false ? '' : ' below its header'}`);
  const twice = table.columns.find(({ name: column }, i) => table.columns.findIndex((other) => other.name === column) !== i);
  if (twice) throw new InputError(`${name} has two columns named ${twice.name}; rename one, or give --no-header where the first line holds values`);
  return { ...table, source: name, digest: digestOf(bytes) };
}

type Read = Omit<RawTable, 'source' | 'digest'>;

type Reader = (bytes: Uint8Array, name: string, options: ReadTableOptions) => Read | Promise<Read>;

const READERS: Readonly<Record<TableFormat, Reader>> = {
  csv: textTable,
  tsv: (bytes, name, options) => textTable(bytes, name, { delimiter: '\t', ...options }),
  parquet: parquetTable,
  npy: arrayTable,
};

const numbered = (at: number): string => `c${at + 1}`;

function textTable(bytes: Uint8Array, name: string, { header = true, delimiter, missing = MISSING }: ReadTableOptions): Read {
  const { records, lines } = parseRecords(utf8(bytes, name), name, { ...(delimiter !== undefined && { delimiter }) });
  const [first = []] = records;
  const values = header ? valuesAmong(first) : [];
  const shown = `${values.slice(0, 3).join(', ')}${values.length > 3 ? ', …' : ''}`;
  if (values.length === first.length && values.length > 0) {
    throw new InputError(`the first line of ${name} holds numbers (${shown}) where names of columns are expected; give --no-header`);
  }
  const skipped = header ? 1 : 0;
  const isMissing = new Set(['', ...missing]);
  const rows = records.length - skipped;
  return {
    rows,
    columns: first.map((title, at) => ({
      name: header && title !== '' ? title : numbered(at),
      cells: Array.from({ length: rows }, (_, row) => {
        const cell = records[row + skipped]![at]!;
        return isMissing.has(cell) ? undefined : cell;
      }),
    })),
    place: (row) => `${name}, line ${lines[row + skipped]}`,
    ...(values.length > 0 && {
      warnings: [`the first line of ${name} has numbers (${shown}) among the names of columns; if it holds values, give --no-header`],
    }),
  };
}

function utf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${name} is not UTF-8 text; convert it, as in iconv -f latin1 -t utf-8`);
  }
}

/** The numbers among the names of columns, unless they count: a frame without names has 0, 1, 2, …. */
function valuesAmong(names: readonly string[]): string[] {
  const numbers = names.filter(isNumber);
  return numbers.every((name, i) => Number(name) === Number(numbers[0]) + i) ? [] : numbers;
}

/** Whether a text is a decimal number. */
export const isNumber = (text: string): boolean => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);

async function parquetTable(bytes: Uint8Array, name: string, { missing = MISSING }: ReadTableOptions): Promise<Read> {
  const columns = await readParquet(bytes, name);
  const isMissing = new Set<Cell>(['', ...missing]);
  return {
    rows: columns[0]?.cells.length ?? 0,
    columns: columns.map(({ name: title, cells }) =>
      ({ name: title, cells: cells.map((cell) => (isMissing.has(cell) ? undefined : cell)) })),
    place: (row) => `${name}, row ${row}`,
  };
}

function arrayTable(bytes: Uint8Array, name: string): Read {
  const { shape, data } = decodeNpy(bytes, name);
  if (shape.length !== 2) throw new InputError(`${name} is [${shape}], but a table is an array [rows, columns]`);
  const [rows, width] = shape as [number, number];
  return {
    rows,
    columns: Array.from({ length: width }, (_, at) => ({
      name: numbered(at),
      cells: Array.from({ length: rows }, (_, row) => {
        const value = Number(data[row * width + at]);
        return Number.isNaN(value) ? undefined : value;
      }),
    })),
    place: (row) => `${name}, row ${row}`,
  };
}
