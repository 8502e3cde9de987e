import { concat, constant, expand, gather, part, type Tensor } from '../graph/index.js';
import { truncatedNormal, zeros } from './init.js';
import { dropout, layerNorm, linear } from './layers.js';
import type { Scope } from './scope.js';
import { gatherTokens, positionCode, tableTokens, tokenCount, type TableBatch } from './tokens.js';
import { transformerLayer, type TransformerLayerOptions } from './transformer.js';

/** A stack of post-norm transformer layers. */
export interface TransformerSpec {
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly dropout?: number;
}

/** T-JEPA's encoder; with a table's columns all that is needed to build it again. */
export interface TableEncoderSpec extends TransformerSpec {
  readonly name: 't-jepa';
  readonly width: number;
  /** [REG] tokens. */
  readonly reg: number;
  /** Weights of linear layers start from a truncated normal of deviation 0.02, and their biases at 0; else PyTorch's defaults. */
  readonly truncatedInit?: boolean;
}

/** Places in a sequence: int32 [B, K], and which of the K count: float32 [K] of 1 and 0; all of them where left out. */
export interface Places {
  readonly tokens: Tensor;
  readonly used?: Tensor;
}

/** Added to attention scores: 0 for places that are used, else -1e9, which gives them a weight of exactly 0; [1, 1, 1, K]. */
const keyBias = (used: Tensor | undefined): Tensor | undefined => used?.sub(1).mul(1e9).reshape([1, 1, 1, -1]);

const TRUNCATED = truncatedNormal(0.02);
const TRUNCATED_LINEAR = { init: TRUNCATED, biasInit: zeros } as const;

type Layers = Omit<TransformerLayerOptions, 'preNorm' | 'activation'> & { readonly layers: number };

function transformer(scope: Scope, x: Tensor, { layers, ...layer }: Layers, bias?: Tensor): Tensor {
  for (let i = 0; i < layers; i++) x = transformerLayer(scope.at('layers').at(i), x, layer, bias);
  return x;
}

/**
 * T-JEPA's encoder, rows to latents [B, T, width]: tokens with their positions, transformer, dropout, LN, Linear, dropout, LN.
 * With `context`, only those tokens enter the transformer: [B, K, width]. `categories` are those of the tokenizer.
 */
export function encodeTokens(
  scope: Scope, rows: TableBatch, spec: TableEncoderSpec, categories: readonly number[], context?: Places,
): Tensor {
  const { width, reg, dropout: rate = 0, truncatedInit = false } = spec;
  const places = positionCode(tokenCount(rows, spec), width);
  const tokens = tableTokens(scope.at('tokenizer'), rows, { width, reg, categories }).add(places);
  const y = transformer(scope, context ? gatherTokens(tokens, context.tokens) : tokens,
    { ...spec, ...(truncatedInit && { init: TRUNCATED }) }, keyBias(context?.used));
  const normal = layerNorm(scope.at('norm1'), dropout(scope.at('dropout1'), y, rate));
  const mixed = linear(scope.at('linear'), normal, width, truncatedInit ? TRUNCATED_LINEAR : {});
  return layerNorm(scope.at('norm2'), dropout(scope.at('dropout2'), mixed, rate));
}

export interface TokenPredictorSpec extends TransformerSpec {
  readonly width: number;
}

/**
 * T-JEPA's predictor: the latents at `wanted` places [B, T, width] from those of the context [B, K, width] at `known` ones, out
 * of `tokens` places in all. Narrower than the latents; a learnt token stands for what is wanted, with its position.
 */
export function predictTokens(
  scope: Scope, context: Tensor, known: Places, wanted: Places, tokens: number, spec: TokenPredictorSpec,
): Tensor {
  const [, count, width] = context.shape as [number, number, number];
  const positions = positionCode(tokens, spec.width);
  const seen = linear(scope.at('embed'), context, spec.width, TRUNCATED_LINEAR).add(gather(positions, known.tokens));
  const masked = scope.param('mask_token', [spec.width], TRUNCATED).add(gather(positions, wanted.tokens));
  const usedOf = ({ used, tokens: { shape } }: Places): Tensor => used ?? expand(constant(1), [shape[1]!]);
  const used = known.used || wanted.used ? concat([usedOf(known), usedOf(wanted)]) : undefined;
  const y = transformer(scope, concat([seen, masked], 1), { ...spec, init: TRUNCATED }, keyBias(used));
  return linear(scope.at('project'), layerNorm(scope.at('norm'), part(y, 1, count, y.shape[1]!)), width, TRUNCATED_LINEAR);
}
