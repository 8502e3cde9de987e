import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { toFloat32, type NdArray } from '../../core/array.js';
import { InputError } from '../../core/errors.js';
import { readArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { matrix, type Matrix } from '../../core/stats/matrix.js';
import { numberOf, readCsv, textColumn, type CsvTable } from './csv.js';

/** Scores or predictions of many runs on the same examples. */
export interface Runs {
  readonly source: string;
  /** [runs, examples] */
  readonly values: Matrix;
  readonly seeds: readonly string[];
  /** Which side each run is on; one name where there is one side only. */
  readonly groups: readonly string[];
  /** [examples], where the file has them. */
  readonly labels?: ArrayLike<number>;
}

/**
 * Reads runs from a tensor file (`scores` or `preds` [runs, examples], `seed` and `group` [runs], `labels` [examples]), a CSV
 * file (wide: one row a run, one column an example beside `seed` and `group`; long: columns seed, group, example and score, or
 * prediction and label), or a folder of prediction files, one a run: FOLDER/GROUP/SEED.st or FOLDER/SEED.st.
 */
export async function readRuns(source: string, tensor: string): Promise<Runs> {
  if (source !== '-' && await isFolder(source)) return readFolder(source, tensor);
  if (extname(source).toLowerCase() === '.csv') return runsOfCsv(await readCsv(source));
  return runsOfArtifact(await readArtifact(source), nameOf(source));
}

const isFolder = (path: string): Promise<boolean> => stat(path).then((found) => found.isDirectory(), () => false);

function runsOfArtifact({ tensors }: Artifact, source: string): Runs {
  const values = tensors.get('scores') ?? tensors.get('preds') ?? tensors.get('predictions');
  if (values?.shape.length !== 2) {
    throw new InputError(`${source} has no tensor 'scores' [runs, examples]; give one row a run, with 'seed' [runs] and 'group' [runs]`);
  }
  const [runs, examples] = values.shape as [number, number];
  const perRun = (name: string): string[] | undefined => {
    const found = tensors.get(name) ?? tensors.get(`${name}s`);
    if (!found) return undefined;
    if (found.shape.join() !== String(runs)) throw new InputError(`${source}: ${name} is [${found.shape}], but [${runs}] is needed, one a run`);
    return Array.from(found.data as Int32Array, String);
  };
  const seeds = perRun('seed');
  if (!seeds) throw new InputError(`${source} has no tensor 'seed' that names the seed of each of its ${runs} runs`);
  const labels = tensors.get('labels');
  if (labels && labels.shape.join() !== String(examples)) {
    throw new InputError(`${source}: labels are [${labels.shape}], but there are ${examples} examples`);
  }
  return {
    source, values: checked(matrix(runs, examples, numbers(values)), source), seeds,
    groups: perRun('group') ?? perRun('intervention') ?? seeds.map(() => 'all'), ...(labels && { labels: numbers(labels) }),
  };
}

const numbers = (array: NdArray): Float32Array | Float64Array =>
  (array.data instanceof Float64Array ? array.data : toFloat32(array).data);

function checked(values: Matrix, source: string): Matrix {
  const bad = values.data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return values;
  throw new InputError(`${source}: example ${bad % values.cols} of run ${Math.floor(bad / values.cols)} is ${values.data[bad]}; scores have to be finite`);
}

function runsOfCsv(table: CsvTable): Runs {
  const seeds = textColumn(table, 'seed');
  if (!seeds) throw new InputError(`${table.source} has no column 'seed'; its columns are ${table.header.slice(0, 6).join(', ')}`);
  const examples = textColumn(table, 'example');
  return examples ? longRuns(table, seeds, examples) : wideRuns(table, seeds);
}

function wideRuns(table: CsvTable, seeds: readonly string[]): Runs {
  const columns = table.header.map((name, at) => ({ name, at })).filter(({ name }) => !['seed', 'group', 'run'].includes(name));
  if (columns.length === 0) throw new InputError(`${table.source} has no column of scores beside seed and group`);
  const data = Float64Array.from(table.rows.flatMap((cells, row) =>
    columns.map(({ name, at }) => numberOf(cells[at]!, table, row, name))));
  const groups = textColumn(table, 'group') ?? seeds.map(() => 'all');
  return { source: table.source, values: matrix(seeds.length, columns.length, data), seeds, groups };
}

function longRuns(table: CsvTable, seeds: readonly string[], examples: readonly string[]): Runs {
  const column = table.header.includes('score') ? 'score' : 'prediction';
  const cells = textColumn(table, column);
  if (!cells) throw new InputError(`${table.source} has no column 'score' or 'prediction' beside seed and example`);
  const groups = textColumn(table, 'group') ?? seeds.map(() => 'all');
  const repeats = textColumn(table, 'run') ?? seeds.map(() => '');
  const names = [...new Set(examples)];
  const place = new Map(names.map((name, x) => [name, x]));
  const keys = seeds.map((seed, i) => JSON.stringify([groups[i], seed, repeats[i]]));
  const runs = [...new Set(keys)];
  const runOf = new Map(runs.map((key, r) => [key, r]));
  const data = new Float64Array(runs.length * names.length).fill(NaN);
  const labels = new Float64Array(names.length).fill(NaN);
  const truths = textColumn(table, 'label');
  cells.forEach((cell, i) => {
    const x = place.get(examples[i]!)!;
    const at = runOf.get(keys[i]!)! * names.length + x;
    if (!Number.isNaN(data[at])) {
      throw new InputError(`${table.source}, line ${i + 2}: seed ${seeds[i]} has example ${examples[i]} twice; add a column 'run' for repeated runs`);
    }
    data[at] = numberOf(cell, table, i, column);
    if (!truths) return;
    const label = numberOf(truths[i]!, table, i, 'label');
    if (!Number.isNaN(labels[x]!) && labels[x] !== label) {
      throw new InputError(`${table.source}, line ${i + 2}: example ${examples[i]} has label ${label}, but ${labels[x]} before`);
    }
    labels[x] = label;
  });
  const hole = data.findIndex(Number.isNaN);
  if (hole >= 0) {
    const [group, seed] = JSON.parse(runs[Math.floor(hole / names.length)]!) as string[];
    throw new InputError(`${table.source}: seed ${seed} of group ${group} has no example ${names[hole % names.length]}, which other runs have; ` +
      'every run needs the same examples');
  }
  const parsed = runs.map((key) => JSON.parse(key) as [string, string, string]);
  return {
    source: table.source, values: matrix(runs.length, names.length, data), seeds: parsed.map(([, seed]) => seed),
    groups: parsed.map(([group]) => group), ...(truths && { labels }),
  };
}

async function readFolder(folder: string, tensor: string): Promise<Runs> {
  const entries = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.st')).sort();
  if (entries.length === 0) throw new InputError(`${folder} holds no .st files; byo probe linear --predictions writes them`);
  const rows: (Float32Array | Float64Array)[] = [];
  let labels: Float32Array | Float64Array | undefined;
  for (const entry of entries) {
    const { tensors } = await readArtifact(join(folder, entry));
    const values = tensors.get(tensor);
    if (values?.shape.length !== 1) throw new InputError(`${entry} has no tensor '${tensor}' of one number per example; name another by --tensor`);
    if (rows.length > 0 && rows[0]!.length !== values.data.length) {
      throw new InputError(`${entry} has ${values.data.length} examples, but ${entries[0]} has ${rows[0]!.length}; every run needs the same examples`);
    }
    rows.push(numbers(values));
    const own = tensors.get('labels');
    if (own && labels && numbers(own).some((label, i) => label !== labels![i])) {
      throw new InputError(`${entry} has other labels than the files before; every run needs the same examples in the same order`);
    }
    if (own) labels ??= numbers(own);
  }
  const data = new Float64Array(rows.length * rows[0]!.length);
  rows.forEach((row, r) => data.set(row, r * row.length));
  return {
    source: folder, values: checked(matrix(rows.length, rows[0]!.length, data), folder),
    ...placesOf(entries), ...(labels && { labels }),
  };
}

/** Groups and seeds by file name: `plain/3.st` and `plain/seed-3.st`, or byo sweep's `tau=0.9_seed=3.st`. */
function placesOf(entries: readonly string[]): Pick<Runs, 'groups' | 'seeds'> {
  const places = entries.map((entry) => {
    const name = basename(entry, '.st');
    const swept = /^(?:(.*)_)?seed=([^_]+)$/.exec(name);
    const group = [dirname(entry), swept?.[1]].filter((part) => part && part !== '.').join('/');
    return { group: group || 'all', seed: swept?.[2] ?? name.replace(/^seed[-_]?/, '') };
  });
  return { groups: places.map(({ group }) => group), seeds: places.map(({ seed }) => seed) };
}
