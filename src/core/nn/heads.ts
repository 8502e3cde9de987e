import { relu, type Tensor } from '../graph/index.js';
import { linear } from './layers.js';
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
