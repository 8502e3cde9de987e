import { gelu, l2Normalize, matmul, relu, sigmoid, type Tensor } from '../graph/index.js';
import { normal, zeros } from './init.js';
import { dropout, linear } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface MlpHeadOptions extends NormOptions {
  readonly hidden: number;
  readonly out: number;
  /** Of the last layer of `mlpHead`; BYOL's has none, BYOL-A's has one. */
  readonly bias?: boolean;
}

/**
 * BYOL's projector and predictor: Linear, normalisation, ReLU, Linear without bias, [B, in] -> [B, out]. Names are those of a
 * torch.nn.Sequential: `0`, `1`, `3`.
 */
export function mlpHead(scope: Scope, x: Tensor, { hidden, out, bias = false, ...norm }: MlpHeadOptions): Tensor {
  const h = relu(normLayer(norm)(scope.at(1), linear(scope.at(0), x, hidden)));
  return linear(scope.at(3), h, out, { bias });
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

export interface DinoHeadOptions {
  /** Units of the hidden layers. */
  readonly hidden: readonly number[];
  /** Units of the layer whose output is brought to length 1. */
  readonly bottleneck: number;
  readonly out: number;
  /** Rows of the last layer have length 1; otherwise they are as long as they grow. */
  readonly weightNorm?: boolean;
  /** The bottleneck's output has length 1. */
  readonly featureNorm?: boolean;
}

/**
 * DINO's head (Caron et al. 2021), [B, in] -> logits [B, out]: linear layers with GELU between them down to a bottleneck, whose
 * output of length 1 is multiplied by rows of length 1, so that every logit is a cosine. Names of the official code: `mlp.0`,
 * `mlp.2`, …, and `last_layer.weight`, which holds the rows before they are scaled.
 */
export function dinoHead(scope: Scope, x: Tensor, options: DinoHeadOptions): Tensor {
  const { hidden, bottleneck, out, weightNorm = true, featureNorm = true } = options;
  const start = normal(0.02);
  const layer = (i: number, y: Tensor, units: number) =>
    linear(scope.at('mlp').at(2 * i), y, units, { init: start, biasInit: zeros });
  const h = hidden.reduce((y, units, i) => gelu(layer(i, y, units)), x);
  const u = layer(hidden.length, h, bottleneck);
  const rows = scope.at('last_layer').param('weight', [out, bottleneck], start);
  return matmul(featureNorm ? l2Normalize(u) : u, weightNorm ? l2Normalize(rows) : rows, { tb: true });
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
