import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { datasetArtifact } from '../../src/core/data/dataset.js';
import { synthImages } from '../../src/core/data/synth/images.js';
import { readArtifact, writeArtifact, type Artifact } from '../../src/core/files/artifact.js';
import { byo } from '../support/cli.js';
import { numbersOf } from '../support/steps.js';
import { expectFailure, filesIn, workplace } from './support.js';

const { folder, at, run } = workplace();
/** Checks that the command is refused, and writes nothing. */
const refused = async (args: readonly string[], code: number, message: string): Promise<void> => {
  expectFailure(await byo([...args, '-o', 'refused.st'], { cwd: folder }), code, message);
  expect(await filesIn(folder)).not.toContain('refused.st');
};
const tensor = async (file: string, name: string) => (await readArtifact(at(file))).tensors.get(name)!;
const lines = async (file: string): Promise<Record<string, number>[]> =>
  (await readFile(at(file), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, number>);

const UNET = ['--channels', '8', '--multipliers', '1,2', '--blocks', '1', '--batch', '8', '--threads', '1', '-q'];
const pixels = ({ tensors }: Pick<Artifact, 'tensors'>): number[] => Array.from(tensors.get('images')!.data as Uint8Array);
const CAPTIONS = ['a red disc', 'a small blue ring', 'Red, red square!'];

beforeAll(async () => {
  await run('synth', 'density', '--count', '2000', '-o', 'ring.st');
  await run('pretrain', 'diffusion', 'ring.st', '--hidden', '64', '--batch', '128', '--steps', '2000', '--threads', '1', '-q',
    '--lr', '3e-3', '--lr-schedule', 'cosine', '--log', 'points.jsonl', '-o', 'points.st');
  await run('synth', 'images', '--count', '40', '--size', '8', '--classes', '2', '-o', 'shapes.st');
  await run('pretrain', 'diffusion', 'shapes.st', ...UNET, '--condition', 'class', '--steps', '4', '--flip', '-o', 'shapes-model.st');
  const set = synthImages({ count: 12, size: 8, classes: 2, seed: 0 });
  const captions = Array.from({ length: 12 }, (_, i) => CAPTIONS[i % CAPTIONS.length]!);
  await writeArtifact(at('captioned.st'), datasetArtifact({ ...set, captions }));
  await run('pretrain', 'diffusion', 'captioned.st', ...UNET, '--condition', 'text', '--text-width', '8', '--steps', '2', '-o', 'words.st');
});

describe('a diffusion model of points', () => {
  /** Root mean square distance to the nearest of eight points on a circle of radius 2. */
  const spread = (points: readonly number[]): number => {
    let total = 0;
    for (let i = 0; i < points.length; i += 2) {
      total += Math.min(...[...Array(8).keys()].map((k) =>
        (points[i]! - 2 * Math.cos((k * Math.PI) / 4)) ** 2 + (points[i + 1]! - 2 * Math.sin((k * Math.PI) / 4)) ** 2));
    }
    return Math.sqrt((2 * total) / points.length);
  };

  test('learns where the points are', async () => {
    await run('sample', 'points.st', '--steps', '20', '--count', '400', '--batch', '400', '-q', '-o', 'drawn.st');
    const drawn = numbersOf(await tensor('drawn.st', 'points'));
    // The ring's own spread is 0.15 sqrt 2 = 0.21; noise is 1.3 off.
    expect(spread(drawn)).toBeLessThan(0.45);
    const [first, last] = [await lines('points.jsonl')].flatMap((log) => [log[0]!, log.at(-1)!]);
    // Half of the velocity is noise that nobody could know.
    expect(last!.loss!).toBeLessThan(0.75 * first!.loss!);
  });

  test('draws the same example from the same noise, whatever the batch and close by whatever the sampler', async () => {
    const draw = async (name: string, ...more: string[]) => {
      await run('sample', 'points.st', '--count', '40', '-q', '-o', name, ...more);
      return numbersOf(await tensor(name, 'points'));
    };
    const [all, parts, heun, other] = [await draw('a.st', '--batch', '40'), await draw('b.st', '--batch', '7'),
      await draw('c.st', '--sampler', 'heun', '--steps', '30'), await draw('d.st', '--seed', '1')];
    const apart = (b: readonly number[]) => Math.sqrt(all.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0) / all.length);
    expect(apart(parts)).toBeLessThan(1e-5);
    expect(apart(heun)).toBeLessThan(0.2);
    expect(apart(other)).toBeGreaterThan(0.5);
  });

  test('is made again byte for byte, and so is what it draws', async () => {
    for (const file of ['points.st', 'drawn.st']) {
      const { code, stderr } = await byo(['replay', file, '--check', '--inputs', '.', '--threads', '1', '-q'], { cwd: folder });
      expect(code, stderr).toBe(0);
    }
  });
});

describe('a diffusion model of images', () => {
  test('draws the classes that it is asked for, in turn', async () => {
    const { stderr } = await run('sample', 'shapes-model.st', '--class', 'all', '--guidance', '2', '--steps', '3', '--count', '5',
      '-o', 'asked.st');
    expect(stderr).toContain('5 drawn, 6 calls of the network each');
    const images = await tensor('asked.st', 'images');
    expect([images.dtype, ...images.shape]).toEqual(['uint8', 5, 3, 8, 8]);
    expect(numbersOf(await tensor('asked.st', 'labels'))).toEqual([0, 1, 0, 1, 0]);
  });

  test('guidance of strength 1 is no guidance, and conditions matter', async () => {
    const draw = async (name: string, ...more: string[]) => {
      await run('sample', 'shapes-model.st', '--steps', '2', '--count', '4', '-q', '-o', name, ...more);
      return pixels(await readArtifact(at(name)));
    };
    const [plain, one] = [await draw('p.st', '--class', 'disc'), await draw('o.st', '--class', 'disc', '--guidance', '1')];
    expect(one).toEqual(plain);
  });

  test('keeps estimates along the way', async () => {
    await run('sample', 'shapes-model.st', '--frames', '3', '--steps', '5', '--count', '2', '-q', '-o', 'frames.st');
    const { tensors, meta } = await readArtifact(at('frames.st'));
    expect(tensors.get('images')!.shape).toEqual([8, 3, 8, 8]);
    expect(meta.classes).toEqual(['t = 0.98', 't = 0.588', 't = 0.196', 'drawn']);
    // What the last step estimates is what is drawn.
    await run('sample', 'shapes-model.st', '--steps', '5', '--count', '2', '-q', '-o', 'whole.st');
    expect(pixels({ tensors }).slice(-2 * 192)).toEqual(pixels(await readArtifact(at('whole.st'))));
  });

  test('of captions is asked in words, whatever their case', async () => {
    const draw = async (name: string, prompt: string) => {
      await run('sample', 'words.st', '--prompt', prompt, '--steps', '2', '--count', '2', '-q', '-o', name);
      return pixels(await readArtifact(at(name)));
    };
    expect(await draw('x.st', 'a red disc')).toEqual(await draw('y.st', 'A RED disc.'));
    await refused(['sample', 'words.st', '--prompt', 'a green disc'], 2, "the word 'green' was in no caption");
    await refused(['sample', 'words.st', '--prompt', 'a a a a a'], 2, 'at most 4');
  });
});

describe('distill boot', () => {
  const student = ['--threads', '1', '-q'];

  test('starts on the boundary, learns, and has read nothing but its teacher', async () => {
    await run('distill', 'boot', 'points.st', ...student, '--batch', '256', '--steps', '400', '--log', 'boot.jsonl', '-o', 'student.st');
    const log = await lines('boot.jsonl');
    expect(log[0]!.boundary).toBe(0);
    const mean = (part: Record<string, number>[]) => part.reduce((sum, line) => sum + line.bootstrap!, 0) / part.length;
    expect(mean(log.slice(-50))).toBeLessThan(0.7 * mean(log.slice(0, 10)));
    const { recipe, meta } = await readArtifact(at('student.st'));
    expect(recipe!.inputs.map(({ role }) => role)).toEqual(['teacher']);
    expect(meta).toMatchObject({ method: 'boot', student: { tMax: 0.98, tMin: 0, timeCondition: 'added' } });
    const { stdout } = await run('distill', 'boot', '--help');
    expect(stdout).not.toMatch(/--data\b|\[data\]/);
  });

  test('draws in one step, nearer to its teacher than one step of the teacher', async () => {
    const draw = async (name: string, ...args: string[]) => {
      await run('sample', ...args, '--count', '300', '--batch', '300', '-q', '-o', name);
      return numbersOf(await tensor(name, 'points'));
    };
    const teacher = await draw('t.st', 'points.st', '--steps', '100');
    const once = await draw('t1.st', 'points.st', '--steps', '1');
    const drawn = await draw('s.st', 'student.st');
    const apart = (b: readonly number[]) => Math.sqrt(teacher.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0) / teacher.length);
    expect(apart(drawn)).toBeLessThan(0.5 * apart(once));
  });

  test('shows as many of its answers along the way as are asked for', async () => {
    await run('sample', 'student.st', '--frames', '4', '--count', '3', '-q', '-o', 'answers.st');
    const { tensors, meta } = await readArtifact(at('answers.st'));
    expect(meta.classes).toEqual(['t = 0.98', 't = 0.735', 't = 0.49', 't = 0.245', 'drawn']);
    expect(tensors.get('points')!.shape).toEqual([15, 2]);
    await run('sample', 'student.st', '--count', '3', '-q', '-o', 'plainly.st');
    expect(numbersOf(tensors.get('points')!).slice(-6)).toEqual(numbersOf(await tensor('plainly.st', 'points')));
  });

  test('is made again byte for byte, and resumes', async () => {
    const words = ['distill', 'boot', 'points.st', ...student, '--batch', '32', '--steps', '6', '--ema', '0.9'];
    await run(...words, '-o', 'whole-run.st');
    const cut = await byo([...words, '-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    await run(...words, '-o', 'again.st', '--checkpoint', 'cut.ckpt', '--resume');
    expect((await readArtifact(at('again.st'))).digest).toBe((await readArtifact(at('whole-run.st'))).digest);
    const { code, stderr: said } = await byo(['replay', 'again.st', '--check', '--inputs', '.', '--threads', '1', '-q'], { cwd: folder });
    expect(code, said).toBe(0);
  });

  test('of classes and of words, with guidance that the student is told', async () => {
    const options = ['--batch', '4', '--threads', '1', '-q', '--steps', '2', '--guidance-max', '3'];
    await run('distill', 'boot', 'shapes-model.st', ...options, '-o', 'guided.st');
    await run('sample', 'guided.st', '--class', 'disc', '--guidance', '2', '--count', '2', '-q', '-o', 'guided-drawn.st');
    await writeFile(at('prompts.txt'), 'a red disc\n\na small ring\n');
    await run('distill', 'boot', 'words.st', ...options, '--prompts', 'prompts.txt', '--solver', 'heun', '-o', 'told.st');
    await run('distill', 'boot', 'words.st', ...options, '--time-condition', 'target', '--ema', '0.5', '-o', 'target.st');
    await run('sample', 'told.st', '--prompt', 'a small red disc', '--guidance', '3', '--count', '1', '-q', '-o', 'told-drawn.st');
    await refused(['sample', 'told.st', '--prompt', 'a small disc', '--guidance', '4'], 2, 'up to 3');
  });
});

test.each([
  ['sample shapes-model.st --class star', 2, "no class 'star'"],
  ['sample shapes-model.st --guidance 2', 2, 'ask with --class or --prompt'],
  ['sample shapes-model.st --prompt red', 2, '--prompt needs a model that was trained on captions'],
  ['sample points.st --class disc', 2, 'not trained on classes'],
  ['sample --exact ring8 points.st', 2, 'takes the place of a model'],
  ['sample ring.st', 3, 'holds a dataset, but a model is expected'],
  ['sample student.st --steps 4', 2, 'leave --steps out'],
  ['sample points.st --sampler heun --t-max 1', 2, 'no signal left'],
  ['pretrain diffusion ring.st --flip', 2, 'the data set holds points'],
  ['pretrain diffusion shapes.st --multipliers 1,1,1,1,1', 2, 'cannot be halved 4 times'],
  ['pretrain diffusion shapes.st --channels 12', 2, 'a multiple of --groups 8'],
  ['pretrain diffusion shapes.st --network mlp', 2, 'a unet takes images'],
  ['pretrain diffusion ring.st --condition text', 2, 'needs captions'],
  ['pretrain diffusion captioned.st --batch 100', 3, 'a batch of 100 is larger'],
  ['distill boot student.st', 2, 'a one-step student itself'],
  ['distill boot points.st --guidance 2', 2, 'trained with --condition'],
  ['distill boot points.st --step 0.4 --t-min 0.5 --t-max 0.9', 2, 'leave no time'],
  ['distill boot --exact ring8 points.st', 2, 'takes the place of a teacher'],
  ['distill boot shapes-model.st --prompts prompts.txt', 2, 'trained on captions'],
  ['embed --model points.st shapes.st', 3, 'without an image encoder'],
])('byo %s is refused', async (line, code, message) => {
  await refused(line.split(' '), code, message);
});
