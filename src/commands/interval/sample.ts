import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { rowsAt, toFloat32 } from '../../core/array.js';
import { InputError } from '../../core/errors.js';
import { readArtifact, writeArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf, readInput } from '../../core/files/streams.js';
import { matrix, type Matrix } from '../../core/stats/matrix.js';
import { numberOf, parseCsv, type CsvTable } from './csv.js';

/** Rows that can be resampled: a table, tensors of as many rows, or lines of text. */
export interface Sample {
  readonly source: string;
  readonly rows: number;
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** A column [rows, 1], or a tensor of rows [rows, d]; throws InputError where there is none of that name. */
  column(name: string): Matrix;
  /** Writes the rows of these numbers, in the form that the sample was read in, to a file with this ending. */
  write(path: string, rows: ArrayLike<number>): Promise<void>;
  readonly ending: string;
}

/** Reads a .csv table, a text of lines (.txt, .jsonl, .tsv) or a tensor file. */
export async function readSample(source: string): Promise<Sample> {
  const ending = extname(source).toLowerCase();
  if (ending === '.csv') return sampleOfCsv(parseCsv(new TextDecoder().decode(await readInput(source)), nameOf(source)));
  if (['.txt', '.jsonl', '.tsv'].includes(ending)) return sampleOfLines(new TextDecoder().decode(await readInput(source)), source, ending);
  return sampleOfArtifact(await readArtifact(source), nameOf(source));
}

function sampleOfCsv(table: CsvTable): Sample {
  return {
    source: table.source, rows: table.rows.length, columns: table.header, ending: '.csv',
    column: (name) => {
      const at = table.header.indexOf(name);
      if (at < 0) throw missing(table.source, name, table.header);
      return matrix(table.rows.length, 1, Float64Array.from(table.rows, (cells, i) => numberOf(cells[at]!, table, i, name)));
    },
    write: (path, rows) => {
      const line = (cells: readonly string[]): string => cells.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
      return writeFile(path, [table.header, ...Array.from(rows, (i) => table.rows[i]!)].map((cells) => `${line(cells)}\n`).join(''));
    },
  };
}

function sampleOfLines(text: string, source: string, ending: string): Sample {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0) throw new InputError(`${source} has no lines`);
  return {
    source, rows: lines.length, columns: [], ending,
    column: (name) => { throw new InputError(`${source} is text without columns, so there is no ${name}; use --cmd, or give a .csv file`); },
    write: (path, rows) => writeFile(path, Array.from(rows, (i) => `${lines[i]}\n`).join('')),
  };
}

function sampleOfArtifact(artifact: Artifact, source: string): Sample {
  const counts = [...artifact.tensors.values()].map(({ shape }) => shape[0] ?? 0);
  const rows = Math.max(...counts);
  const perRow = [...artifact.tensors].filter(([, { shape }]) => shape[0] === rows);
  if (!(rows > 0)) throw new InputError(`${source} holds no tensor with rows to resample`);
  return {
    source, rows, columns: perRow.map(([name]) => name), ending: '.st',
    column: (name) => {
      const found = perRow.find(([own]) => own === name)?.[1];
      if (!found) throw missing(source, name, perRow.map(([own]) => own));
      const { data } = found.data instanceof Float64Array ? found : toFloat32(found);
      const bad = data.findIndex((value) => !Number.isFinite(Number(value)));
      if (bad >= 0) throw new InputError(`${source}: ${name} has ${data[bad]} in row ${Math.floor((bad * rows) / data.length)}; values have to be finite`);
      return matrix(rows, data.length / rows, data as Float32Array | Float64Array);
    },
    write: (path, indices) => {
      const taken = [...artifact.tensors].map(([name, array]) =>
        [name, array.shape[0] === rows ? rowsAt(array, indices) : array] as const);
      return writeArtifact(path, { ...artifact, tensors: new Map(taken) }, { force: true });
    },
  };
}

const missing = (source: string, name: string, names: readonly string[]): InputError =>
  new InputError(`${source} has no column '${name}'; it has ${names.slice(0, 12).join(', ')}`);
