import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Molecule } from '../chem/molecule.js';
import { readSdf } from '../chem/sdf.js';
import { InputError } from '../errors.js';
import { readInput } from '../files/streams.js';
import { sameLigand } from './assemble.js';
import type { Complex, Poses } from './complexes.js';

/** Poses as files of any docking program, for the complexes among these that have some. */
export interface PoseFiles {
  /** By the name of the complex. */
  readonly poses: ReadonlyMap<string, Poses>;
  /** Records that could not be used, and why. */
  readonly skipped: readonly string[];
}

/** Whether a path is read as SD files: a folder, or a file whose name says so. */
export const isPoseFile = async (path: string): Promise<boolean> =>
  /\.(sdf|sd)$/i.test(path) || await stat(path).then((found) => found.isDirectory(), () => false);

/**
 * Poses from SD files in the frame of the proteins' files. A folder has NAME.sdf or a folder NAME with any SD files for each
 * complex. Where there is `poses.sdf` (byo's), it has all; of DiffDock's files (`rank1_confidence-0.52.sdf`) the confidence is in
 * the names, and `rank1.sdf` repeats the first. A file has all poses of one complex, or of several if its records are titled or
 * tagged (`complex_name`) with their names.
 *
 * @param field the data field that ranks poses, the larger the better, or with a minus before its name the smaller;
 *   `confidence`, where every pose has it, if left out
 * @throws InputError where no complex has a pose, or poses lack the field that was asked for
 */
export async function readPoseFiles(path: string, complexes: readonly Complex[], field?: string): Promise<PoseFiles> {
  const isFolder = await stat(path).then((found) => found.isDirectory(), () => false);
  const files = isFolder ? await filesOfFolder(path, complexes) : [{ file: path, of: undefined }];
  const found = new Map<string, { pose: Float32Array; score: number | undefined }[]>();
  const skipped: string[] = [];
  for (const { file, of } of files) {
    for (const [i, record] of readSdf(new TextDecoder().decode(await readInput(file)), file).entries()) {
      if ('error' in record) {
        skipped.push(record.error.message);
        continue;
      }
      const complex = of ?? owner(record.molecule, file, complexes);
      const positions = complex && positionsIn(complex, record.molecule);
      if (!complex || !positions) {
        const reason = complex ? `is not the ligand of ${complex.name}` : 'is named after no complex';
        skipped.push(`${file}: record ${i + 1} (${record.molecule.name || 'without a title'}) ${reason}`);
        continue;
      }
      const list = found.get(complex.name) ?? [];
      list.push({ pose: positions, score: scoreOf(record.molecule, file, field) });
      found.set(complex.name, list);
    }
  }
  if (found.size === 0) {
    throw new InputError(`${path} has no pose of any complex in the data${skipped.length > 0 ? `: ${skipped[0]}` : ''}`);
  }
  const all = [...found.values()].flat();
  const isScored = all.every(({ score }) => score !== undefined);
  if (field !== undefined && !isScored) {
    const lacking = all.filter(({ score }) => score === undefined).length;
    throw new InputError(`${lacking} of ${all.length} poses in ${path} have no number in the field ${field.replace(/^-/, '')}`);
  }
  return {
    skipped,
    poses: new Map([...found].map(([name, list]) => [name, {
      poses: list.map(({ pose }) => pose), ...(isScored && { confidence: Float32Array.from(list, ({ score }) => score!) }),
    }])),
  };
}

async function filesOfFolder(folder: string, complexes: readonly Complex[]): Promise<{ file: string; of: Complex }[]> {
  const entries = new Map((await readdir(folder, { withFileTypes: true })).map((entry) => [entry.name, entry]));
  const lists = await Promise.all(complexes.map(async (of) => {
    // Names that make no files are written otherwise.
    const own = entries.has(of.name) ? of.name : of.name.replace(/[^\w.-]/g, '_');
    if (entries.get(own)?.isDirectory() !== true) {
      const file = [`${own}.sdf`, `${own}.sd`].find((name) => entries.has(name));
      return file === undefined ? [] : [{ file: join(folder, file), of }];
    }
    const names = (await readdir(join(folder, own))).filter((name) => /\.(sdf|sd)$/i.test(name))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const all = names.filter((name) => name === 'poses.sdf');
    const ranked = names.filter((name) => CONFIDENCE.test(name));
    return [all, ranked, names].find((list) => list.length > 0)?.map((name) => ({ file: join(folder, own, name), of })) ?? [];
  }));
  return lists.flat();
}

const CONFIDENCE = /^rank\d+_confidence(-?\d+(?:\.\d+)?)\.sdf$/i;

/** The complex that a record is named after; else the one after which the file is; else the only one there is. */
function owner({ name, tags }: Molecule, file: string, complexes: readonly Complex[]): Complex | undefined {
  const named = (wanted: string | undefined): Complex | undefined => complexes.find((complex) => complex.name === wanted?.trim());
  const [begins] = complexes.filter((complex) => basename(file).startsWith(complex.name)
    && /^[^a-z0-9]/i.test(basename(file).slice(complex.name.length))).sort((a, b) => b.name.length - a.name.length);
  return named(tags.get('complex_name')) ?? named(name) ?? begins ?? (complexes.length === 1 ? complexes[0] : undefined);
}

/** Positions in the order of the complex's ligand, about its centre: [n, 3]; undefined where it is another molecule. */
function positionsIn({ ligand, center }: Complex, read: Molecule): Float32Array | undefined {
  const same = read.elements.some((element) => element !== 1) ? sameLigand(ligand.molecule, read) : undefined;
  return same && Float32Array.from(same.positions, (value, i) => value - center[i % 3]!);
}

/** What ranks a pose: the number in a field of its own or, without one, in the file's name. */
function scoreOf({ tags }: Molecule, file: string, field: string | undefined): number | undefined {
  const isReversed = field?.startsWith('-') === true;
  const inName = field === undefined ? CONFIDENCE.exec(basename(file))?.[1] : undefined;
  const text = tags.get(field?.replace(/^-/, '') ?? 'confidence') ?? inName;
  const value = text === undefined || text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : isReversed ? -value : value;
}
