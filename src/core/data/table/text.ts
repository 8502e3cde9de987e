import { SPLIT } from '../images.js';
import { rowCount, type TableSet } from './set.js';

const PARTS = Object.fromEntries(Object.entries(SPLIT).map(([name, part]) => [part, name]));

/**
 * A table as comma-separated text with a header: the part of each row first, under `split`, where the table has parts; then its
 * columns; the target last. Missing values are empty; numbers are the shortest decimals that float32 reads back.
 */
export function* tableText(set: TableSet): Generator<Uint8Array> {
  const { columns, numeric, categorical, target, split } = set;
  const header = [...(split ? ['split'] : []), ...columns.map(({ name }) => name), ...(target ? [target.name] : [])];
  const encoder = new TextEncoder();
  const line = (cells: readonly string[]): Uint8Array => encoder.encode(`${cells.map(quoted).join()}\n`);
  yield line(header);
  for (let row = 0; row < rowCount(set); row++) {
    let [number, category] = [row * numeric.shape[1]!, row * categorical.shape[1]!];
    const cells = columns.map((column) => {
      if (column.type === 'numeric') return shortest(numeric.data[number++]!);
      return column.categories[categorical.data[category++]!] ?? '';
    });
    const asked = !target ? [] : target.task === 'regression' ? [shortest(target.values[row]!)] : [target.classes[target.labels[row]!]!];
    yield line([...(split ? [PARTS[split[row]!]!] : []), ...cells, ...asked]);
  }
}

const quoted = (cell: string): string => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** The shortest decimal that is this float32, and nothing for NaN. */
function shortest(value: number): string {
  if (Number.isNaN(value)) return '';
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}
