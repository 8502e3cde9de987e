import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption } from '../../cli/common.js';
import { choice, flag, integer, number, numbers, text, type Values } from '../../cli/options.js';
import { withPositions } from '../../core/chem/molecule.js';
import { writeSdf } from '../../core/chem/sdf.js';
import { posesArtifact, type Complex, type Poses } from '../../core/docking/complexes.js';
import { FACTORS, type NoiseRanges } from '../../core/docking/noise.js';
import { PoseJudge, PoseSampler } from '../../core/docking/posing.js';
import { plainSampling, type Sampling } from '../../core/docking/sampler.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput, writeOutput } from '../../core/files/streams.js';
import { explainWriteError } from '../../core/files/system-errors.js';
import { argsortDescending } from '../../core/stats/order.js';
import { applyPreset } from '../pretrain/command.js';
import {
  asTrained, choiceOptions, chosenComplexes, computeOf, openComplexes, openModel, posingModel, recordedValues, threeNumbers,
} from './common.js';

const PRESETS: Readonly<Record<string, Partial<Values<typeof samplingOptions>>>> = {
  plain: {},
  'diffdock-l': { temperature: [1.17, 2.064, 7.044], psi: [0.727, 0.902, 0.595], spread: [0.93, 0.746, 0.694], skip: 1 },
};

const samplingOptions = {
  steps: integer({ default: 20, min: 1, help: 'steps from noise to a pose; each is a call of the network' }),
  ode: flag({ help: 'follow the probability-flow ODE, without fresh noise' }),
  temperature: numbers({ placeholder: 'tr,rot,tor', default: [1, 1, 1], help: 'temperatures of the factors; above 1 poses gather where they are likely' }),
  psi: numbers({ placeholder: 'tr,rot,tor', default: [0, 0, 0], help: 'further noise of the factors, which goes with a temperature' }),
  spread: numbers({ placeholder: 'tr,rot,tor', default: [0.5, 0.5, 0.5], guess: true,
    help: "the data's spread, between the noise's least (0) and most (1) on a logarithmic scale; matters with a temperature" }),
  finalNoise: flag({ help: 'the last step has noise, too' }),
  skip: integer({ default: 0, min: 0, help: 'steps at the end that are left out (DiffDock: 1)' }),
  start: number({ min: 0, help: 'deviation of the first place from the centre on each axis, in Å; the most noise of --tr in training where left out' }),
  center: numbers({ placeholder: 'x,y,z', help: "where to start from, in Å in the receptor's file; the mean of its residues where left out" }),
} as const;

const options = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'score model, made by byo dock-bootstrap train or bootstrap' }),
  confidence: text({ placeholder: 'file', local: true, help: 'confidence model that judges the poses' }),
  samples: integer({ default: 10, min: 1, help: 'poses of each complex (DiffDock: 10 and 40; confidence bootstrapping: 8)' }),
  preset: choice({ choices: Object.keys(PRESETS), default: 'plain', help: "the plain reverse process, or DiffDock-L's low temperatures" }),
  ...samplingOptions, ...choiceOptions,
  batch: integer({ default: 64, min: 1, help: 'poses at a time' }),
  sdf: text({ placeholder: 'folder', local: true, help: 'write poses as SD files, too: a folder for each complex, the best pose first' }),
  ...outputOptions, ...computeOptions, ...seedOption,
} as const;
type Options = Values<typeof options>;

export const sample = defineCommand({
  name: 'dock-bootstrap sample',
  summary: 'draw poses of ligands in their receptors',
  description: 'Ligands start from a random conformation anywhere around the receptor, and are moved, turned and bent step by step. '
    + 'True poses are not looked at. A pose depends on the seed, the name of its complex and its number, not on what else is drawn. '
    + 'Poses stay in the order in which they were drawn; with a confidence model each has a logit, and SD files are ranked by it.',
  examples: [
    ['byo dock-bootstrap sample complexes.st --model score.st --confidence confidence.st -o poses.st', 'ten poses of each complex, judged'],
    ['byo dock-bootstrap sample pairs.st -m score.st --confidence confidence.st --samples 40 --sdf poses/ -o poses.st', 'with SD files'],
    ['byo dock-bootstrap sample complexes.st -m score.st --split test --preset diffdock-l -o poses.st', 'at low temperature'],
  ],
  arguments: [{ name: 'complexes', optional: true, help: 'data set of complexes; standard input where left out' }],
  options,
  presets: PRESETS,
  async run(context, [path = '-'], given) {
    const { terminal } = context;
    if (given.model === undefined) throw new UsageError('sample needs a score model: --model FILE');
    await checkOutput(given.output, { force: given.force });
    if (given.sdf !== undefined) await checkFolder(given.sdf, given.force);
    const o = applyPreset({ options, presets: PRESETS }, context, given, () => 'plain');
    const opened = await openComplexes(path);
    const score = await openModel(given.model, 'scores', opened.set, 'model');
    const judging = given.confidence === undefined ? undefined
      : await openModel(given.confidence, 'confidence', opened.set, 'confidence');
    const complexes = asTrained(chosenComplexes(opened, o), score.model.docking);
    const sampling = samplingOf(o, score.model.docking.noise);
    const centerOf = o.center && centersAt(o.center);

    const count = complexes.length * o.samples;
    const progress = await terminal.progress('sample', count, 'poses');
    const began = performance.now();
    const posing = { complexes, batch: o.batch, ...computeOf(o) };
    const sampler = new PoseSampler(posingModel(score.model), posing);
    const drawn = await sampler.sample({
      samples: o.samples, seed: o.seed, stream: 'sample', sampling, ...(centerOf && { centerOf }),
      onProgress: (done) => progress.update(done),
    }).finally(() => sampler.dispose());
    progress.stop();
    const perSecond = count / ((performance.now() - began) / 1000);
    terminal.info(`${count} poses of ${complexes.length} complexes, ${perSecond.toPrecision(3)} a second`);

    const poses = drawn.map((list): Poses => ({ poses: list.map((pose) => Float32Array.from(pose)) }));
    if (judging) {
      const judge = new PoseJudge(posingModel(judging.model), posing);
      const logits = await judge.judge(drawn).finally(() => judge.dispose());
      poses.forEach((each, i) => { poses[i] = { ...each, confidence: logits[i] }; });
    }
    await writeArtifact(o.output, {
      ...posesArtifact(complexes.map(({ name }) => name), poses),
      recipe: {
        command: context.command, options: recordedValues(context, o), seed: o.seed, version: context.version,
        inputs: [opened.input, score.input, ...(judging ? [judging.input] : [])],
      },
    }, { force: o.force });
    if (o.sdf !== undefined) await writeFolder(o.sdf, complexes, poses, o);
  },
});

/** The reverse process that options describe; throws UsageError where they make no sense. */
function samplingOf(o: Options, noise: NoiseRanges): Sampling {
  if (o.skip >= o.steps) throw new UsageError(`--skip ${o.skip} leaves out all of the ${o.steps} steps`);
  const [temperature, psi, spread] = (['temperature', 'psi', 'spread'] as const).map((name) => threeNumbers(name, o[name]));
  if (!FACTORS.every((factor) => temperature[factor] > 0 && psi[factor] >= 0)) {
    throw new UsageError('--temperature takes numbers above 0, and --psi numbers of at least 0');
  }
  return {
    ...plainSampling(noise, o.steps), ode: o.ode, temperature, psi, spread, finalNoise: o.finalNoise, skipped: o.skip,
    ...(o.start !== undefined && { start: o.start }),
  };
}

/** A place in the source's frame, from each complex's own centre. */
function centersAt(place: readonly number[]): (complex: Complex) => [number, number, number] {
  if (place.length !== 3) throw new UsageError(`--center takes three numbers, x,y,z in Å, but '${place.join()}' was given`);
  return ({ center: [x, y, z] }) => [place[0] - x, place[1] - y, place[2] - z];
}

/** What SD files call a folder: nothing that a path would understand otherwise. */
const folderName = (name: string): string => name.replace(/[^\w.-]/g, '_').replace(/^\.+/, '_') || '_';

async function checkFolder(folder: string, force: boolean): Promise<void> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error.code === 'ENOTDIR' ? new UsageError(`--sdf ${folder} is a file; name a folder`) : explainWriteError(error, folder);
  });
  if (there.length > 0 && !force) throw new UsageError(`--sdf ${folder} is not empty; give --force to write into it, or name another folder`);
}

/**
 * SD files as DiffDock's: in a folder for each complex rank1.sdf, the best pose, rankK_confidenceX.XX.sdf for all of them, and
 * poses.sdf with all in one. Positions are in the source's frame.
 */
async function writeFolder(folder: string, complexes: readonly Complex[], poses: readonly Poses[], o: Options): Promise<void> {
  for (const [i, { name, center, ligand: { molecule } }] of complexes.entries()) {
    const { poses: list, confidence } = poses[i];
    const order = confidence ? argsortDescending(confidence) : [...list.keys()];
    const records = Array.from(order, (k, rank) => {
      const tags = new Map([
        ['rank', String(rank + 1)], ...(confidence ? [['confidence', confidence[k].toFixed(4)]] as const : []),
        ['complex_name', name], ['sample', String(k)], ['seed', String(o.seed)],
      ]);
      const placed = withPositions(molecule, Float64Array.from(list[k], (value, at) => value + center[at % 3]));
      const file = `rank${rank + 1}${confidence ? `_confidence${confidence[k].toFixed(2)}` : ''}.sdf`;
      return { file, text: writeSdf({ ...placed, name, tags }) };
    });
    const place = join(folder, folderName(name));
    await mkdir(place, { recursive: true }).catch((error: NodeJS.ErrnoException) => { throw explainWriteError(error, place); });
    // Ranks of an earlier run would be taken for this one's.
    for (const file of await readdir(place)) if (/^rank\d+(_confidence-?[\d.]+)?\.sdf$/.test(file)) await rm(join(place, file));
    const files = new Map([['rank1.sdf', records[0].text], ...records.map(({ file, text }) => [file, text] as const),
      ['poses.sdf', records.map(({ text }) => text).join('')]]);
    for (const [file, text] of files) await writeOutput(join(place, file), [Buffer.from(text)], { force: o.force });
  }
}
