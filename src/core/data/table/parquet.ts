import { ByoError, InputError } from '../../errors.js';
import type { Cell } from './read.js';

/**
 * The columns of a Parquet file: numbers as numbers, texts and truth values as texts, null as missing. Throws ByoError where
 * hyparquet is not installed, an optional part of byo, and InputError for damaged files and for columns of anything else.
 */
export async function readParquet(bytes: Uint8Array, source: string): Promise<{ name: string; cells: Cell[] }[]> {
  const [{ parquetMetadata, parquetReadObjects, parquetSchema }, { compressors }] =
    await Promise.all([import('hyparquet'), import('hyparquet-compressors')]).catch(() => {
      throw new ByoError('Parquet files need the packages hyparquet and hyparquet-compressors, which are not installed; '
        + 'npm install hyparquet@1.31.5 hyparquet-compressors@1.1.2');
    });
  const file = new Uint8Array(bytes).buffer;
  let names: string[];
  let rows: Record<string, unknown>[];
  try {
    const metadata = parquetMetadata(file);
    names = parquetSchema(metadata).children.map(({ element }) => element.name);
    rows = await parquetReadObjects({ file, metadata, compressors });
  } catch (error) {
    throw new InputError(`${source} is not a Parquet file that can be read: ${(error as Error).message}`);
  }
  return names.map((name) => ({ name, cells: rows.map((row, i) => cellOf(row[name], `${source}, row ${i}, ${name}`)) }));
}

function cellOf(value: unknown, place: string): Cell {
  if (value === null || value === undefined || Number.isNaN(value)) return undefined;
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return String(value);
  const kind = value instanceof Date ? 'a date' : ArrayBuffer.isView(value) ? 'bytes' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new InputError(`${place} is ${kind}; columns of tables are numbers or texts`);
}
