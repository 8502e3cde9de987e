import { flatten, relu, type Tensor } from '../graph/index.js';
import { linear } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface MlpEncoderOptions extends NormOptions {
  /** Units of both layers. */
  readonly width?: number;
}

/**
 * An encoder of rows: two linear layers, each with normalisation and ReLU; rows [N, D], or anything flattened to them, ->
 * features [N, width]. Names are those of a torch.nn.Sequential: `0`, `1`, `3`, `4`.
 */
export function mlpEncoder(scope: Scope, x: Tensor, options: MlpEncoderOptions): Tensor {
  const { width = 128 } = options;
  const norm = normLayer(options);
  return [0, 3].reduce((y, at) => relu(norm(scope.at(at + 1), linear(scope.at(at), y, width))), flatten(x));
}
