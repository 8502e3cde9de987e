import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { flag, integer, number, numbers } from '../../cli/options.js';
import { synthPockets } from '../../core/data/synth/pockets.js';
import { complexesArtifact } from '../../core/docking/complexes.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  families: integer({ default: 12, min: 1, help: 'families to train on' }),
  perFamily: integer({ default: 60, min: 1, help: 'complexes of each of them' }),
  unseen: integer({ default: 0, min: 0, help: 'further complexes of each of them, marked as validation' }),
  validation: integer({ default: 2, min: 0, help: 'families marked as validation' }),
  heldOut: integer({ default: 3, min: 0, help: 'held-out families, marked as test' }),
  perHeldOut: integer({ default: 24, min: 1, help: 'complexes of each validation and held-out family' }),
  ligandAtoms: integer({ default: 9, min: 2, max: 24, help: 'atoms of a ligand' }),
  torsions: numbers({ placeholder: 'fewest,most', default: [1, 3], help: 'bonds of a ligand that turn; its others are rigid' }),
  trees: integer({ default: 6, min: 1, help: 'ligands of each family: shapes, each with its pose in the pocket' }),
  decoys: integer({ default: 1, min: 0, max: 3, help: 'pockets of each receptor that do not bind' }),
  symmetric: flag({ help: 'add one family of each kind whose ligands have symmetries' }),
  beads: integer({ default: 70, min: 10, max: 80, help: 'beads of a receptor before its pockets are carved' }),
  jitter: number({ default: 0.3, min: 0, max: 5, help: 'deviation of each coordinate of a complex from its family, in Å' }),
  poses: integer({ default: 1500, min: 0, help: 'random poses that the true one has to beat for a complex to be kept; 0 keeps all' }),
  ...outputOptions, ...seedOption,
} as const;

export const pockets = defineCommand({
  name: 'synth pockets',
  summary: 'make receptors, ligands and their true poses, in families, to try docking on',
  description: 'A receptor is a bumpy sphere of 70 typed beads (apolar, donor, acceptor, plus, minus, inert) with a pocket around its '
    + 'ligand, a tree of nine typed atoms. Beads that line the pocket are of the type that binds the nearest atom: apolar to apolar, '
    + 'donor to acceptor, plus to minus, in all families alike. Decoys are pockets of the same shape with linings that do not bind. '
    + 'A family shares its scaffold, the places of its pockets, its ligands\' shapes and poses, and a code of types around the '
    + 'pocket\'s mouth; the mouths of decoys show the code of another family that is trained on. So a model that has learnt codes '
    + 'and places by heart fails on held-out families, where checking a pose is still as easy as anywhere. Types, other beads and '
    + 'jitter differ from complex to complex. One is kept only if its true pose has more and better contacts than 1,500 random ones.\n\n'
    + 'Families are the clusters of the data set. Those trained on, for validation and held out are drawn apart: with more of one '
    + 'kind the others stay as they are, but for their lures, and more complexes of a family begin with the same ones.',
  examples: [
    ['byo synth pockets -o pockets.st', '12 families of 60 complexes to train on, 2 for validation and 3 held out, of 24 each'],
    ['byo synth pockets --families 4 --per-family 20 --held-out 1 --ligand-atoms 6 -o small.st', 'a small set'],
    ['byo synth pockets --unseen 10 --decoys 2 -o hard.st', 'with unseen complexes of the families trained on, and two decoys'],
  ],
  arguments: [],
  options,
  async run(context, _, o) {
    const [fewest, most, ...more] = o.torsions;
    if (most === undefined || more.length > 0) {
      throw new UsageError(`--torsions takes the fewest and the most, such as 1,3, but '${o.torsions.join()}' was given`);
    }
    await checkOutput(o.output, { force: o.force });
    const { terminal } = context;
    const progress = await terminal.progress('pockets', 0, 'families');
    const set = synthPockets({ ...o, torsions: [fewest!, most], onProgress: (done, total) => progress.update(done, {}, total) });
    progress.stop();
    const { complexes, drawn, margins, clusters } = set;
    await writeArtifact(o.output, {
      ...complexesArtifact(set),
      recipe: { command: 'synth pockets', options: context.recorded, seed: o.seed, version: context.version, inputs: [] },
    }, { force: o.force });
    const beads = complexes.map(({ receptor }) => receptor.types.length).sort((a, b) => a - b);
    terminal.info(`${complexes.length} complexes of ${clusters.length} families, ${beads[0]} to ${beads.at(-1)} beads`
      + (o.poses > 0 ? `; ${((100 * complexes.length) / drawn).toFixed(0)} % of those drawn passed the filter, by a score of `
        + `${margins.sort()[margins.length >> 1]!.toFixed(1)} in the median` : ''));
  },
});
