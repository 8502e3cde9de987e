import { relu, sigmoid, type Tensor } from '../graph/index.js';
import { dropout, linear } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface MlpHeadOptions extends NormOptions {
  readonly hidden: number;
  readonly out: number;
}

/**
 * BYOL's projector and predictor: Linear, normalisation, ReLU, Linear without bias, [B, in] -> [B, out]. Names are those of a
 * torch.nn.Sequential: `0`, `1`, `3`.
 */
export function mlpHead(scope: Scope, x: Tensor, { hidden, out, ...norm }: MlpHeadOptions): Tensor {
  const h = relu(normLayer(norm)(scope.at(1), linear(scope.at(0), x, hidden)));
  return linear(scope.at(3), h, out, { bias: false });
}

/**
 * SimSiam's projector (Chen & He 2021), [B, in] -> [B, out]: three linear layers without bias, each followed by normalisation and
 * the first two by ReLU; the last batch norm has neither scale nor offset. Names of the official code's Sequential: `0` to `7`.
 */
export function simsiamProjector(scope: Scope, x: Tensor, { hidden, out, ...norm }: MlpHeadOptions): Tensor {
  const normalize = normLayer(norm);
  const layer = (at: number, y: Tensor, units: number) => linear(scope.at(at), y, units, { bias: false });
  const h1 = relu(normalize(scope.at(1), layer(0, x, hidden)));
  const h2 = relu(normalize(scope.at(4), layer(3, h1, hidden)));
  return normLayer(norm, { affine: false })(scope.at(7), layer(6, h2, out));
}

/** SimSiam's predictor, a bottleneck: Linear without bias, normalisation, ReLU, Linear; names `0`, `1`, `3`. */
export function simsiamPredictor(scope: Scope, x: Tensor, { hidden, out, ...norm }: MlpHeadOptions): Tensor {
  const h = relu(normLayer(norm)(scope.at(1), linear(scope.at(0), x, hidden, { bias: false })));
  return linear(scope.at(3), h, out);
}

export interface MlpOptions extends NormOptions {
  /** Units of every layer. */
  readonly sizes: readonly number[];
}

/**
 * Linear layers with normalisation and ReLU between them, [B, in] -> [B, last of sizes]: SwAV's projector. Names are those of a
 * torch.nn.Sequential with normalisation: `0`, `1`, `3`, `4`, `6`, …
 */
export function mlp(scope: Scope, x: Tensor, { sizes, ...norm }: MlpOptions): Tensor {
  const normalize = normLayer(norm);
  return sizes.reduce((y, units, i) => {
    const h = linear(scope.at(3 * i), y, units);
    return i === sizes.length - 1 ? h : relu(normalize(scope.at(3 * i + 1), h));
  }, x);
}

/**
 * Barlow Twins' projector (Zbontar et al. 2021), [B, in] -> [B, out]: three linear layers without bias, the first two followed by
 * normalisation and ReLU. Names of the official code's Sequential: `0`, `1`, `3`, `4`, `6`.
 */
export function barlowTwinsProjector(scope: Scope, x: Tensor, { hidden, out, ...norm }: MlpHeadOptions): Tensor {
  const layer = (at: number, y: Tensor) =>
    relu(normLayer(norm)(scope.at(at + 1), linear(scope.at(at), y, hidden, { bias: false })));
  return linear(scope.at(6), layer(3, layer(0, x)), out, { bias: false });
}

export interface ConcentrationHeadOptions {
  readonly answers: number;
  /** Concentrations lie between these. */
  readonly low: number;
  readonly high: number;
  readonly dropout: number;
}

/** Zoobot's head: dropout, Linear and low + (high - low) sigmoid(z), [B, D] -> Dirichlet concentrations [B, answers]. */
export function concentrationHead(scope: Scope, x: Tensor, options: ConcentrationHeadOptions): Tensor {
  const { answers, low, high, dropout: rate } = options;
  return sigmoid(linear(scope, dropout(scope, x, rate), answers)).mul(high - low).add(low);
}
