import { beforeAll, describe, expect, test } from 'vitest';
import { byolAStep } from '../../../src/commands/pretrain/byol-a.js';
import type { NdArray } from '../../../src/core/array.js';
import type { SoundSet } from '../../../src/core/data/sound/set.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { input } from '../../../src/core/graph/index.js';
import { drawInputs, stepProgram } from '../../../src/core/nn/index.js';
import { byo, shell } from '../../support/cli.js';
import { drawnWords, golden, smallByolA } from '../../support/byol-a.js';
import { toArray } from '../../support/golden.js';
import { relativeError } from '../../support/run.js';
import { numbersOf, runSteps, scalar } from '../../support/steps.js';
import { expectFailure, workplace } from '../support.js';

describe('byolAStep', () => {
  for (const { encoder, channels, dim, hidden, out, lr, views, state, loss, grads, after } of golden.steps) {
    test(`a step with an ${encoder} is PyTorch's: loss, gradients, weights and running statistics`, async () => {
      const shape = views[0]!.shape;
      const program = stepProgram('test', (root) => byolAStep(
        root, [input('view1', shape), input('view2', shape)], { name: encoder, channels, dim, dropout: 0 },
        { projHidden: hidden, predHidden: hidden, projOut: out, tau: 0.9, lr: input('lr', []) }));
      const feed = { view1: toArray(views[0]!), view2: toArray(views[1]!), lr: scalar(lr) };
      const given = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, toArray(value)]));
      const { outputs, states } = await runSteps(program, [feed], { state: given });
      expect(numbersOf(outputs[0]!.loss!)[0]! / loss).toBeCloseTo(1, 5);
      for (const [name, { data }] of Object.entries(grads)) {
        // Adam's first moment after a step.
        const found = numbersOf(states[0]!.get(`optimizer.exp_avg.online.${name}`)!).map((value) => 10 * value);
        // The gradient of a bias before a batch norm is 0 but for rounding.
        if (Math.max(...data.map(Math.abs)) < 1e-9) expect(Math.max(...found.map(Math.abs)), name).toBeLessThan(3e-5);
        else expect(relativeError(found, data), name).toBeLessThan(1e-4);
      }
      expect(Object.keys(after)).toHaveLength(6);
      for (const [name, { data }] of Object.entries(after)) {
        expect(relativeError(numbersOf(states[0]!.get(name)!), data), name).toBeLessThan(1e-5);
      }
    });
  }
});

/** Outputs and states of the first steps of a small run. */
async function run(options: Parameters<typeof smallByolA>[0] = {}, steps = 2) {
  const job = smallByolA({ steps: Math.max(4, steps), ...options });
  const feeds = await Promise.all(Array.from({ length: steps }, async (_, k) =>
    ({ ...await job.feeds(k), ...drawInputs(job.program, 3, k) }) as Record<string, NdArray>));
  const { outputs, states } = await runSteps(job.program, feeds, { seed: 3 });
  return { job, feeds, states, loss: outputs.map((output) => numbersOf(output.loss!)[0]!), outputs };
}

describe('byol-a', () => {
  test('the loss starts near 4 and falls without collapse', async () => {
    const { loss, outputs } = await run({ channels: 4, dim: 16, lr: 5e-3 }, 40);
    expect(Math.abs(loss[0]! - 4)).toBeLessThan(1.5);
    expect(loss.slice(-5).reduce((a, b) => a + b, 0) / 5).toBeLessThan(0.75 * loss[0]!);
    expect(numbersOf(outputs.at(-1)!.featureStd!)[0]).toBeGreaterThan(0.1);
  });

  test('the memory holds the last inputs, normalised and unmixed; the model does not keep it', async () => {
    const { job, feeds, states } = await run({ memory: 20 }, 3);
    const { mean, std } = job.model(states[2]!).meta.input as { mean: number; std: number };
    const kept = states[2]!.get('memory.inputs')!;
    expect(kept.shape).toEqual([16, 1, 16, 17]);
    const expected = [1, 2].flatMap((k) => numbersOf(feeds[k]!.sounds!)).map((value) => (value - mean) / std);
    expect(relativeError(numbersOf(kept), expected)).toBeLessThan(1e-5);
    expect([...job.model(states[2]!).tensors.keys()].filter((name) => /^(memory|optimizer)/.test(name))).toEqual([]);
  });

  test('mean and deviation of the data follow their level', async () => {
    const loud = drawnWords();
    const data = loud.samples.data.map((value: number) => value / 2) as Int16Array;
    const statistics = (set: SoundSet) =>
      smallByolA({ seconds: 0.3 }, 3, set).model(new Map()).meta.input as { mean: number; std: number };
    const [a, b] = [statistics({ ...loud, samples: { ...loud.samples, data } }), statistics(loud)];
    // Silence stays what it is.
    expect(b.mean - a.mean).toBeGreaterThan(0.7 * Math.log(4));
    expect(b.mean - a.mean).toBeLessThan(Math.log(4));
    expect(Math.abs(b.std / a.std - 1)).toBeLessThan(0.2);
  });

  test.each([
    ['mixup', { mixup: false }, ['view1.share', 'view2.other']], ['rrc', { rrc: false }, ['view1.rows', 'view2.columns']],
    ['fader', { fader: false }, ['view1.fader']], ['fader by its gain', { faderGain: 0 }, ['view2.fader']],
  ] as const)('without %s nothing of it is drawn', async (_, options, names) => {
    const [all, without] = [smallByolA(), smallByolA(options)]
      .map(({ program }) => program.inputs.map(({ attrs }) => attrs.name as string));
    for (const name of names) expect([all!.includes(name), without!.includes(name)]).toEqual([true, false]);
  });

  test('without all augmentation both views are one, and the loss falls to nothing fast', async () => {
    const plain = { mixup: false, rrc: false, fader: false, dropout: 0 } as const;
    const { loss } = await run({ ...plain, lr: 1e-2 }, 30);
    expect(loss.at(-1)!).toBeLessThan(0.15 * loss[0]!);
    const { meta } = smallByolA({ ...plain, prenorm: false }).model(new Map());
    expect(meta.input).toMatchObject({ normalized: false, mean: 0, std: 1 });
    const [normalised, raw] = [await run(plain, 1), await run({ ...plain, postnorm: false }, 1)];
    expect(normalised.loss[0]).not.toBe(raw.loss[0]);
  });

  test('the target averages parameters only, with a constant decay', async () => {
    const { states } = await run({ tau: 0.5 }, 1);
    const start = await run({ tau: 1 }, 1);
    const of = (all: typeof states, name: string) => numbersOf(all[0]!.get(name)!);
    const name = 'encoder.fc.0.weight';
    const [theta, xi, first] = [of(states, `online.${name}`), of(states, `target.${name}`), of(start.states, `target.${name}`)];
    xi.forEach((value, i) => expect(value).toBeCloseTo(0.5 * first[i]! + 0.5 * theta[i]!, 6));
    // Its running statistics are its own: those of its own two passes over the views, not an average.
    expect(of(states, 'target.encoder.features.1.running_var')).toEqual(of(start.states, 'target.encoder.features.1.running_var'));
  });

  test.each([
    [{ rrcFreq: [1.5, 0.6] }, '--rrc-freq takes two numbers'], [{ canvas: [0.5, 1] }, '--canvas takes two numbers'],
    [{ fmax: 3000 }, '--fmax 3000 is more than sounds of 4000 Hz have'],
    [{ mels: 150, window: 32 }, 'holds none of the frequencies'], [{ batch: 50 }, 'a batch of 50 is larger than the data set of 24'],
    [{ seconds: 0.02 }, 'segments of 80 samples are too short'], [{ hop: 500 }, 'takes spectrograms of 8x8 or more'],
  ])('%j is refused', (options, message) => {
    expect(() => smallByolA(options)).toThrow(message);
  });
});

describe('--augment voice', () => {
  const VOICE = { augment: 'voice', tempo: [0.8, 1.25], mixupAlpha: 0.3 } as const;

  test('both views have spectrograms and noise of their own; both are remembered', async () => {
    const { job, feeds, states } = await run({ ...VOICE, memory: 20 }, 3);
    const of = (name: string, k = 2) => numbersOf(feeds[k]![name]!);
    expect(of('view1')).not.toEqual(of('view2'));
    expect(job.program.draws.map(({ name }) => name)).toEqual(expect.arrayContaining(['view1 noise', 'view2 noise']));
    const { mean, std } = job.model(states[2]!).meta.input as { mean: number; std: number };
    const remembered = [1, 2].flatMap((k) => [...of('view1', k), ...of('view2', k)]).map((value) => (value - mean) / std);
    expect(relativeError(numbersOf(states[2]!.get('memory.inputs')!), remembered)).toBeLessThan(1e-5);
  });

  test('changes nothing with a probability of 0, and views are the same segment then', async () => {
    const [never, plain] = [smallByolA({ ...VOICE, augP: 0 }), smallByolA()];
    const [a, b] = [await never.feeds(1), await plain.feeds(1)];
    expect(a!.view1).toEqual(a!.view2);
    expect(a!.view1).toEqual(b!.sounds);
    const { program } = smallByolA({ ...VOICE, gauss: 0 });
    expect(program.draws.some(({ name }) => name.endsWith('noise'))).toBe(false);
  });

  test.each([[{ pitch: [3, -3] }, '--pitch takes two numbers'], [{ tempo: [0, 1] }, '--tempo takes two numbers, the smaller one first and above 0'],
    [{ snr: [5] }, '--snr takes two numbers']])('%j is refused', (options, message) => {
    expect(() => smallByolA({ ...VOICE, ...options })).toThrow(message);
  });
});

describe('byo pretrain byol-a', () => {
  const { folder, at, run: runs } = workplace();
  const SMALL = ['--preset', 'tiny', '--channels', '2', '--dim', '8', '--mels', '16', '--proj-hidden', '8', '--pred-hidden', '8',
    '--batch', '16', '--steps', '6', '--memory', '40', '--threads', '1', '-q'];
  const fails = async (exitCode: number, message: RegExp | string, ...args: string[]) =>
    expectFailure(await byo(args, { cwd: folder }), exitCode, message);

  beforeAll(async () => {
    await runs('synth', 'sounds', '--count', '60', '--rate', '8000', '--classes', '3', '--speakers', '2', '-o', 'words.st');
    await runs('pretrain', 'byol-a', 'words.st', ...SMALL, '-o', 'whole.st');
  });

  test('cut short, run again and resumed, it gives the same bytes; the memory is part of the checkpoint', async () => {
    const cut = await byo(['pretrain', 'byol-a', 'words.st', ...SMALL, '-o', '/dev/full',
      '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    const { meta, tensors } = await readArtifact(at('cut.ckpt'));
    expect([meta.step, tensors.get('memory.inputs')!.shape]).toEqual([5, [32, 1, 16, 48]]);
    await runs('pretrain', 'byol-a', 'words.st', ...SMALL, '-o', 'resumed.st', '--checkpoint', 'cut.ckpt', '--resume');
    expect((await readArtifact(at('resumed.st'))).digest).toBe((await readArtifact(at('whole.st'))).digest);
  });

  test('a pipeline: sounds, model, features of both networks, frames, probes of words and of speakers', async () => {
    const { code, stdout, stderr } = await shell(
      'byo embed --model whole.st words.st -q | tee features.st | byo probe knn -q --labels speaker --json', { cwd: folder });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ n: { test: 12 }, baselines: { chance: 0.5 } });
    const { tensors, meta } = await readArtifact(at('features.st'));
    expect(tensors.get('features')!.shape).toEqual([60, 8]);
    expect([...tensors.keys()].sort()).toEqual(['features', 'labels', 'speaker', 'split']);
    expect(meta.columns).toEqual({ speaker: ['speaker1', 'speaker2'] });
    await runs('embed', '--model', 'whole.st', '--target', 'words.st', '-q', '-o', 'target.st');
    expect((await readArtifact(at('target.st'))).tensors.get('features')).not.toEqual(tensors.get('features'));
    await runs('embed', '--model', 'whole.st', '--frames', 'words.st', '-q', '-o', 'frames.st');
    const frames = (await readArtifact(at('frames.st'))).tensors;
    const [sound, frame, labels] = ['sound', 'frame', 'labels'].map((name) => [...frames.get(name)!.data as Int32Array]);
    expect(frames.get('features')!.shape).toEqual([sound!.length, 8]);
    const words = (await readArtifact(at('words.st'))).tensors.get('labels')!.data;
    sound!.forEach((i, row) => expect([labels![row], frame![row]! < 12]).toEqual([words[i], true]));
    await runs('embed', '--model', 'whole.st', '--untrained', 'words.st', '-q', '-o', 'untrained.st');
    const line = 'byo probe linear words.st --model whole.st --json --quiet --threads 1';
    expect(JSON.parse((await shell(line, { cwd: folder })).stdout).n.test).toBe(12);
  });

  test('--preview shows both views as images', async () => {
    await runs('pretrain', 'byol-a', 'words.st', ...SMALL, '--preview', 'views.st');
    const { tensors, meta } = await readArtifact(at('views.st'));
    expect([meta.classes, tensors.get('images')!.shape]).toEqual([['view1', 'view2'], [32, 1, 16, 48]]);
    const data = tensors.get('images')!.data as Uint8Array;
    expect(data.subarray(0, 16 * 16 * 48)).not.toEqual(data.subarray(16 * 16 * 48));
  });

  test('--noise-set is an input of the recipe; backgrounds of another rate are refused', async () => {
    await runs('synth', 'sounds', '--kind', 'events', '--count', '10', '--rate', '8000', '-o', 'events.st');
    await runs('pretrain', 'byol-a', 'words.st', ...SMALL, '--augment', 'voice', '--noise-set', 'events.st', '-o', 'voice.st');
    const { recipe } = await readArtifact(at('voice.st'));
    expect(recipe!.inputs.map(({ role, name }) => [role, name])).toEqual([['data', 'words.st'], ['noiseSet', 'events.st']]);
    await runs('replay', 'voice.st', '--check', '--threads', '1');
    await runs('synth', 'sounds', '--count', '20', '--rate', '16000', '-o', 'other.st');
    await fails(3, 'other.st has sounds of 16000 Hz, but those to learn from have 8000', 'pretrain', 'byol-a', 'words.st', '--augment', 'voice',
      '--noise-set', 'other.st', '-o', 'x.st');
    await fails(2, '--snr is for --augment voice; give that with it', 'pretrain', 'byol-a', 'words.st', '--snr', '5,10', '-o', 'x.st');
  });

  test('mistakes', async () => {
    await runs('synth', 'images', '--count', '20', '--size', '16', '-o', 'images.st');
    await runs('pretrain', 'byol', 'images.st', '--preset', 'tiny', '--width', '4', '--batch', '8', '--steps', '1', '-q', '-o', 'image-model.st');
    await fails(3, 'trained on sounds of 8000 Hz, but these have 16000; byo convert --rate 8000 makes them fit', 'embed', '--model', 'whole.st', 'other.st', '-o', 'x.st');
    await fails(3, "images.st has no tensor 'samples' (it holds image data)", 'embed', '--model', 'whole.st', 'images.st', '-o', 'x.st');
    await fails(3, "words.st has no tensor 'images' (it holds sound data)", 'embed', '--model', 'image-model.st', 'words.st', '-o', 'x.st');
    await fails(2, '--frames is for sounds, but image-model.st is an encoder of images', 'embed', '--model', 'image-model.st', '--frames', 'images.st', '-o', 'x.st');
    await fails(3, /whole\.st holds a model without an image encoder/, 'export', 'whole.st', '-o', 'x.onnx');
    await fails(3, "images.st has no tensor 'samples' (it holds image data)", 'pretrain', 'byol-a', 'images.st', '-o', 'x.st');
    await fails(2, 'one data set is learnt from, but 2 files were given', 'pretrain', 'byol-a', 'words.st', 'other.st', '-o', 'x.st');
  });
});
