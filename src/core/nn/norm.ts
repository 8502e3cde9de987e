import { sizeOf } from '../array.js';
import { UsageError } from '../errors.js';
import { batchNorm, groupNorm, type BatchNormOptions, type Layer } from './layers.js';

/** Normalisations of heads. */
export const HEAD_NORMS = ['batch', 'group', 'layer', 'none'] as const;
/** Normalisations of encoders, whose maps have pixels to take statistics of. */
export const NORMS = [...HEAD_NORMS, 'instance'] as const;
export type NormKind = (typeof NORMS)[number];

/** What encoders need to know about normalisation. */
export interface NormOptions {
  readonly norm?: NormKind;
  /** Groups of `group`; has to divide every layer's channels. */
  readonly groups?: number;
  readonly weightStandardization?: boolean;
}

/** The normalisation layer of an encoder for maps [N, C, H, W] or vectors [N, C]. */
export function normLayer({ norm = 'batch', groups = 16 }: NormOptions, batch: BatchNormOptions = {}): Layer {
  switch (norm) {
    case 'batch': return (scope, x) => batchNorm(scope, x, batch);
    case 'layer': return (scope, x) => groupNorm(scope, x, 1);
    case 'none': return (_, x) => x;
    case 'instance': return instanceNorm;
    case 'group': return (scope, x) => {
      const channels = x.shape[1]!;
      if (channels % groups !== 0) {
        throw new UsageError(`--groups ${groups} does not divide the ${channels} channels of ${scope.path}; choose a divisor`);
      }
      return groupNorm(scope, x, groups);
    };
  }
}

/** Instance normalisation of maps [N, C, H, W] (Ulyanov et al. 2016): group norm with one channel a group. */
const instanceNorm: Layer = (scope, x) => {
  if (sizeOf(x.shape.slice(2)) < 2) {
    throw new UsageError(`--norm instance makes maps of one pixel 0, as those of ${scope.path} are; give larger images or another norm`);
  }
  return groupNorm(scope, x, x.shape[1]!);
};
