import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseCrops } from '../../../src/commands/pretrain/crops.js';
import type { Pretraining } from '../../../src/commands/pretrain/method.js';
import { swav } from '../../../src/commands/pretrain/swav.js';
import type { NdArray } from '../../../src/core/array.js';
import { augment, declarePlan, IMAGENET_STATISTICS, normalize, SWAV_VIEW } from '../../../src/core/data/augment/index.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { concat, input, l2Normalize } from '../../../src/core/graph/index.js';
import { swavLoss } from '../../../src/core/losses/index.js';
import { encode, initialState, linear, mlp, stepProgram } from '../../../src/core/nn/index.js';
import { tarOf } from '../../core/data/tars.js';
import { byo, scratchFolder } from '../../support/cli.js';
import { feedsOf } from '../../support/byol.js';
import { relativeError } from '../../support/run.js';
import { numbersOf, runSteps, type Steps } from '../../support/steps.js';
import { expectFailure } from '../support.js';

type Options = Parameters<typeof swav.setup>[1];

const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, batch: 8, optimizer: 'sgd', lr: 2, steps: 6, warmupEpochs: 0, crops: ['2x16', '2x8'],
  head: [16, 8], prototypes: 10, freezePrototypes: 2,
};

/** A SwAV run on drawn images, from the method's own defaults. */
function small(options: Partial<Options> = {}): Pretraining {
  const defaults = Object.fromEntries(Object.entries(swav.options).map(([key, spec]) =>
    [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
  return swav.setup(synthImages({ count: 16, size: 16, classes: 2, seed: 1 }), { ...defaults, ...SMALL, ...options }, 3);
}

async function run(job: Pretraining, steps: number): Promise<Steps> {
  const feeds = [];
  for (let k = 0; k < steps; k++) feeds.push(await feedsOf(job, k));
  return runSteps(job.program, feeds, { seed: 3 });
}

const rows = ({ shape, data }: NdArray): number[][] =>
  Array.from({ length: shape[0]! }, (_, i) => [...(data as Float32Array).subarray(i * shape[1]!, (i + 1) * shape[1]!)]);
const PROTOTYPES = 'online.prototypes.weight';

describe('prototypes', () => {
  test.each(['sgd', 'larc', 'adam'] as const)('%s: frozen, they and their moments stay; after every update they have length 1', async (optimizer) => {
    const { states } = await run(small({ optimizer, lr: optimizer === 'adam' ? 0.1 : 2, weightDecay: 0.1 }), 4);
    const at = (k: number, name = PROTOTYPES) => numbersOf(states[k]!.get(name)!);
    expect(at(1)).toEqual(at(0));
    expect(at(2)).not.toEqual(at(1));
    expect(at(3)).not.toEqual(at(2));
    for (const state of states) for (const row of rows(state.get(PROTOTYPES)!)) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    const moments = [...states[0]!.keys()].filter((name) => name.startsWith('optimizer.') && name.endsWith(PROTOTYPES));
    expect(moments.length).toBeGreaterThan(0);
    for (const name of moments) {
      expect(at(1, name).every((v) => v === 0), name).toBe(true);
      expect(at(2, name).some((v) => v !== 0), name).toBe(true);
    }
    expect(at(1, 'online.encoder.block1.conv.weight')).not.toEqual(at(0, 'online.encoder.block1.conv.weight'));
  });

  test('where steps are accumulated, it is updates that count', async () => {
    const { states } = await run(small({ accumulate: 2, freezePrototypes: 1 }), 4);
    const [first, second, third, fourth] = states.map((state) => numbersOf(state.get(PROTOTYPES)!));
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toEqual(third);
  });
});

test('crops of one size together give the loss that crops one by one would give, without batch statistics', async () => {
  const job = small({ norm: 'none', headNorm: 'none', crops: ['2x16', '3x8'] });
  const feed = await feedsOf(job, 0);
  const { outputs } = await runSteps(job.program, [feed], { seed: 3 });
  const single = stepProgram('one by one', (root) => {
    const [images, online] = [input('images', [8, 3, 16, 16]), root.at('online')];
    const z = [16, 16, 8, 8, 8].map((size, v) => {
      const plan = declarePlan(`view${v + 1}`, SWAV_VIEW, { batch: 8, channels: 3, height: 16, width: 16, size });
      const view = normalize(augment(images, plan, SWAV_VIEW), IMAGENET_STATISTICS);
      const y = encode({ name: 'convnet3', width: 8, norm: 'none' }, online.at('encoder'), view);
      return l2Normalize(mlp(online.at('projector'), y, { sizes: [16, 8], norm: 'none' }));
    });
    const scores = linear(online.at('prototypes'), concat(z), 10, { bias: false });
    return { loss: swavLoss(scores, { crops: 5, temperature: 0.1, epsilon: 0.05, iterations: 3 }) };
  });
  const expected = await runSteps(single, [feed], { state: Object.fromEntries(initialState(job.program, 3)) });
  expect(relativeError(numbersOf(outputs[0]!.loss!), numbersOf(expected.outputs[0]!.loss!))).toBeLessThan(1e-5);
});

describe('the queue', () => {
  const queued = (options: Partial<Options> = {}) => small({ queue: 20, queueStart: 3, ...options });

  test('holds the embeddings of every assigned crop, the latest first', async () => {
    const { states } = await run(queued(), 3);
    const [before, after] = [states[1]!, states[2]!];
    for (const name of ['queue.0', 'queue.1']) {
      expect(rows(after.get(name)!).slice(8)).toEqual(rows(before.get(name)!).slice(0, 12));
      for (const row of rows(after.get(name)!)) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    }
    expect(rows(after.get('queue.0')!)[0]).not.toEqual(rows(after.get('queue.1')!)[0]);
  });

  test('takes part from its start on, and is no part of the model', async () => {
    const [without, late, early] = await Promise.all([small(), queued(), queued({ queueStart: 0 })].map((job) => run(job, 4)));
    const losses = ({ outputs }: Steps) => outputs.map(({ loss }) => numbersOf(loss!)[0]);
    expect(losses(late!).slice(0, 3)).toEqual(losses(without!).slice(0, 3));
    expect(losses(late!)[3]).not.toBe(losses(without!)[3]);
    expect(losses(early!)[0]).not.toBe(losses(without!)[0]);
    const kept = [...queued().model(late!.states[3]!).tensors.keys()];
    expect(kept).toEqual(expect.arrayContaining(['prototypes.weight', 'projector.0.weight', 'encoder.block1.conv.weight']));
    expect(kept.filter((name) => /queue|optimizer|online/.test(name))).toEqual([]);
  });
});

test('the learning rate is 0 at first, at its peak after the warm-up, and a thousandth of it at last', async () => {
  const job = small({ steps: 40, warmupSteps: 8, lr: 3.2 });
  const rate = async (step: number) => numbersOf((await job.feeds(step))!.lr!)[0]!;
  expect(await rate(0)).toBe(0);
  expect(await rate(8)).toBeCloseTo(0.1, 6);
  expect(await rate(39)).toBeLessThan(0.00035);
  expect(await rate(39)).toBeGreaterThan(0.0001);
});

describe('parseCrops', () => {
  test('numbers, sizes and areas', () => {
    expect(parseCrops(['2x160', '4x96'], ['0.14:1', '0.05:0.14'])).toEqual([
      { count: 2, size: 160, scale: [0.14, 1] }, { count: 4, size: 96, scale: [0.05, 0.14] },
    ]);
    expect(parseCrops(['2x32'], ['0.14:1', '0.05:0.14'])).toEqual([{ count: 2, size: 32, scale: [0.14, 1] }]);
  });

  test.each([
    [['2x32', '0x16'], ['0.1:1', '0.1:1'], /--crops takes numbers and sides of crops.*'0x16' was given/],
    [['2x3'], ['0.1:1'], /from 4 pixels on, such as 2x160,4x96, but '2x3' was given/],
    [['two'], ['0.1:1'], /'two' was given/],
    [['1x32'], ['0.1:1'], /--crops 1x32 is a single crop/],
    [['2x32', '4x16'], ['0.1:1'], /has crops of 2 sizes, but --crop-scales 0\.1:1 has ranges for 1/],
    [['2x32'], ['1:0.1'], /--crop-scales takes ranges of areas between 0 and 1.*'1:0\.1' was given/],
    [['2x32'], ['0:1'], /'0:1' was given/],
    [['2x32'], ['0.5'], /'0\.5' was given/],
  ])('%j with %j is an error', (crops, scales, message) => {
    expect(() => parseCrops(crops, scales)).toThrow(message);
  });
});

describe('through the shell', () => {
  const folder = scratchFolder();
  const at = (name: string): string => join(folder, name);
  const OPTIONS = ['--encoder', 'regnety', '--regnet', '16:8:2:3:8', '--batch', '8', '--optimizer', 'larc', '--crops', '2x16,2x8',
    '--head', '16,8', '--prototypes', '10', '--freeze-prototypes', '2', '--queue', '16', '--queue-start', '3', '--steps', '6',
    '--threads', '1', '-q'];
  const pretrain = async (...more: string[]) => byo(['pretrain', 'swav', 'set.st', ...OPTIONS, ...more], { cwd: folder });
  const digest = async (name: string) => (await readArtifact(at(name))).digest;

  beforeAll(async () => {
    await byo(['synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '-o', at('set.st')]);
    const { code, stderr } = await pretrain('-o', 'whole.st', '--log', 'whole.jsonl');
    expect(code, stderr).toBe(0);
  });

  test('cut short, run again and resumed, it gives the same bytes; so it does rematerialised', async () => {
    // The disk is full when the model is written: what stays is the checkpoint of the step before the last.
    const cut = await pretrain('-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001');
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    expect((await pretrain('-o', 'resumed.st', '--checkpoint', 'cut.ckpt', '--resume')).stderr).toBe('');
    expect((await pretrain('-o', 'remat.st', '--remat')).stderr).toBe('');
    expect([await digest('resumed.st'), await digest('remat.st')]).toEqual(Array(2).fill(await digest('whole.st')));
  });

  test('from a stream too', async () => {
    const { data } = synthImages({ count: 24, size: 16, classes: 2, seed: 2 }).images;
    const portable = Array.from({ length: 24 }, (_, image): readonly [string, Uint8Array] => {
      const pixels = Uint8Array.from({ length: 768 }, (_, i) => data[image * 768 + (i % 3) * 256 + Math.floor(i / 3)]!);
      return [`${image}.ppm`, Buffer.concat([Buffer.from('P6 16 16 255\n'), pixels])];
    });
    await writeFile(at('shard.tar'), await tarOf(portable));
    const stream = async (...more: string[]) =>
      byo(['pretrain', 'swav', 'shard.tar', '--stream', '--size', '16', '--shuffle-buffer', '12', ...OPTIONS, ...more], { cwd: folder });
    expect((await stream('-o', 'stream.st')).stderr).toBe('');
    expect((await stream('-o', '/dev/full', '--checkpoint', 'stream.ckpt', '--checkpoint-every', '0.0001')).code).toBe(1);
    expect((await stream('-o', 'stream2.st', '--checkpoint', 'stream.ckpt', '--resume')).stderr).toBe('');
    expect(await digest('stream2.st')).toBe(await digest('stream.st'));
    expect(await digest('stream.st')).not.toBe(await digest('whole.st'));
  });

  test('the log has the loss, the use of the prototypes and the spread of the features', async () => {
    const lines = (await readFile(at('whole.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
    expect(lines.map(({ prototypesMove }) => prototypesMove)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(lines.map(({ queueJoins }) => queueJoins)).toEqual([0, 0, 0, 1, 1, 1]);
    for (const { usageEntropy, featureStd, loss } of lines) {
      expect(usageEntropy).toBeGreaterThan(0);
      expect(usageEntropy).toBeLessThanOrEqual(1);
      expect(featureStd).toBeGreaterThan(0);
      expect(loss).toBeGreaterThan(0);
    }
  });

  test('its encoder embeds, and a preview shows every crop, small ones in a frame', async () => {
    await byo(['embed', '--model', 'whole.st', 'set.st', '-q', '-o', 'features.st'], { cwd: folder });
    expect((await readArtifact(at('features.st'))).tensors.get('features')!.shape).toEqual([40, 32]);
    const { code, stderr } = await pretrain('--preview', 'views.st');
    expect(code, stderr).toBe(0);
    const { tensors, meta } = await readArtifact(at('views.st'));
    expect(meta.classes).toEqual(['view1', 'view2', 'view3', 'view4']);
    const { shape, data } = tensors.get('images')!;
    expect(shape).toEqual([4 * 32, 3, 16, 16]);
    const frame = (image: number) => [...(data as Uint8Array).subarray(image * 768, image * 768 + 4 * 16)];
    expect(frame(0).some((v) => v > 0)).toBe(true);
    expect(frame(3 * 32)).toEqual(Array(64).fill(0));
  });

  test.each([
    [['--queue', '4'], /--queue 4 does not hold a batch of 8 images; give a longer one, or 0 for none/],
    [['--head', '16,0'], /--head takes whole numbers of units from 1, such as 2048,128, but 16,0 was given/],
    [['--regnet', '9gf'], /--regnet takes one of toy, 400mf/],
    [['--crops', '1x16'], /--crops 1x16 is a single crop/],
    [['--encoder', 'alexnet'], /--encoder alexnet keeps its maps, so crops of several sizes have features of several lengths; take one that pools/],
  ])('%j is refused in one sentence', async (options, message) => {
    const given = OPTIONS.filter((_, i) => !options.includes(OPTIONS[i]!) && !options.includes(OPTIONS[i - 1] ?? ''));
    expectFailure(await byo(['pretrain', 'swav', 'set.st', ...given, ...options, '-o', 'x.st'], { cwd: folder }), 2, message);
  });
});
