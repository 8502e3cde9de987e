import { InputError } from '../../core/errors.js';
import { parseRecords } from '../../core/files/csv.js';
import { nameOf, readInput } from '../../core/files/streams.js';

/** A table of text: a header and rows as long as it. */
export interface CsvTable {
  readonly source: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Reads comma-separated values with a header line; throws InputError for ragged or empty ones. */
export async function readCsv(source: string): Promise<CsvTable> {
  return parseCsv(new TextDecoder().decode(await readInput(source)), nameOf(source));
}

export function parseCsv(text: string, source: string): CsvTable {
  const [header, ...rows] = parseRecords(text, source, { delimiter: ',' }).records;
  if (!header || rows.length === 0) throw new InputError(`${source} has no rows below its header line`);
  return { source, header, rows };
}

/** Column `name` as text; undefined where there is none. */
export function textColumn({ header, rows }: CsvTable, name: string): string[] | undefined {
  const at = header.indexOf(name);
  return at < 0 ? undefined : rows.map((row) => row[at]!);
}

/** A cell as a number; throws InputError that says where it stands. */
export function numberOf(cell: string, { source }: CsvTable, row: number, column: string): number {
  const value = cell === '' ? NaN : Number(cell);
  // The header is line 1.
  if (!Number.isFinite(value)) throw new InputError(`${source}, line ${row + 2}, ${column}: '${cell}' is not a finite number`);
  return value;
}
