import { digestOf, recordedName, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf, readInput } from '../../core/files/streams.js';
import { parseCsv, type CsvTable } from '../interval/csv.js';

/** A file of text, and how it enters a recipe. */
export async function readText(role: string, path: string): Promise<{ readonly text: string; readonly input: RecipeInput }> {
  const bytes = await readInput(path);
  return { text: new TextDecoder().decode(bytes), input: { role, digest: digestOf(bytes), kind: 'text', ...recordedName(path) } };
}

export async function readTable(role: string, path: string): Promise<{ readonly table: CsvTable; readonly input: RecipeInput }> {
  const { text, input } = await readText(role, path);
  return { table: parseCsv(text, nameOf(path)), input };
}
