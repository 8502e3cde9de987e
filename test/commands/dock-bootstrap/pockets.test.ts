import { describe, expect, it } from 'vitest';
import { complexesOf } from '../../../src/core/docking/complexes.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { byo } from '../../support/cli.js';
import { expectFailure, workplace } from '../support.js';

const { folder: cwd, at, run } = workplace();

describe('byo synth pockets', () => {
  it('makes complexes in families, the same again on replay', async () => {
    const { stderr } = await run('synth', 'pockets', '--families', '2', '--per-family', '5', '--unseen', '1', '--validation', '1', '--held-out', '1',
      '--per-held-out', '3', '--poses', '100', '--seed', '1', '-o', 'pockets.st');
    expect(stderr).toMatch(/^18 complexes of 4 families, \d+ to \d+ beads; \d+ % of those drawn passed the filter, by a score of \d\.\d in the median$/m);
    const artifact = await readArtifact(at('pockets.st'));
    const { complexes, clusters, features, receptorTypes } = complexesOf(artifact, 'pockets.st');
    expect(clusters).toEqual(['train-0', 'train-1', 'validation-0', 'held-out-0']);
    expect(complexes.map(({ split }) => split).join('')).toBe('000001000001111222');
    expect(complexes.map(({ cluster }) => cluster).join('')).toBe('000000111111222333');
    expect(features).toEqual([{ name: 'type', size: 6 }]);
    expect(receptorTypes).toEqual(['apolar', 'donor', 'acceptor', 'plus', 'minus', 'inert']);
    expect(artifact.recipe!.options).toMatchObject({ families: 2, perFamily: 5, heldOut: 1, torsions: [1, 3] });
    expect((await byo(['replay', 'pockets.st', '--check'], { cwd })).code).toBe(0);
  });

  it('says what is wrong', async () => {
    expectFailure(await byo(['synth', 'pockets', '--torsions', '2'], { cwd }), 2, "--torsions takes the fewest and the most, such as 1,3, but '2' was given");
    expectFailure(await byo(['synth', 'pockets', '--torsions', '3,1', '-o', 'x.st'], { cwd }), 3, 'the most torsions must be a whole number from 3');
    expectFailure(await byo(['synth', 'pockets', '--ligand-atoms', '4', '--torsions', '2,3', '-o', 'x.st'], { cwd }), 3, 'no tree of 4 atoms');
    expectFailure(await byo(['synth', 'pockets', '--ligand-atoms', '30'], { cwd }), 2, '--ligand-atoms takes a whole number of at least 2 and at most 24');
  });
});
