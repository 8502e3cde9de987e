import type { NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import type { State } from '../train/index.js';
import type { DenoiserSpec, Mixture, StudentSpec } from './denoiser.js';
import type { ScheduleName } from './schedule.js';

/** A denoiser and where its sampling starts, or a one-step student; the `meta` of model files. */
export interface DiffusionMeta {
  readonly denoiser: DenoiserSpec;
  readonly student?: StudentSpec;
  /** Captions that the teacher was trained on, as prompts for a student. */
  readonly captions?: readonly string[];
}

export interface DiffusionModel extends DiffusionMeta {
  /** Tensors `denoiser.*`. */
  readonly weights: State;
}

/** The diffusion model in an artifact; throws InputError where it holds another kind of model. */
export function diffusionModelOf({ meta, tensors }: Artifact, source: string): DiffusionModel {
  const { denoiser, student, captions } = meta as Partial<DiffusionMeta>;
  if (!denoiser) throw new InputError(`${source} holds a model that is no diffusion model; byo pretrain diffusion makes them`);
  const weights = new Map<string, NdArray>([...tensors].filter(([name]) => name.startsWith('denoiser.')));
  return { denoiser, weights, ...(student && { student }), ...(captions && { captions }) };
}

/** Densities whose best denoiser is known in closed form. */
export const EXACT = ['ring8', 'gaussian'] as const;

const MIXTURES: Readonly<Record<(typeof EXACT)[number], Mixture>> = {
  // Eight Gaussians on a circle of radius 2.
  ring8: { means: Array.from({ length: 8 }, (_, k) => [Math.cos, Math.sin].map((f) => 2 * f((Math.PI * k) / 4))), std: 0.15 },
  gaussian: { means: [[2]], std: 0.5 },
};

/** The exact denoiser of a density: what a diffusion model of it would be, trained to perfection. */
export function exactModel(name: (typeof EXACT)[number], schedule: ScheduleName): DiffusionModel {
  const mixture = MIXTURES[name];
  return { denoiser: { network: { name: 'exact', ...mixture }, shape: [mixture.means[0]!.length], schedule, predict: 'x0' }, weights: new Map() };
}
