import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { jsonOption, seedOption } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, numbers, text, texts, type Values } from '../../cli/options.js';
import { SPLIT } from '../../core/data/images.js';
import { complexesOf, posesOf, type Complexes, type Poses } from '../../core/docking/complexes.js';
import { scorePoses, type ScoredPoses } from '../../core/docking/evaluation.js';
import { isPoseFile, readPoseFiles } from '../../core/docking/pose-files.js';
import { InputError, UsageError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { successChart } from '../../core/plot/success.js';
import { THEMES } from '../../core/plot/theme.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, writePicture } from '../plot/common.js';
import { requireMinimum } from '../probe/report.js';
import { pictureRows, report, tablesOf, type Candidate, type Evaluation } from './evaluation.js';
import { readNames } from './names.js';

const options = {
  data: text({ placeholder: 'file', local: true, help: 'data set with the complexes and their true poses' }),
  split: choice({ choices: ['train', 'validation', 'test', 'all'],
    help: 'part to evaluate, where complexes without poses are failures; the complexes that have poses where left out' }),
  splitFile: text({ placeholder: 'file', local: true, help: 'the same by names, one a line, as in DockGen and PDBBind' }),
  cluster: texts({ placeholder: 'name', help: 'the same by clusters' }),
  baseline: texts({ placeholder: 'file', local: true, help: 'poses to compare with, of the same complexes: those before bootstrapping' }),
  thresholds: numbers({ placeholder: 'Å', default: [2, 5], help: 'a pose nearer than this is a success; the first counts in comparisons' }),
  top: numbers({ placeholder: 'k', default: [1, 5, 10], help: 'best of so many poses, those with the highest confidence' }),
  score: text({ placeholder: 'field', help: 'data field of SD files that ranks poses, the larger the better, -FIELD the smaller' }),
  unit: choice({ choices: ['complex', 'cluster'], default: 'complex', help: 'what is drawn when resampling' }),
  resamples: integer({ default: 1000, min: 2, help: 'bootstrap resamples' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence intervals' }),
  min: number({ min: 0, max: 1, local: true, help: 'exit with status 1 where the share of top-1 successes is below this' }),
  plot: text({ placeholder: 'file', local: true, help: 'picture of the success on each cluster, and before it with --baseline; .svg or .png' }),
  theme: choice({ choices: THEMES, default: 'light', local: true, help: 'colours for a light or a dark page' }),
  force: flag({ short: 'f', local: true, help: 'overwrite an existing picture' }),
  ...seedOption, ...jsonOption,
} as const;
type Options = Values<typeof options>;

export const evaluate = defineCommand({
  name: 'dock-bootstrap evaluate',
  summary: 'how near sampled poses are to the true ones',
  description: 'The distance of a pose is the root mean square over heavy atoms in the frame of the receptor, without superposition, the '
    + 'least over the symmetries of the ligand and over its copies in the crystal. A random sample is what the score model draws, on '
    + 'average; top-1 is the pose that the confidence model ranks first, the number to compare with other docking programs; the best '
    + 'of all needs an oracle. Complexes without poses count as failures. A clash is a heavy atom of the receptor nearer than 0.75 times '
    + 'the sum of radii (a bead nearer than 2.8 Å), valid is what passes all checks of bonds, clashes and volumes. Poses are those of byo dock-bootstrap '
    + 'sample, or SD files of any program: a folder with NAME.sdf or a folder NAME for each complex (as DiffDock writes), or one file.',
  paper: 'G. Corso, A. Deng et al., Deep Confident Steps to New Pockets: Strategies for Docking Generalization, 2024, arXiv 2402.18396',
  examples: [
    ['byo dock-bootstrap evaluate poses.st --data complexes.st --split test', 'success on the test part'],
    ['byo dock-bootstrap evaluate poses.st --data complexes.st --split-file test_names.txt --unit cluster', 'on named complexes, as DockGen'],
    ['byo dock-bootstrap evaluate after.st --data complexes.st --baseline before.st --plot success.png', 'before and after bootstrapping'],
    ['byo dock-bootstrap evaluate gnina/ --score CNNscore --data complexes.st --split test', 'SD files of another program, a folder or a file for each complex'],
    ['byo dock-bootstrap sample … | byo dock-bootstrap evaluate --data complexes.st --json | jq .selections', 'for scripts'],
  ],
  arguments: [{ name: 'poses', optional: true, variadic: true,
    help: 'sampled poses in one or several files, or SD files or folders of them; standard input where left out' }],
  options,
  async run(context, paths, o) {
    if (o.data === undefined) throw new UsageError('evaluate needs the true poses: --data COMPLEXES');
    for (const [option, values] of [['--thresholds', o.thresholds], ['--top', o.top]] as const) {
      if (values.some((value) => !(value > 0) || (option === '--top' && !Number.isInteger(value)))) {
        throw new UsageError(`${option} takes ${option === '--top' ? 'whole ' : ''}numbers above 0, but '${values.join()}' was given`);
      }
    }
    if (o.plot === '-') throw new UsageError('--plot takes the name of a file, as standard output has the table');
    if (o.plot !== undefined) await checkPicture({ output: o.plot, force: o.force, theme: o.theme });
    const data = complexesOf(await readArtifact(o.data, { kind: 'dataset' }), nameOf(o.data));
    const sampled = await readPoses(paths.length > 0 ? paths : ['-'], data, o.score, context);
    const chosen = await choose(data, sampled, o, context);
    const after = evaluation(chosen, sampled);
    const before = o.baseline && evaluation(chosen, await readPoses(o.baseline, data, o.score, context));
    for (const [name, missing = 0] of [['', after.missing], ['in the baseline ', before?.missing]] as const) {
      if (missing > 0) context.terminal.warn(`${name}${missing} of ${chosen.length} complexes have no poses and count as failures`);
    }
    const inexact = after.scored.filter(({ exact }) => !exact).length;
    if (inexact > 0) context.terminal.warn(`${inexact} ligands have too many symmetries to try all; their distances may be too large`);
    const result = report(data.clusters, after, before, o);
    if (o.json) context.terminal.print(JSON.stringify(result));
    else for (const lines of tablesOf(result)) context.terminal.print(lines);
    if (o.plot !== undefined) {
      await writePicture(await chart(successChart(pictureRows(result), {
        title: `docking of ${basename(nameOf(o.data))}`,
        subtitle: `${chosen.length} complexes; lines are ${Math.round(1000 * o.level) / 10}% intervals`,
        axis: before ? `${result.headline.name} below ${o.thresholds[0]} Å` : `success below ${o.thresholds[0]} Å`, theme: o.theme,
      }), o.theme), { output: o.plot, force: o.force, theme: o.theme });
    }
    requireMinimum(`the share of successes of ${result.headline.name}`, { estimate: result.headline.below[0]!.share }, o.min);
  },
});

/** Poses by the names of their complexes, from one or several files or folders. */
async function readPoses(
  sources: readonly string[], { complexes }: Complexes, score: string | undefined, { terminal }: Context,
): Promise<Map<string, Poses>> {
  const found = new Map<string, { readonly poses: Poses; readonly source: string }>();
  for (const path of sources) {
    const source = nameOf(path);
    for (const [name, poses] of await readOne(path)) {
      const other = found.get(name);
      if (other) throw new InputError(`${name} has poses in both ${other.source} and ${source}; give one of the files`);
      found.set(name, { poses, source });
    }
  }
  return new Map([...found].map(([name, { poses }]) => [name, poses]));

  async function readOne(path: string): Promise<Iterable<readonly [string, Poses]>> {
    if (path !== '-' && await isPoseFile(path)) {
      const { poses, skipped } = await readPoseFiles(path, complexes, score);
      for (const reason of skipped.slice(0, 10)) terminal.warn(`skipped ${reason}`);
      if (skipped.length > 10) terminal.warn(`skipped ${skipped.length - 10} more`);
      return poses;
    }
    const source = nameOf(path);
    const artifact = await readArtifact(path, { kind: 'poses' });
    const names = new Set(Array.isArray(artifact.meta.names) ? artifact.meta.names.map(String) : []);
    const own = complexes.filter(({ name }) => names.has(name));
    if (own.length === 0 && names.size > 0) {
      throw new InputError(`${source} has poses of other complexes than the data, such as ${[...names][0]}`);
    }
    if (own.length < names.size) terminal.warn(`${source} has poses of ${names.size - own.length} complexes that the data do not have`);
    return posesOf(artifact, own, source).map((poses, i) => [own[i]!.name, poses] as const);
  }
}

/** The complexes that options ask for; those with poses where none does. Throws InputError where none is left. */
async function choose(
  { complexes, clusters }: Complexes, sampled: ReadonlyMap<string, Poses>, o: Options, { terminal }: Context,
): Promise<Candidate[]> {
  for (const cluster of o.cluster ?? []) {
    if (!clusters.includes(cluster)) throw new InputError(`the data have no cluster ${cluster}; they have ${clusters.join(', ') || 'none'}`);
  }
  const listed = o.splitFile === undefined ? undefined : await readNames(o.splitFile);
  const names = new Set(listed);
  const explicit = o.split !== undefined || o.cluster !== undefined || listed !== undefined;
  const wanted = complexes.filter(({ name, split, cluster }) => (explicit || sampled.has(name))
    && (o.split === undefined || o.split === 'all' || split === SPLIT[o.split])
    && (o.cluster === undefined || (cluster !== undefined && o.cluster.includes(clusters[cluster]!)))
    && (listed === undefined || names.has(name)));
  const known = new Set(complexes.map(({ name }) => name));
  const lost = (listed ?? []).filter((name) => !known.has(name));
  if (lost.length > 0) {
    terminal.warn(`${nameOf(o.splitFile!)} names ${lost.length} complexes that the data do not have, such as ${lost[0]}; they count as failures`);
  }
  const usable = wanted.filter(({ poses }) => poses.length > 0);
  if (usable.length < wanted.length) {
    terminal.warn(`${wanted.length - usable.length} complexes have no true pose to compare with and are left out`);
  }
  if (usable.length === 0) throw new InputError('there is no complex with a true pose among those to evaluate');
  return [...usable.map((complex) => ({ name: complex.name, complex })), ...lost.map((name) => ({ name }))];
}

const NOTHING: ScoredPoses = {
  rmsd: new Float64Array(0), centroid: new Float64Array(0), receptorClash: [], selfClash: [], exact: true,
};

function evaluation(candidates: readonly Candidate[], sampled: ReadonlyMap<string, Poses>): Evaluation {
  const scored = candidates.map(({ name, complex }) => {
    const poses = sampled.get(name);
    return complex && poses ? scorePoses(complex, poses) : NOTHING;
  });
  return { candidates, scored, missing: scored.filter(({ rmsd }) => rmsd.length === 0).length };
}
