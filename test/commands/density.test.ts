import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, scratchFolder, shell } from '../support/cli.js';
import { expectFailure } from './support.js';

const cwd = scratchFolder();

describe('byo synth density and plot density', () => {
  it('draw a set of points and a picture of it, from a pipe too', async () => {
    const { code, stderr } = await shell('byo synth density --count 50 --mean 3,1 -q | tee ring.st | byo plot density -o ring.svg', { cwd });
    expect([code, stderr]).toEqual([0, '']);
    const { tensors, meta, kind, recipe } = await readArtifact(join(cwd, 'ring.st'));
    expect([kind, meta, recipe!.options.kind, recipe!.options.mean]).toEqual(['dataset', { modality: 'points' }, 'ring8', [3, 1]]);
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]).sort()).toEqual([
      ['labels', 'int32', [50]], ['points', 'float32', [50, 2]], ['split', 'uint8', [50]]]);
    expect([...tensors.get('split')!.data].indexOf(2)).toBe(40);
    expect(readFileSync(join(cwd, 'ring.svg'), 'utf8').match(/aria-roledescription="point"/g)).toHaveLength(50);
    expect((await byo(['replay', 'ring.st', '--check'], { cwd })).code).toBe(0);
  });

  it('show several files side by side', async () => {
    await shell('byo synth density --kind gaussian --mean 2 --dims 5 --sd 0.5 --count 30 --test 0 -o normal.st', { cwd });
    const normal = await readArtifact(join(cwd, 'normal.st'));
    expect([...normal.tensors].map(([name, { shape }]) => [name, shape])).toEqual([['points', [30, 5]]]);
    const { stdout, code } = await shell('byo synth density --count 20 -q -o other.st && byo plot density other.st normal.st --max 25', { cwd });
    expect(code).toBe(0);
    expect(stdout.match(/aria-roledescription="point"/g)).toHaveLength(45);
    // In the order in which they are given.
    expect(stdout.indexOf('>other.st</text>')).toBeLessThan(stdout.indexOf('>normal.st</text>'));
    for (const text of ['>other.st<', '>normal.st<', '20 points of 2 dimensions; 30 points of 5 dimensions']) expect(stdout).toContain(text);
  });

  it('say what is wrong', async () => {
    expectFailure(await byo(['synth', 'density', '--kind', 'gaussian', '--radius', '2'], { cwd }), 2, 'a Gaussian has no --radius');
    expectFailure(await byo(['synth', 'density', '--dims', '3'], { cwd }), 2, '--dims is for --kind gaussian; ring8 lies in the plane');
    expectFailure(await byo(['synth', 'density', '--mean', '1,2,3'], { cwd }), 2, '--mean takes two values, but 3 were given');
    expectFailure(await byo(['synth', 'density', '--kind', 'gaussian', '--mean', '1,2', '--dims', '3'], { cwd }), 2, '--dims is 3');
    expectFailure(await byo(['plot', 'density', 'other.st', '--axes', '0,2'], { cwd }), 2, 'other.st has points of 2 dimensions, but --axes 0,2');
    expectFailure(await byo(['plot', 'density', 'other.st', '--axes', '1'], { cwd }), 2, '--axes takes two dimensions');
  });
});
