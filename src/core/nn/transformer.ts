import { add, gelu, mul, relu, reshape, softmax, transpose, type Tensor, matmul, part } from '../graph/index.js';
import { xavierUniform, zeros, type Initializer } from './init.js';
import { dropout, layerNorm, linear } from './layers.js';
import type { Scope } from './scope.js';

export interface TransformerLayerOptions {
  readonly heads: number;
  /** Width of the feed-forward part. */
  readonly feedForward: number;
  readonly activation?: 'relu' | 'gelu';
  readonly dropout?: number;
  /** Start of the weights of linear layers (not of queries, keys and values); PyTorch's defaults where left out. */
  readonly init?: Initializer;
  /** Normalise before each part (pre-norm) or after its residual sum (post-norm, as in Vaswani et al. 2017). */
  readonly preNorm?: boolean;
}

type AttentionOptions = Pick<TransformerLayerOptions, 'heads' | 'dropout' | 'init'>;

/**
 * Multi-head self-attention over [B, T, D] with torch.nn.MultiheadAttention's names: `in_proj_weight` [3D, D], `in_proj_bias`,
 * `out_proj.*`. `bias` is added to the scores [B, heads, T, T] (broadcast), for masks and position biases.
 */
export function selfAttention(
  scope: Scope, x: Tensor, { heads, dropout: rate = 0, init }: AttentionOptions, bias?: Tensor,
): Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const head = width / heads;
  const weight = scope.param('in_proj_weight', [3 * width, width], xavierUniform);
  const offset = scope.param('in_proj_bias', [3 * width], zeros);
  // Parts of the weights are cheaper to take than parts of the activations.
  const project = (i: number) => {
    const [from, to] = [i * width, (i + 1) * width];
    const projected = add(matmul(x, part(weight, 0, from, to), { tb: true }), part(offset, 0, from, to));
    return transpose(reshape(projected, [batch, tokens, heads, head]), [0, 2, 1, 3]);
  };
  const [q, k, v] = [project(0), project(1), project(2)];
  const scores = mul(matmul(q, k, { tb: true }), 1 / Math.sqrt(head));
  const weights = dropout(scope, softmax(bias ? scores.add(bias) : scores), rate);
  const merged = reshape(transpose(matmul(weights, v), [0, 2, 1, 3]), [batch, tokens, width]);
  return linear(scope.at('out_proj'), merged, width, { ...(init && { init }), biasInit: zeros });
}

/** One encoder layer, [B, T, D] -> [B, T, D], with torch.nn.TransformerEncoderLayer's names and default initialisation. */
export function transformerLayer(scope: Scope, x: Tensor, options: TransformerLayerOptions, bias?: Tensor): Tensor {
  const { feedForward, activation = 'relu', dropout: rate = 0, preNorm = false, init } = options;
  const start = init && { init, biasInit: zeros };
  const attend = (y: Tensor) => dropout(scope.at('dropout1'), selfAttention(scope.at('self_attn'), y, options, bias), rate);
  const feed = (y: Tensor) => {
    const hidden = (activation === 'gelu' ? gelu : relu)(linear(scope.at('linear1'), y, feedForward, start));
    return dropout(scope.at('dropout2'), linear(scope.at('linear2'), dropout(scope.at('dropout'), hidden, rate), y.shape[2]!, start), rate);
  };
  const norm1 = (y: Tensor) => layerNorm(scope.at('norm1'), y);
  const norm2 = (y: Tensor) => layerNorm(scope.at('norm2'), y);
  if (preNorm) {
    const y = x.add(attend(norm1(x)));
    return y.add(feed(norm2(y)));
  }
  const y = norm1(x.add(attend(x)));
  return norm2(y.add(feed(y)));
}
