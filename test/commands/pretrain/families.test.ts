import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { byo } from '../../support/cli.js';
import { numbersOf } from '../../support/steps.js';
import { expectFailure, TINY, workplace } from '../support.js';

const { folder, at, run } = workplace();

beforeAll(async () => {
  await run('synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '-o', 'set.st');
});

/** Steps of a run; its last checkpoint is that of the step before. */
const STEPS = ['--steps', '6', '--lr', '0.5', '-q'];

describe.each<[string, string[], string[]]>([
  ['a closed form averaged over steps', ['byol', '--predictor', 'stiefel', '--predictor-scale', 'spectral'],
    ['predictor.matrix', 'predictor.average.mean']],
  ['an averaged correlation', ['byol', '--predictor', 'lrp', '--ema-on', 'correlation', '--target', 'frozen'],
    ['predictor.matrix', 'predictor.sigma.mean', 'predictor.cross.mean', 'target.projector.0.weight']],
  ['refinement after a warm-up', ['byol', '--refine', 'cssl', '--pair-warmup', '0.6', '--predictor', 'linear', '--augmentation', 'stl'],
    ['predictor.weight']],
  ['simsiam', ['simsiam', '--accumulate', '2'], ['predictor.3.bias', 'projector.7.running_var']],
])('%s', (_, [method, ...options], tensors) => {
  const pretrain = (...more: string[]) => run('pretrain', method!, 'set.st', ...TINY, ...STEPS, ...options, ...more);

  test('cut short, run again and resumed, it gives the same bytes', async () => {
    await pretrain('-o', 'whole.st', '-f', '--checkpoint-every', '0');
    // The disk is full when the model is written: what stays is the checkpoint of the step before the last.
    const cut = await byo(['pretrain', method!, 'set.st', ...TINY, ...STEPS, ...options, '-o', '/dev/full',
      '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    const { stderr } = await pretrain('-o', 'resumed.st', '-f', '--checkpoint', 'cut.ckpt', '--resume');
    expect(stderr).toBe('');
    const [whole, resumed] = await Promise.all(['whole.st', 'resumed.st'].map((name) => readArtifact(at(name))));
    expect(resumed!.digest).toBe(whole!.digest);
    expect([...whole!.tensors.keys()]).toEqual(expect.arrayContaining(tensors));
  });
});

test('a model with a predictor in closed form says how it acts, and its encoder is one like any other', async () => {
  await run('pretrain', 'byol', 'set.st', ...TINY, ...STEPS, '--predictor', 'ns', '--ridge', '0.5', '-o', 'ns.st', '--log', 'ns.jsonl');
  const { meta, tensors } = await readArtifact(at('ns.st'));
  expect(meta.predictor).toEqual({ form: 'ns', convention: 'prediction = z P' });
  const [matrix, mean] = ['predictor.matrix', 'predictor.average.mean'].map((name) => numbersOf(tensors.get(name)!));
  matrix!.forEach((value, i) => expect(value - mean![i]!).toBeCloseTo(i % 9 === 0 ? 0.5 : 0, 5));
  const log = JSON.parse((await readFile(at('ns.jsonl'), 'utf8')).trim().split('\n').at(-1)!);
  for (const name of ['projectionDistance', 'asymmetry', 'polarDistance', 'stableRank', 'ridgeRatio']) {
    expect(log[name], name).toBeTypeOf('number');
  }
  await run('embed', '--model', 'ns.st', 'set.st', '-q', '-o', 'features.st');
  expect((await readArtifact(at('features.st'))).tensors.get('features')!.shape).toEqual([40, 32]);
});

test.each([['simsiam', []], ['byol', ['--augmentation', 'stl']]] as const)('%s %j shows its views', async (method, options) => {
  await run('pretrain', method, 'set.st', ...TINY, ...options, '--preview', 'views.st', '-f');
  const { tensors, meta } = await readArtifact(at('views.st'));
  expect(meta.classes).toEqual(['view1', 'view2']);
  const images = tensors.get('images')!;
  expect(images.shape).toEqual([64, 3, 16, 16]);
  const half = images.data.length / 2;
  expect(images.data.slice(0, half)).not.toEqual(images.data.slice(half));
});

test('options that do not fit are refused in one sentence', async () => {
  const refused = async (...options: string[]) => byo(['pretrain', 'byol', 'set.st', ...TINY, ...options], { cwd: folder });
  expectFailure(await refused('--no-stop-gradient'), 2, /--no-stop-gradient .*; give --target online and no --refine$/m);
  expectFailure(await refused('--refine', 'ccsl', '--theta-pos', '0.1'), 2, /--theta-neg 0\.2 has to be below --theta-pos 0\.1/);
  expectFailure(await refused('--predictor', 'newton'), 2, /--predictor takes one of mlp, linear, none, lrp/);
  expectFailure(await refused('--ns-iters', '30'), 2, /--ns-iters takes a whole number of at least 1 and at most 18/);
});
