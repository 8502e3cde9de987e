import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { hybrid } from '../../../src/commands/pretrain/hybrid.js';
import type { Pretraining } from '../../../src/commands/pretrain/method.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { synthGalaxies } from '../../../src/core/data/synth/galaxies.js';
import type { ImageSet } from '../../../src/core/data/images.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { input } from '../../../src/core/graph/index.js';
import { concentrationHead } from '../../../src/core/nn/index.js';
import { logGamma } from '../../../src/core/stats/distributions.js';
import { feedsOf, smallByol } from '../../support/byol.js';
import { byo, scratchFolder } from '../../support/cli.js';
import { numbersOf, runOnce, runSteps, scalar } from '../../support/steps.js';
import { expectFailure, TINY } from '../support.js';

type Options = Parameters<typeof hybrid.setup>[1];

const galaxies = synthGalaxies({ count: 16, size: 16, seed: 1, unasked: 0.3, unlabelled: 0.4 });
const { votes } = galaxies;
const withoutVotes: ImageSet = { ...galaxies, votes: undefined };
const answers = votes!.counts.shape[1]!;

const defaults = Object.fromEntries(Object.entries(hybrid.options).map(([key, spec]) =>
  [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, norm: 'group', headNorm: 'group', groups: 4, batch: 8, optimizer: 'sgd', lr: 2, weightDecay: 0,
  projHidden: 16, projOut: 8, predHidden: 16, steps: 4, warmupEpochs: 0,
};
const small = (options: Partial<Options> = {}, set: ImageSet = galaxies): Pretraining =>
  hybrid.setup(set, { ...defaults, ...SMALL, ...options }, 3);

const STEPS = [0, 1, 2, 3];
type Feed = Record<string, NdArray>;
const run = async (job: Pretraining, change: (feed: Feed) => Feed = (feed) => feed, state = {}) => {
  const feeds = await Promise.all(STEPS.map(async (k) => change(await job.feeds(k) as Feed)));
  return runSteps(job.program, feeds, { seed: 3, state });
};
const encoderOf = (state: Map<string, NdArray>) => [...state].filter(([name]) => /^(online|target)\.encoder\./.test(name));
const outputsOf = ({ outputs }: Awaited<ReturnType<typeof run>>) =>
  outputs.map((report) => Object.fromEntries(Object.entries(report).map(([name, value]) => [name, numbersOf(value)[0]!])));

describe('with a weight of 0', () => {
  test("the encoder is that of byo pretrain byol, bit for bit: half its loss at twice its rate, on the same views", async () => {
    const base = smallByol({ augmentation: 'simsiam', weightDecay: 0, tauSchedule: 'constant', predHidden: 16 });
    const job = small({ supWeight: 0, byolLoss: '2-2cos', augmentation: 'gz2' }, withoutVotes);
    const upright = { 'view1.transpose': float32([8, 1, 1, 1]), 'view2.transpose': float32([8, 1, 1, 1]) };
    const feeds = await Promise.all(STEPS.map((k) => feedsOf(base, k)));
    const byol = await runSteps(base.program, feeds, { seed: 3 });
    const halved = await runSteps(job.program, feeds.map((feed) =>
      ({ ...feed, ...upright, lr: scalar(2 * numbersOf(feed.lr!)[0]!) })), { seed: 3 });
    expect(encoderOf(halved.states.at(-1)!)).toEqual(encoderOf(byol.states.at(-1)!));
    expect(encoderOf(byol.states.at(-1)!)).not.toEqual(encoderOf(byol.states[0]!));
  });

  test('votes do not matter, and need not be there', async () => {
    const [given, none] = await Promise.all([run(small({ supWeight: 0 })), run(small({ supWeight: 0 }, withoutVotes))]);
    expect(given.states.at(-1)).toEqual(none.states.at(-1));
    expect([...given.states[0]!.keys()].filter((name) => name.includes('head'))).toEqual([]);
  });
});

describe('the loss of the votes', () => {
  /** -log p of votes k where all concentrations are 51. */
  const nll = (k: readonly number[]): number => {
    const [n, a] = [k.reduce((x, y) => x + y, 0), 51 * k.length];
    return -(logGamma(n + 1) + logGamma(a) - logGamma(n + a)
      + k.reduce((sum, ki) => sum + logGamma(ki + 51) - logGamma(51) - logGamma(ki + 1), 0));
  };
  const rowLoss = (row: readonly number[]): number =>
    votes!.questions.reduce((sum, { start, end }) => sum + nll(row.slice(start, end + 1)), 0);
  const blank = { 'online.head.weight': float32([answers, 32]), 'online.head.bias': float32([answers]) };

  test('is R sum / (n_lab n_answers) of the votes that were fed', async () => {
    const job = small();
    const fed = numbersOf((await job.feeds(0))!.votes!);
    const rows = Array.from({ length: 8 }, (_, i) => fed.slice(i * answers, (i + 1) * answers));
    const labelled = rows.filter((row) => row.some((n) => n > 0));
    expect(labelled.length).toBeGreaterThan(2);
    expect(labelled.length).toBeLessThan(8);
    const total = labelled.reduce((sum, row) => sum + rowLoss(row), 0);
    const [first] = outputsOf(await run(job, undefined, blank));
    expect(first!.supervisedLoss! / ((8 / labelled.length) * total / (labelled.length * answers))).toBeCloseTo(1, 5);
  });

  test('is scaled to the contrastive one, however large it is', async () => {
    for (const supWeight of [1, 3]) {
      for (const { loss, contrastiveLoss, supervisedLoss, effectiveWeight } of outputsOf(await run(small({ supWeight })))) {
        expect(effectiveWeight! * supervisedLoss!).toBeCloseTo(supWeight * Math.abs(contrastiveLoss!), 6);
        expect(loss).toBeCloseTo(contrastiveLoss! + supWeight * Math.abs(contrastiveLoss!), 6);
      }
    }
    const [plain] = outputsOf(await run(small({ supNormalise: 'none', supWeight: 0.5 })));
    expect(plain!.loss).toBeCloseTo(plain!.contrastiveLoss! + 0.5 * plain!.supervisedLoss!, 5);
    expect(plain!.effectiveWeight).toBe(0.5);
  });

  test('is 0 in a batch without votes, which then learns from images alone', async () => {
    const silent = (feed: Feed) => ({ ...feed, votes: float32([8, answers]) });
    const [quiet, none] = await Promise.all([run(small(), silent), run(small({ supWeight: 0 }))]);
    for (const { loss, contrastiveLoss, supervisedLoss, effectiveWeight } of outputsOf(quiet)) {
      expect([supervisedLoss, effectiveWeight, loss]).toEqual([0, 0, contrastiveLoss]);
    }
    expect(encoderOf(quiet.states.at(-1)!)).toEqual(encoderOf(none.states.at(-1)!));
  });

  test('above 100000 it is all there is: no second view, projector or target', async () => {
    const job = small({ supWeight: 1e6, lr: 0.5 });
    const result = await run(job);
    expect([...result.states[0]!.keys()].filter((name) => /target|projector|predictor/.test(name))).toEqual([]);
    expect(Object.keys((await job.feeds(0))!).filter((name) => name.startsWith('view2'))).toEqual([]);
    for (const { loss, supervisedLoss } of outputsOf(result)) expect(loss).toBe(supervisedLoss);
  });

  test('falls as it is learnt', async () => {
    const job = small({ supWeight: 1e6, optimizer: 'adam', lr: 0.3, supLoss: 'dirichlet', headDropout: 0, batch: 16, steps: 40 });
    const feed = await job.feeds(0) as Feed;
    const { outputs } = await runSteps(job.program, Array.from({ length: 40 }, () => feed), { seed: 3 });
    const losses = outputs.map((report) => numbersOf(report.supervisedLoss!)[0]!);
    expect(losses.at(-1)!).toBeLessThan(0.75 * losses[0]!);
  });
});

test('concentrations lie between their bounds', async () => {
  const head = async (bias: number) => {
    const { outputs } = await runOnce((s) => ({
      y: concentrationHead(s, input('x', [1, 2]), { answers: 1, low: 1, high: 101, dropout: 0.2 }),
    }), { feed: { x: float32([1, 2], [5, 7]) }, state: { weight: float32([1, 2]), bias: float32([1], [bias]) } });
    return numbersOf(outputs.y!)[0];
  };
  expect([await head(0), await head(-200), await head(200)]).toEqual([51, 1, 101]);
});

describe('byo pretrain hybrid', () => {
  const folder = scratchFolder();
  const at = (name: string): string => join(folder, name);
  const options = [...TINY, '--steps', '6', '--lr', '0.3', '-q'];
  const pretrain = (...more: string[]) => byo(['pretrain', 'hybrid', 'set.st', ...options, ...more], { cwd: folder });

  beforeAll(async () => {
    const drawn = await byo(['synth', 'galaxies', '--count', '40', '--size', '16', '-o', 'set.st'], { cwd: folder });
    expect(drawn.stderr).toBe('');
  });

  test('cut short, run again and resumed, it gives the same bytes', async () => {
    const whole = await pretrain('-o', 'whole.st', '--log', 'whole.jsonl');
    expect(whole.code, whole.stderr).toBe(0);
    const cut = await pretrain('-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001');
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    await pretrain('-o', 'resumed.st', '--checkpoint', 'cut.ckpt', '--resume');
    expect(await readFile(at('resumed.st'))).toEqual(await readFile(at('whole.st')));
  });

  test('the model has the head and its questions, the log both losses, and the encoder is one like any other', async () => {
    const { tensors, meta } = await readArtifact(at('whole.st'));
    expect(tensors.get('head.weight')!.shape).toEqual([answers, 32]);
    expect(meta).toMatchObject({ method: 'hybrid', votes: { questions: votes!.questions, concentrations: [1, 101], dropout: 0.2 } });
    const line = JSON.parse((await readFile(at('whole.jsonl'), 'utf8')).trim().split('\n').at(-1)!);
    for (const name of ['contrastiveLoss', 'supervisedLoss', 'effectiveWeight', 'featureStd', 'tau']) expect(line[name], name).toBeTypeOf('number');
    expect((await byo(['embed', '--model', 'whole.st', 'set.st', '-q', '-o', 'features.st'], { cwd: folder })).code).toBe(0);
    expect((await readArtifact(at('features.st'))).tensors.get('features')!.shape).toEqual([40, 32]);
  });

  test('views can be looked at', async () => {
    expect((await pretrain('--preview', 'views.st')).code).toBe(0);
    expect((await readArtifact(at('views.st'))).meta.classes).toEqual(['view1', 'view2']);
  });

  test('mistakes are one sentence', async () => {
    await byo(['synth', 'images', '--count', '20', '--size', '16', '--classes', '2', '-o', 'shapes.st'], { cwd: folder });
    await byo(['synth', 'galaxies', '--count', '20', '--size', '16', '--unlabelled', '1', '-o', 'silent.st'], { cwd: folder });
    const on = (data: string, ...more: string[]) => byo(['pretrain', 'hybrid', data, ...options, ...more], { cwd: folder });
    expectFailure(await on('shapes.st'), 3, 'byo pretrain hybrid learns from votes, which the data set has none of; byo convert --votes adds them');
    expectFailure(await on('silent.st'), 3, 'nobody voted on any image to learn from; --sup-weight 0 learns from the images alone');
    expect((await on('shapes.st', '--sup-weight', '0', '-o', 'shapes-model.st')).code).toBe(0);
    expectFailure(await on('set.st', '--conc-range', '101,1'), 2, "--conc-range takes two ascending numbers above 0, such as 1,101, but '101,1' was given");
  });
});
