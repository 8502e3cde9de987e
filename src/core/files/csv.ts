import { parse } from 'csv-parse/sync';
import { InputError } from '../errors.js';

export interface CsvOptions {
  /** Between the values of a line; where left out the one of comma, semicolon and tab that the first line has most of. */
  readonly delimiter?: string;
}

/** Lines of separated values, all equally long. */
export interface CsvRecords {
  readonly records: readonly (readonly string[])[];
  /** The line of the text on which each record ends, from 1. */
  readonly lines: readonly number[];
}

/**
 * The records of a text of separated values (RFC 4180); blanks around values and empty lines are left out. Throws InputError for
 * records of unequal length and quotes that do not close.
 */
export function parseRecords(text: string, source: string, { delimiter = delimiterOf(text) }: CsvOptions = {}): CsvRecords {
  let parsed: { record: string[]; info: { lines: number } }[];
  try {
    parsed = parse(text, {
      delimiter, record_delimiter: LINE_ENDS, skip_empty_lines: true, trim: true, bom: true, info: true,
    }) as never;
  } catch (error) {
    throw new InputError(`${source} is not a table of ${NAMES[delimiter] ?? `'${delimiter}'`}-separated values: ${(error as Error).message}`);
  }
  return { records: parsed.map(({ record }) => record), lines: parsed.map(({ info }) => info.lines) };
}

/** All of them in one text: lines of files from several systems are joined. */
const LINE_ENDS = ['\r\n', '\n', '\r'];

const NAMES: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '\t': 'tab' };

function delimiterOf(text: string): string {
  // What stands in quotes separates nothing.
  const first = text.trimStart().split(/\r?\n/, 1)[0]!.replaceAll(/"[^"]*"/g, '');
  const count = (delimiter: string): number => first.split(delimiter).length;
  return [';', '\t'].reduce((best, other) => (count(other) > count(best) ? other : best), ',');
}
