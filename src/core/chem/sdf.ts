import { InputError } from '../errors.js';
import { atomicNumber, SYMBOLS } from './elements.js';
import { molecule, type Bond, type BondOrder, type Molecule } from './molecule.js';

/** One record of an SD file: its molecule, or why it cannot be read. */
export type SdfRecord = { readonly molecule: Molecule } | { readonly error: InputError };

/**
 * The records of an SD file or a molfile (V2000 and V3000; any line ends). A record that is malformed has its error, which says
 * file, line and what was expected, and does not keep others from being read. Throws InputError where there is no record.
 */
export function readSdf(text: string, source: string): SdfRecord[] {
  const lines = text.split(/\r\n|\r|\n/);
  const records: SdfRecord[] = [];
  for (let start = 0; start < lines.length;) {
    const found = lines.findIndex((line, i) => i >= start && line.startsWith('$$$$'));
    const end = found < 0 ? lines.length : found;
    if (lines.slice(start, end).some((line) => line.trim() !== '')) records.push(readRecord(lines, start, end, source));
    start = end + 1;
  }
  if (records.length === 0) throw new InputError(`${source} is empty: an SD file or molfile was expected`);
  return records;
}

function readRecord(lines: readonly string[], start: number, end: number, source: string): SdfRecord {
  const reader = new Lines(lines, start, end, source);
  try {
    const name = reader.next('the name of the molecule').trim();
    reader.next('the line of the program');
    reader.next('the comment line');
    const counts = reader.next('the counts line');
    const table = /V3000/.test(counts) ? readV3000(reader) : readV2000(counts, reader);
    return { molecule: molecule({ name, ...table, tags: readTags(reader) }) };
  } catch (error) {
    if (error instanceof InputError) return { error };
    throw error;
  }
}

type Table = Pick<Molecule, 'elements' | 'charges' | 'positions' | 'bonds'>;

/** Column `at` of columns of equal width. */
const column = (line: string, at: number, width: number): string => line.slice(width * at, width * (at + 1));

/** Charges by the code in an atom line. */
const CHARGES = [0, 3, 2, 1, 0, -1, -2, -3];

function readV2000(counts: string, reader: Lines): Table {
  const [atoms, bondCount] = [0, 1].map((at) => reader.whole(column(counts, at, 3), 'the number of atoms or bonds'));
  if (atoms === 0) throw reader.error('a molecule without atoms');
  const elements = new Uint8Array(atoms);
  const charges = new Int8Array(atoms);
  const positions = new Float64Array(3 * atoms);
  for (let i = 0; i < atoms; i++) {
    const line = reader.next(`atom ${i + 1} of ${atoms}`);
    positions.set([0, 1, 2].map((axis) => reader.number(column(line, axis, 10), 'a coordinate')), 3 * i);
    elements[i] = reader.element(line.slice(30, 34).trim());
    charges[i] = CHARGES[Number(line.slice(36, 39)) || 0] ?? 0;
  }
  const bonds = Array.from({ length: bondCount }, (_, i): Bond => {
    const line = reader.next(`bond ${i + 1} of ${bondCount}`);
    const [a, b, order] = [0, 1, 2].map((at) => reader.whole(column(line, at, 3), 'a bond'));
    return reader.bond(a, b, order, atoms);
  });
  let stated = false;
  for (let line = reader.peek(); line !== undefined && !line.startsWith('M  END'); line = reader.peek()) {
    if (line.startsWith('>')) break;
    reader.next('M  END');
    if (!/^M {2}(CHG|RAD)/.test(line)) continue;
    // The first property line of this kind makes the charges of the atom block void.
    if (!stated) charges.fill(0);
    stated = true;
    if (!line.startsWith('M  CHG')) continue;
    const values = line.slice(9).trim().split(/\s+/).map((value) => reader.whole(value, 'an atom and its charge'));
    for (let k = 0; k + 1 < values.length; k += 2) charges[reader.atom(values[k], atoms)] = values[k + 1];
  }
  if (reader.peek()?.startsWith('M  END')) reader.next('M  END');
  return { elements, charges, positions, bonds };
}

function readV3000(reader: Lines): Table {
  const elements: number[] = [];
  const charges: number[] = [];
  const positions: number[] = [];
  const bonds: Bond[] = [];
  const index = new Map<number, number>();
  let block = '';
  for (;;) {
    let line = reader.next('M  END');
    if (line.startsWith('M  END')) break;
    if (!line.startsWith('M  V30 ')) continue;
    while (line.endsWith('-')) line = line.slice(0, -1) + reader.next('the rest of the line').replace(/^M {2}V30 /, '');
    const words = line.slice(7).trim().split(/\s+/);
    if (words[0] === 'BEGIN' || words[0] === 'END') {
      block = words[0] === 'BEGIN' ? words[1] ?? '' : '';
    } else if (block === 'ATOM') {
      index.set(reader.whole(words[0], 'the number of an atom'), elements.length);
      elements.push(reader.element(words[1]));
      for (const word of words.slice(2, 5)) positions.push(reader.number(word, 'a coordinate'));
      if (positions.length !== 3 * elements.length) throw reader.error('an atom without three coordinates');
      const charge = words.find((word) => word.startsWith('CHG='));
      charges.push(charge ? reader.whole(charge.slice(4), 'a charge') : 0);
    } else if (block === 'BOND') {
      const [order, a, b] = words.slice(1, 4).map((word) => reader.whole(word, 'a bond'));
      const ends = [a, b].map((atom) => (index.get(atom) ?? -1) + 1);
      bonds.push(reader.bond(ends[0], ends[1], order, elements.length));
    }
  }
  if (elements.length === 0) throw reader.error('a molecule without atoms');
  return {
    elements: Uint8Array.from(elements), charges: Int8Array.from(charges), positions: Float64Array.from(positions), bonds,
  };
}

/** `> <name>`, lines of its value, an empty line. */
function readTags(reader: Lines): Map<string, string> {
  const tags = new Map<string, string>();
  for (let line = reader.peek(); line !== undefined; line = reader.peek()) {
    reader.next('a data field');
    const name = line.startsWith('>') ? /<([^>]*)>/.exec(line)?.[1] : undefined;
    if (name === undefined) continue;
    const value: string[] = [];
    const inside = (next: string | undefined): boolean => next !== undefined && next.trim() !== '';
    while (inside(reader.peek())) value.push(reader.next('a value'));
    tags.set(name, value.join('\n'));
  }
  return tags;
}

/** Lines of one record, with errors that say where they are. */
class Lines {
  private at: number;

  constructor(
    private readonly lines: readonly string[], start: number, private readonly end: number, private readonly source: string,
  ) {
    this.at = start;
  }

  peek(): string | undefined {
    return this.at < this.end ? this.lines[this.at] : undefined;
  }

  next(expected: string): string {
    if (this.at >= this.end) throw new InputError(`${this.source}: line ${this.at + 1}: the record ends where ${expected} was expected`);
    return this.lines[this.at++];
  }

  error(problem: string): InputError {
    return new InputError(`${this.source}: line ${this.at}: ${problem}`);
  }

  number(text: string | undefined, what: string): number {
    const value = text === undefined || text.trim() === '' ? NaN : Number(text);
    if (!Number.isFinite(value)) throw this.error(`${what} was expected, but '${(text ?? '').trim()}' is no number`);
    return value;
  }

  whole(text: string | undefined, what: string): number {
    const value = this.number(text, what);
    if (!Number.isInteger(value)) throw this.error(`${what} was expected, but ${value} is no whole number`);
    return value;
  }

  element(symbol: string | undefined): number {
    if (!symbol) throw this.error("an element's symbol was expected");
    const element = atomicNumber(symbol);
    if (!element) throw this.error(`'${symbol}' is no element; queries and dummy atoms cannot be docked`);
    return element;
  }

  atom(number: number, count: number): number {
    if (number < 1 || number > count) throw this.error(`there is no atom ${number}: the molecule has ${count}`);
    return number - 1;
  }

  bond(a: number, b: number, order: number, count: number): Bond {
    const [from, to] = [this.atom(a, count), this.atom(b, count)];
    if (from === to) throw this.error(`atom ${a} is bonded to itself`);
    if (![1, 2, 3, 4].includes(order)) throw this.error(`bond type ${order} is none of 1, 2, 3 and 4 (aromatic)`);
    return { a: from, b: to, order: order as BondOrder };
  }
}

/**
 * A molecule as a record of an SD file, its tags behind it: V2000, or V3000 above 999 atoms or bonds. Coordinates have four
 * decimals; positions beyond what a column holds are written as V3000, too.
 */
export function writeSdf({ name, elements, charges, positions, bonds, tags }: Omit<Molecule, 'hydrogens'>): string {
  const wide = positions.some((value) => value.toFixed(4).length > 10);
  const header = `${name.replaceAll(/[\r\n]+/g, ' ')}\n  byo               3D\n\n`;
  const body = elements.length > 999 || bonds.length > 999 || wide
    ? v3000({ elements, charges, positions, bonds }) : v2000({ elements, charges, positions, bonds });
  const fields = [...tags].map(([field, value]) => `> <${field}>\n${value}\n\n`).join('');
  return `${header}${body}M  END\n${fields}$$$$\n`;
}

function v2000({ elements, charges, positions, bonds }: Table): string {
  const three = (value: number): string => String(value).padStart(3);
  const rows = [`${three(elements.length)}${three(bonds.length)}  0  0  0  0  0  0  0  0999 V2000`];
  elements.forEach((element, i) => {
    const place = [...positions.subarray(3 * i, 3 * i + 3)].map((value) => value.toFixed(4).padStart(10)).join('');
    rows.push(`${place} ${SYMBOLS[element].padEnd(3)} 0  0  0  0  0  0  0  0  0  0  0  0`);
  });
  for (const { a, b, order } of bonds) rows.push(`${three(a + 1)}${three(b + 1)}${three(order)}  0`);
  const charged = [...charges.keys()].filter((i) => charges[i] !== 0);
  for (let k = 0; k < charged.length; k += 8) {
    const part = charged.slice(k, k + 8);
    rows.push(`M  CHG${three(part.length)}${part.map((i) => ` ${three(i + 1)} ${three(charges[i])}`).join('')}`);
  }
  return `${rows.join('\n')}\n`;
}

function v3000({ elements, charges, positions, bonds }: Table): string {
  const rows = ['  0  0  0  0  0  0  0  0  0  0999 V3000', 'M  V30 BEGIN CTAB', `M  V30 COUNTS ${elements.length} ${bonds.length} 0 0 0`];
  rows.push('M  V30 BEGIN ATOM');
  elements.forEach((element, i) => {
    const place = [...positions.subarray(3 * i, 3 * i + 3)].map((value) => value.toFixed(4)).join(' ');
    rows.push(`M  V30 ${i + 1} ${SYMBOLS[element]} ${place} 0${charges[i] ? ` CHG=${charges[i]}` : ''}`);
  });
  rows.push('M  V30 END ATOM');
  if (bonds.length > 0) {
    rows.push('M  V30 BEGIN BOND', ...bonds.map(({ a, b, order }, i) => `M  V30 ${i + 1} ${order} ${a + 1} ${b + 1}`), 'M  V30 END BOND');
  }
  return `${[...rows, 'M  V30 END CTAB'].join('\n')}\n`;
}
