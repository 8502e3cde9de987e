import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import { bytesOf } from '../../core/array.js';
import { ATOM_FEATURES } from '../../core/chem/features.js';
import { AMINO_ACIDS } from '../../core/chem/protein.js';
import { fromSmiles } from '../../core/chem/smiles.js';
import { ROTATABLE_RULES } from '../../core/chem/torsions.js';
import { SPLIT } from '../../core/data/images.js';
import { assemble, type Assembled, type Parts } from '../../core/docking/assemble.js';
import { complexesArtifact, type Complex } from '../../core/docking/complexes.js';
import { sideChainComplexes } from '../../core/docking/side-chains.js';
import {
  folderComplexes, proteinFiles, readMolecules, readProtein, tableComplexes, type ComplexSource, type Unusable,
} from '../../core/docking/sources.js';
import { ByoError, InputError, UsageError } from '../../core/errors.js';
import { digestOf, writeArtifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { stream } from '../../core/random.js';
import { readCsv } from '../interval/csv.js';
import { readNames } from './names.js';

const options = {
  rotatable: choice({ choices: ROTATABLE_RULES, default: 'graph',
    help: "which bonds turn: all that cut the molecule in two (the paper's), or not amides and double bonds either" }),
  poses: flag({ default: true, help: 'take positions in ligand files for a conformer, not for the true pose' }),
  chainCutoff: number({ default: 10, positive: true, help: 'leave out chains that come no nearer to the bound ligand, in Å' }),
  pocket: number({ positive: true, help: 'keep residues this near to the bound ligand only, in Å; all where left out (blind docking)' }),
  maxResidues: integer({ default: 1000, min: 1, help: 'of more residues the nearest to the bound ligand are kept' }),
  test: text({ placeholder: 'file', local: true, help: 'names of the complexes to test on, one a line' }),
  validation: text({ placeholder: 'file', local: true, help: 'names of those to validate on' }),
  clusters: text({ placeholder: 'file', local: true, help: 'CSV with the columns name and cluster' }),
  limit: integer({ min: 1, help: 'at most this many complexes' }),
  fromProteins: flag({ help: 'make complexes of proteins alone, whose side chains are taken for ligands' }),
  perProtein: integer({ default: 4, min: 1, help: '--from-proteins: complexes of each protein' }),
  exclude: integer({ default: 7, min: 0, help: '--from-proteins: neighbours in the sequence that leave the receptor on either side' }),
  minContacts: integer({ default: 5, min: 1, help: '--from-proteins: contacts of a side chain that is chosen' }),
  wantedContacts: integer({ default: 10, min: 1, help: '--from-proteins: contacts that one side chain of a protein must have' }),
  strict: flag({ local: true, help: 'stop at the first complex that cannot be used instead of skipping it' }),
  ...outputOptions, ...seedOption,
} as const;
type Options = Values<typeof options>;

export const prepare = defineCommand({
  name: 'dock-bootstrap prepare',
  summary: 'proteins and ligands to a data set of complexes',
  description: 'Reads proteins (PDB, mmCIF) and ligands (SDF, MOL2, SMILES) from a folder with a folder for each complex, such as '
    + "PDBBind's, or from a CSV with the columns complex_name, protein_path and ligand_description (a file or a SMILES; DiffDock's). "
    + 'Waters, ions and other molecules, hydrogens, alternate places, further models and residues without a backbone leave the '
    + 'protein, salts the ligand. What cannot be read is skipped, and it is said why.',
  examples: [
    ['byo dock-bootstrap prepare pdbbind/ --test timesplit_test -o complexes.st', 'a folder of complexes, some of them for testing'],
    ['byo dock-bootstrap prepare pairs.csv --max-residues 1500 -o pairs.st', 'pairs of proteins and ligands, to be docked'],
    ['byo dock-bootstrap prepare proteins/ --from-proteins --per-protein 8 -o side-chains.st', 'synthetic complexes of proteins alone'],
  ],
  arguments: [{ name: 'source', help: 'folder of complexes, or CSV; with --from-proteins a protein or a folder of them' }],
  options,
  async run(context, [source], o) {
    if (source === undefined) throw new UsageError('prepare needs a folder of complexes, or a CSV of pairs');
    await checkOutput(o.output, { force: o.force });
    const { terminal } = context;
    const membership = await readMembership(o);
    const assembled: Assembled[] = [];
    const skipped: Unusable[] = [];
    const attempt = async (name: string, make: () => Promise<Assembled[]>): Promise<void> => {
      try {
        assembled.push(...await make());
      } catch (error) {
        if (!(error instanceof ByoError) || o.strict) throw error;
        skipped.push({ name, reason: error.message });
      }
    };
    const part = (name: string): Pick<Parts, 'split' | 'cluster'> => membership.of(name);
    const progress = await terminal.progress('prepare', 0, 'complexes');
    const enough = (): boolean => o.limit !== undefined && assembled.length >= o.limit;
    if (o.fromProteins) {
      for (const path of await proteinFiles(source)) {
        if (enough()) break;
        const name = path.split('/').at(-1)!.replace(/\.[^.]*$/, '');
        await attempt(path, async () => {
          const protein = await readProtein(path);
          return sideChainComplexes(name, protein, o.perProtein, o, stream(o.seed, `side chains of ${name}`))
            .map((made) => assemble({ ...made, bound: true, ...part(made.name) }, o));
        });
        progress.update(assembled.length, {});
      }
    } else {
      const { found, unusable } = await complexSources(source);
      if (o.strict && unusable[0]) throw new InputError(`${unusable[0].name}: ${unusable[0].reason}`);
      skipped.push(...unusable);
      for (const one of found) {
        if (enough()) break;
        await attempt(one.name, async () => [assemble({ ...await readParts(one, o), ...part(one.name) }, o)]);
        progress.update(assembled.length, {}, found.length);
      }
    }
    progress.stop();
    for (const { name, reason } of skipped.slice(0, 20)) terminal.warn(`skipped ${name}: ${reason}`);
    if (skipped.length > 20) terminal.warn(`skipped ${skipped.length - 20} more`);
    const kept = assembled.slice(0, o.limit);
    if (kept.length === 0) throw new InputError(`${source} gave no complex; ${skipped.length} were skipped`);
    for (const { complex, notes, warnings } of kept) {
      for (const note of notes) terminal.detail(`${complex.name}: ${note}`);
      for (const warning of warnings) terminal.warn(`${complex.name}: ${warning}`);
    }
    membership.check(kept.map(({ complex }) => complex.name), (message) => terminal.warn(message));
    const complexes = kept.map(({ complex }) => complex);
    terminal.info(describe(complexes));
    const artifact = complexesArtifact({
      complexes, features: ATOM_FEATURES, receptorTypes: AMINO_ACIDS, clusters: membership.clusters, rotatable: o.rotatable,
    });
    await writeArtifact(o.output, {
      ...artifact,
      recipe: {
        command: 'dock-bootstrap prepare', options: context.recorded, seed: o.seed, version: context.version,
        // As for images: what matters is what was read, not how its source was packed.
        inputs: [{ role: 'complexes', digest: digestOf([...artifact.tensors.values()].map(bytesOf)) }],
      },
    }, { force: o.force });
  },
});

async function complexSources(source: string): Promise<{ found: ComplexSource[]; unusable: Unusable[] }> {
  const status = source === '-' ? undefined : await stat(source).catch(() => undefined);
  if (status?.isDirectory()) return folderComplexes(source);
  return tableComplexes(await readCsv(source), source === '-' ? '.' : dirname(source));
}

async function readParts(
  { name, protein: path, ligand: from, copies, conformer }: ComplexSource, o: Options,
): Promise<Omit<Parts, 'split'>> {
  const protein = await readProtein(path);
  if ('smiles' in from) {
    const { molecule, openCenters, dropped } = await fromSmiles(from.smiles, name, o.seed);
    const warnings = openCenters > 0 ? [`its SMILES leaves ${openCenters} stereocentres open; the conformer has one of the forms`] : [];
    const notes = dropped > 0 ? [`left out ${dropped} atoms of smaller parts of the SMILES`] : [];
    return { name, protein, ligand: molecule, bound: false, notes, warnings };
  }
  const [ligand] = await readMolecules(from.file);
  const others = (await Promise.all(copies.map(readMolecules))).flat().filter((other) => other !== ligand);
  return {
    name, protein, ligand: ligand!, bound: o.poses, ...(o.poses && { copies: others }),
    ...(conformer !== undefined && { conformer: (await readMolecules(conformer))[0]! }),
  };
}

/** Which part and cluster each complex belongs to. */
interface Membership {
  readonly clusters: readonly string[];
  of(name: string): { readonly split: number; readonly cluster?: number };
  /** Says which of the listed names no complex has. */
  check(names: readonly string[], warn: (message: string) => void): void;
}

async function readMembership({ test, validation, clusters: path }: Options): Promise<Membership> {
  const names = async (file: string | undefined): Promise<ReadonlySet<string>> =>
    new Set(file === undefined ? [] : await readNames(file));
  const [testing, validating] = await Promise.all([names(test), names(validation)]);
  const both = [...testing].find((name) => validating.has(name));
  if (both !== undefined) throw new InputError(`${both} is in both ${nameOf(test!)} and ${nameOf(validation!)}; a complex has one part`);
  const clusterOf = new Map<string, string>();
  if (path !== undefined) {
    const { source, header, rows } = await readCsv(path);
    const [name, cluster] = ['name', 'cluster'].map((column) => header.indexOf(column));
    if (name < 0 || cluster < 0) throw new InputError(`${source} has no columns name and cluster`);
    for (const row of rows) clusterOf.set(row[name]!, row[cluster]!);
  }
  const clusters = [...new Set(clusterOf.values())].sort();
  return {
    clusters,
    of: (name) => {
      const cluster = clusterOf.get(name);
      return {
        split: testing.has(name) ? SPLIT.test : validating.has(name) ? SPLIT.validation : SPLIT.train,
        ...(cluster !== undefined && { cluster: clusters.indexOf(cluster) }),
      };
    },
    check: (known, warn) => {
      for (const [file, listed] of [[test, testing], [validation, validating]] as const) {
        const missing = [...listed].filter((name) => !known.includes(name));
        if (missing.length > 0) warn(`${nameOf(file!)} names ${missing.length} that are not among the complexes, such as ${missing[0]}`);
      }
    },
  };
}

/** 7 complexes with 7 known poses: 9 to 37 atoms, 160 to 874 residues, 0 to 9 torsions. */
function describe(complexes: readonly Complex[]): string {
  const span = (values: readonly number[], what: string): string => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return `${low === high ? low : `${low} to ${high}`} ${what}`;
  };
  const known = complexes.filter(({ poses }) => poses.length > 0).length;
  return `${complexes.length} complexes, ${known} with known poses: `
    + [span(complexes.map(({ ligand }) => ligand.molecule.elements.length), 'atoms'),
      span(complexes.map(({ ligand }) => ligand.torsions.length), 'torsions'),
      span(complexes.map(({ receptor }) => receptor.types.length), 'residues')].join(', ');
}
