import { InputError } from '../errors.js';
import { atomicNumber } from './elements.js';
import type { AtomRecord, Structure } from './pdb.js';

/** The columns of atom_site that are read; those behind a bar are taken where the first is missing. */
const COLUMNS = {
  group: ['group_PDB'], name: ['auth_atom_id', 'label_atom_id'], element: ['type_symbol'], alternate: ['label_alt_id'],
  residue: ['auth_comp_id', 'label_comp_id'], chain: ['auth_asym_id', 'label_asym_id'],
  number: ['auth_seq_id', 'label_seq_id'],
  insertion: ['pdbx_PDB_ins_code'], x: ['Cartn_x'], y: ['Cartn_y'], z: ['Cartn_z'], occupancy: ['occupancy'],
  model: ['pdbx_PDB_model_num'],
} as const;
const REQUIRED = ['name', 'residue', 'chain', 'number', 'x', 'y', 'z'] as const;

/** The first model of the first structure in an mmCIF file. Throws InputError that says where what is missing or no number. */
export function readMmcif(text: string, source: string): Structure {
  const tokens = new Tokens(text, source);
  for (let token = tokens.next(); token; token = tokens.next()) {
    if (token.quoted || token.value.toLowerCase() !== 'loop_') continue;
    const names: string[] = [];
    let following = tokens.peek();
    while (following && !following.quoted && following.value.startsWith('_')) {
      names.push(tokens.next()!.value);
      following = tokens.peek();
    }
    if (names.some((name) => name.toLowerCase().startsWith('_atom_site.'))) return atomSite(names, tokens, source);
  }
  throw new InputError(`${source} has no atom_site loop: an mmCIF file with coordinates was expected`);
}

function atomSite(names: readonly string[], tokens: Tokens, source: string): Structure {
  const have = new Map(names.map((name, i) => [name.toLowerCase().replace('_atom_site.', ''), i]));
  const column = Object.fromEntries(Object.entries(COLUMNS).map(([key, wanted]) => (
    [key, wanted.map((name) => have.get(name.toLowerCase())).find((at) => at !== undefined)]
  ))) as Record<keyof typeof COLUMNS, number | undefined>;
  for (const key of REQUIRED) {
    if (column[key] === undefined) throw new InputError(`${source}: atom_site has no column ${COLUMNS[key].join(' or ')}`);
  }
  const atoms: AtomRecord[] = [];
  const models = new Set<string>();
  for (let token = tokens.peek(); token && !token.ends; token = tokens.peek()) {
    const { line } = token;
    const row: string[] = [];
    for (const name of names) {
      const value = tokens.next();
      if (!value || value.ends) throw new InputError(`${source}: line ${line}: the row of atom_site ends before its column ${name}`);
      row.push(value.quoted ? value.value : value.value === '.' || value.value === '?' ? '' : value.value);
    }
    const cell = (key: keyof typeof COLUMNS): string => (column[key] === undefined ? '' : row[column[key]]);
    models.add(cell('model'));
    if (models.size > 1) continue;
    const numbers = (['x', 'y', 'z', 'number'] as const).map((key) => (cell(key) === '' ? NaN : Number(cell(key))));
    const wrong = numbers.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) throw new InputError(`${source}: line ${line}: '${cell((['x', 'y', 'z', 'number'] as const)[wrong])}' is no number`);
    const [x, y, z, number] = numbers;
    atoms.push({
      polymer: cell('group') !== 'HETATM', name: cell('name'), alternate: cell('alternate'), residue: cell('residue'), chain: cell('chain'),
      element: atomicNumber(cell('element')) ?? atomicNumber(cell('name').slice(0, 1)) ?? 0,
      number, insertion: cell('insertion'), x, y, z, occupancy: cell('occupancy') === '' ? 1 : Number(cell('occupancy')) || 0,
    });
  }
  if (atoms.length === 0) throw new InputError(`${source}: atom_site has no rows`);
  return { atoms, furtherModels: models.size - 1 };
}

interface Token {
  readonly value: string;
  readonly quoted: boolean;
  readonly line: number;
  /** Ends the rows of a loop: a name, another loop, another block. */
  readonly ends: boolean;
}

/** The words of a CIF file: bare, in quotes, or between lines that start with a semicolon. */
class Tokens {
  private readonly lines: readonly string[];
  private row = 0;
  private at = 0;
  private ahead: Token | undefined;

  constructor(text: string, private readonly source: string) {
    this.lines = text.split(/\r\n|\r|\n/);
  }

  peek(): Token | undefined {
    return (this.ahead ??= this.read());
  }

  next(): Token | undefined {
    const token = this.peek();
    this.ahead = undefined;
    return token;
  }

  private read(): Token | undefined {
    for (; this.row < this.lines.length; this.row++, this.at = 0) {
      const line = this.lines[this.row];
      if (this.at === 0 && line.startsWith(';')) return this.textField();
      while (this.at < line.length && /\s/.test(line[this.at])) this.at++;
      if (this.at >= line.length || line[this.at] === '#') continue;
      const quote = line[this.at];
      if (quote === "'" || quote === '"') {
        // A quote ends a word only where a blank follows.
        const closing = new RegExp(`${quote}(?=\\s|$)`, 'g');
        closing.lastIndex = this.at + 1;
        const end = closing.exec(line);
        if (!end) throw new InputError(`${this.source}: line ${this.row + 1}: a quote that opens here is not closed`);
        const value = line.slice(this.at + 1, end.index);
        this.at = end.index + 1;
        return { value, quoted: true, line: this.row + 1, ends: false };
      }
      const word = /^\S+/.exec(line.slice(this.at))![0];
      this.at += word.length;
      return { value: word, quoted: false, line: this.row + 1, ends: /^(_|loop_$|data_|save_|stop_$|global_$)/i.test(word) };
    }
    return undefined;
  }

  private textField(): Token {
    const start = this.row;
    const end = this.lines.findIndex((line, i) => i > start && line.startsWith(';'));
    if (end < 0) throw new InputError(`${this.source}: line ${start + 1}: the text that starts here with a semicolon has no end`);
    this.row = end;
    this.at = 1;
    const value = [this.lines[start].slice(1), ...this.lines.slice(start + 1, end)].join('\n');
    return { value, quoted: true, line: start + 1, ends: false };
  }
}
