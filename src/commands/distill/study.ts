import { trainingOptions, type computeOptions, type outputOptions, type seedOption } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { kebab, type Values } from '../../cli/options.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact, writeArtifact, type Artifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { chart } from '../../core/plot/vega.js';
import { checkPicture, writePicture } from '../plot/common.js';
import { applyPreset } from '../pretrain/command.js';
import { streamOptions } from '../pretrain/data.js';
import { withAlgebra } from '../probe/common.js';
import { data } from './data.js';
import { furnish, networksOf } from './laboratory.js';
import { landscape } from './landscape.js';
import { locality } from './locality.js';
import { lottery } from './lottery.js';
import { plane } from './plane.js';
import { randomTeacher, type Options } from './random-teacher.js';
import { tensorsOf, textOf } from './table.js';
import { training } from './training.js';

const STUDIES = { training, locality, data, lottery, landscape, plane };

/** Those that probe encoders of students, also on another set. */
const PROBING: readonly string[] = ['training', 'locality', 'data'];
/** Those that one student that is there will do for. */
const OF_ONE: readonly string[] = ['lottery', 'landscape'];

type Given = Options & Values<typeof outputOptions & typeof computeOptions & typeof seedOption & typeof trainingOptions>
  & { readonly preview: string | undefined };

/** `byo distill random-teacher --study`: a table on standard output, its numbers in the output file, a picture. */
export async function runStudy(context: Context, [source = '-', ...more]: readonly string[], given: Given): Promise<void> {
  checkStudy(context, source, more, given);
  const { output, force, plot } = given;
  const picture = plot === undefined ? undefined : { output: plot, force, theme: 'light' as const };
  if (output !== '-') await checkOutput(output, { force });
  if (picture) await checkPicture(picture);

  const images = await readArtifact(source, { kind: 'dataset' });
  const other = given.transfer === undefined ? undefined : await readArtifact(given.transfer, { kind: 'dataset' });
  const named = (artifact: Artifact, path: string) => ({ set: imageSetOf(artifact, nameOf(path)), source: nameOf(path) });
  const model = given.model === undefined ? undefined : await readArtifact(given.model, { kind: 'model' });
  const ready = model && networksOf(model, nameOf(given.model!));
  const options = applyPreset(randomTeacher, context, given, () => 'paper') as Given;

  await withAlgebra(given, async (algebra) => {
    const laboratory = await furnish(context, {
      ...named(images, source), transfer: other && named(other, given.transfer!), options, ready, algebra,
    });
    const findings = await STUDIES[given.study!](laboratory);
    laboratory.finished();
    if (given.json) {
      for (const table of ['points', 'summary'] as const) {
        for (const row of findings[table]) context.terminal.print(JSON.stringify({ table, ...row }));
      }
    } else {
      context.terminal.print(textOf(findings.summary));
    }
    if (output !== '-') {
      const { tensors, words } = tensorsOf(findings.points);
      const used = Object.keys(context.recorded).filter((key) => !(key in streamOptions));
      const recorded = Object.fromEntries(used.map((key) => [key, options[key as keyof Given]]));
      const inputs = [
        asInput('data', images, source), ...(model ? [asInput('model', model, given.model)] : []),
        ...(other ? [asInput('transfer', other, given.transfer)] : []),
      ];
      await writeArtifact(output, {
        kind: 'table', schema: 1, tensors, meta: { study: given.study, words },
        recipe: { command: context.command, options: recorded, seed: given.seed, version: context.version, inputs },
      }, { force });
    }
    if (picture) await writePicture(await chart(findings.chart, picture.theme), picture);
  });
}

/** Throws UsageError for options that a study has no use for. */
function checkStudy({ origins }: Context, source: string, more: readonly string[], o: Given): void {
  if (more.length > 0) throw new UsageError(`a study reads one data set, but ${more.length + 1} files were given`);
  if (o.stream) throw new UsageError('a study tests on images that it has not learnt from, which a stream does not set apart; leave --stream out');
  if (o.transfer !== undefined && !PROBING.includes(o.study!)) {
    throw new UsageError(`--study ${o.study} does not probe students; --transfer is for ${PROBING.join(', ')}`);
  }
  if ([source, o.model, o.transfer].filter((path) => path === '-').length > 1) {
    throw new UsageError('only one of data, --model and --transfer can be standard input; name files for the others');
  }
  if (o.model !== undefined && !OF_ONE.includes(o.study!)) {
    throw new UsageError(`--study ${o.study} distils students of its own; leave --model out`);
  }
  const stray = ['preview', ...Object.keys(trainingOptions)].find((key) => origins[key] === 'command line');
  if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for a single run, and a study makes many; leave it out`);
}
