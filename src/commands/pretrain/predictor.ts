import { choice, integer, number, type Values } from '../../cli/options.js';
import { concat, div, eye, matmul, matrixTranspose, stopGradient, sub, type Tensor } from '../../core/graph/index.js';
import {
  CLOSED_FORMS, closedFormPredictor, init, latentMoments, latentsFor, mlpHead, operatorNorm, projectionGauges,
  type ClosedForm, type MlpHeadOptions, type Scope,
} from '../../core/nn/index.js';

/** What predicts the target's projection from the online one: a trained network, nothing, or a matrix computed from the batch. */
export const predictorOptions = {
  predictor: choice({ choices: ['mlp', 'linear', 'none', ...CLOSED_FORMS], default: 'mlp', help: 'what predicts the target from the online '
    + 'projection: trained (mlp, linear), nothing (collapses), or a closed form of the batch' }),
  ridge: number({ default: 0.3, min: 0, guess: true, help: 'multiple of the identity added to a closed form' }),
  nsIters: integer({ min: 1, max: 18, help: 'Newton-Schulz iterations: of ns and stiefel 9, of each pass of ns2 7 where left out' }),
  visserIters: integer({ default: 50, min: 1, guess: true, help: "iterations of visser; the paper says 'several dozens'" }),
  predictorEma: number({ default: 0.9, min: 0, max: 0.9999, guess: true, help: 'decay of the moving average over steps; 0: this batch only' }),
  emaOn: choice({ choices: ['predictor', 'correlation'], default: 'predictor', help: 'what is averaged over steps' }),
  predictorViews: choice({ choices: ['both', 'single'], default: 'both', guess: true, help: 'views whose latents a closed form is computed from' }),
  predictorScale: choice({ choices: ['paper', 'spectral'], default: 'paper', help: 'scale before the ridge: as the formula gives it, or '
    + 'operator norm 1' }),
  predictorGrad: choice({ choices: ['stop', 'through'], default: 'stop', guess: true, help: 'whether gradients pass through a closed form' }),
} as const;
type Options = Values<typeof predictorOptions>;

/** What a model file says of a predictor that is a matrix. */
export const predictorMeta = ({ predictor }: Options): Record<string, unknown> =>
  (predictor === 'mlp' || predictor === 'none' ? {} : { predictor: { form: predictor, convention: 'prediction = z P' } });

export type Pair = readonly [Tensor, Tensor];

export interface Predicted {
  readonly predictions: Pair;
  /** Gauges of a predictor that is a matrix: how near it is to an orthogonal projection. */
  readonly report: Record<string, Tensor>;
}

/**
 * Predictions from both views' online projections z [B, f]; `targets` are the target's projections of the same views. Matrices
 * act on the right, prediction = Z P: a closed form keeps P as `matrix` [f, f], a trained one its transpose as `weight`.
 */
export function predict(scope: Scope, z: Pair, targets: Pair, o: Options, head: MlpHeadOptions): Predicted {
  const both = (predictor: (latents: Tensor) => Tensor): Pair => [predictor(z[0]), predictor(z[1])];
  switch (o.predictor) {
    case 'mlp': return { predictions: both((latents) => mlpHead(scope, latents, head)), report: {} };
    case 'none': return { predictions: z, report: {} };
    case 'linear': {
      const weight = scope.param('weight', [head.out, head.out], init.torchDefault);
      return { predictions: both((latents) => matmul(latents, weight, { tb: true })), report: gaugesOf(matrixTranspose(weight)) };
    }
    default: {
      const { matrix, report } = closedForm(scope, o.predictor, z, targets, o);
      return { predictions: both((latents) => matmul(latents, matrix)), report };
    }
  }
}

/**
 * Richemond et al. 2023: P from this batch, averaged over steps, plus a ridge. With --predictor directpred --ema-on correlation
 * --predictor-ema 0.3 --predictor-scale spectral --ridge 0.1 this is DirectPred (Tian et al. 2021); directcopy likewise.
 */
function closedForm(scope: Scope, form: ClosedForm, [z1, z2]: Pair, [t1, t2]: Pair, o: Options) {
  const [z, t] = o.predictorViews === 'both' ? [concat([z1, z2]), concat([t2, t1])] : [z1, t2];
  const online = o.predictorGrad === 'stop' ? stopGradient(z) : z;
  const { sigma, cross } = latentMoments(latentsFor(form, online), latentsFor(form, stopGradient(t)));
  const averaged = (on: Options['emaOn'], name: string, value: Tensor): Tensor =>
    (o.emaOn === on && o.predictorEma > 0 ? movingAverage(scope.at(name), value, o.predictorEma) : value);
  const moments = {
    sigma: averaged('correlation', 'sigma', sigma),
    cross: usesTargets(form) ? averaged('correlation', 'cross', cross) : cross,
  };
  const p = averaged('predictor', 'average', closedFormPredictor(form, moments, {
    nsIterations: o.nsIters ?? (form === 'ns2' ? 7 : 9), visserIterations: o.visserIters,
  }));
  const scaled = o.predictorScale === 'spectral' ? p.div(operatorNorm(p)) : p;
  const matrix = scaled.add(eye(z.shape[1]!).mul(o.ridge));
  scope.buffer('matrix', matrix.shape, init.zeros);
  scope.assign('matrix', matrix);
  return { matrix, report: { ...gaugesOf(matrix), ridgeRatio: div(o.ridge, operatorNorm(scaled)) } };
}

const usesTargets = (form: ClosedForm): boolean => form === 'lrp' || form === 'ne';

/** A moving average over steps that starts at the first value: weights (1 - decay) decay^i, brought to the sum 1. */
function movingAverage(scope: Scope, value: Tensor, decay: number): Tensor {
  const power = scope.buffer('decay_power', [], init.ones).mul(decay);
  const before = scope.buffer('mean', value.shape, init.zeros);
  const after = before.add(value.sub(before).mul(div(1 - decay, sub(1, power))));
  scope.assign('decay_power', power);
  scope.assign('mean', after);
  return after;
}

function gaugesOf(matrix: Tensor): Record<string, Tensor> {
  const { projectionDistance, asymmetry, polarDistance, stableRank } = projectionGauges(matrix);
  return { projectionDistance, asymmetry, polarDistance, stableRank };
}
