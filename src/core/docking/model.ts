import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import type { State } from '../train/index.js';
import type { Complexes } from './complexes.js';
import type { NetworkSpec } from './network.js';
import type { NoiseRanges } from './noise.js';

/** What a docking network is and was trained for; the `meta` of its model file. */
export interface DockingMeta {
  readonly docking: {
    /** What it reads out: scores of noisy poses, or how sure it is of a pose. */
    readonly reads: 'scores' | 'confidence';
    readonly network: NetworkSpec;
    readonly noise: NoiseRanges;
    /** Residues that a ligand sees at most. */
    readonly visible: number;
    /** Bonds turn; without, ligands are as stiff as their conformers. */
    readonly torsions: boolean;
    readonly features: Complexes['features'];
    readonly receptorTypes: readonly string[];
  };
}

export interface DockingModel {
  readonly docking: DockingMeta['docking'];
  readonly weights: State;
}

const MAKERS = { scores: 'train', confidence: 'confidence' } as const;
const NAMES = { scores: 'a score model', confidence: 'a confidence model' } as const;

/** The docking model in an artifact, for these complexes; throws InputError where it is another kind of model, or for others. */
export function dockingModelOf(
  { meta, tensors }: Artifact, source: string, reads: DockingMeta['docking']['reads'], set: Vocabulary,
): DockingModel {
  const { docking } = meta as Partial<DockingMeta>;
  const wanted = `${NAMES[reads]} is expected here; byo dock-bootstrap ${MAKERS[reads]} makes them`;
  if (!docking) throw new InputError(`${source} holds a model that is not for docking; ${wanted}`);
  if (docking.reads !== reads) throw new InputError(`${source} holds ${NAMES[docking.reads]}, but ${wanted}`);
  requireFit(docking, source, set);
  return { docking, weights: tensors };
}

/** What the numbers of a data set's atoms and residues stand for. */
export type Vocabulary = Pick<Complexes, 'features' | 'receptorTypes'>;

/** Throws InputError where a model was trained on atoms or residues that were described otherwise; `source` is the model's. */
export function requireFit(docking: Vocabulary, source: string, { features, receptorTypes }: Vocabulary): void {
  const listed = (list: Complexes['features']): string => list.map(({ name, size }) => `${name} of ${size}`).join(', ');
  const advice = 'give complexes that were made like those it was trained on';
  if (listed(features) !== listed(docking.features)) {
    throw new InputError(`${source} was trained on atoms with the features ${listed(docking.features)}, but the complexes have `
      + `${listed(features)}; ${advice}`);
  }
  if (receptorTypes.join() !== docking.receptorTypes.join()) {
    throw new InputError(`${source} was trained on receptors of the types ${docking.receptorTypes.join()}, but the complexes have `
      + `${receptorTypes.join()}; ${advice}`);
  }
}
