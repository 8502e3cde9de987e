import { concat, matmul, mul, part, relu, transpose, unsqueeze, expand, type Tensor } from '../graph/index.js';
import { torchDefault, uniform, zeros } from './init.js';
import { batchNorm, dropout, layerNorm, linear } from './layers.js';
import type { Scope } from './scope.js';
import { selfAttention } from './transformer.js';

export const TABLE_HEADS = ['linear', 'mlp', 'resnet', 'dcnv2', 'autoint', 'ft-transformer'] as const;
export type TableHeadName = (typeof TABLE_HEADS)[number];

/** A network that predicts from rows of a table, or from their latents. */
export interface TableHeadSpec {
  readonly name: TableHeadName;
  /** Units of a layer, or of a token. */
  readonly width: number;
  readonly layers: number;
  /** Of attention; they divide the width. */
  readonly heads: number;
  readonly dropout: number;
}

/** A batch of rows in the two forms that heads take. */
export interface TableHeadInput {
  /** float32 [B, D] */
  readonly features: Tensor;
  /** float32 [B, T, width], one token for each column, made by layers of the head's own. */
  tokens(scope: Scope, width: number): Tensor;
}

/** Predictions [B, out] of a head. */
export function tableHead(scope: Scope, x: TableHeadInput, spec: TableHeadSpec, out: number): Tensor {
  switch (spec.name) {
    case 'linear': return linear(scope.at('head'), x.features, out);
    case 'mlp': return linear(scope.at('head'), perceptron(scope, x.features, spec), out);
    case 'resnet': return tableResnet(scope, x.features, spec, out);
    case 'dcnv2': return dcnv2(scope, x.features, spec, out);
    case 'autoint': return autoint(scope, x.tokens(scope.at('tokenizer'), spec.width), spec, out);
    case 'ft-transformer': return ftTransformer(scope, x.tokens(scope.at('tokenizer'), spec.width), spec, out);
  }
}

/** Layers of Linear, ReLU and dropout. */
function perceptron(scope: Scope, x: Tensor, { width, layers, dropout: rate }: TableHeadSpec): Tensor {
  let y = x;
  for (let i = 0; i < layers; i++) {
    y = dropout(scope.at('dropout').at(i), relu(linear(scope.at('layers').at(i), y, width)), rate);
  }
  return y;
}

/**
 * ResNet for tables (Gorishniy et al. 2021): Linear, then blocks x + Dropout(Linear(Dropout(ReLU(Linear(BatchNorm(x)))))) that
 * are twice as wide inside, then BatchNorm, ReLU, Linear.
 */
function tableResnet(scope: Scope, x: Tensor, { width, layers, dropout: rate }: TableHeadSpec, out: number): Tensor {
  let y = linear(scope.at('first'), x, width);
  for (let i = 0; i < layers; i++) {
    const block = scope.at('blocks').at(i);
    const wide = relu(linear(block.at('linear0'), batchNorm(block.at('norm'), y), 2 * width));
    const narrow = linear(block.at('linear1'), dropout(block.at('dropout0'), wide, rate), width);
    y = y.add(dropout(block.at('dropout1'), narrow, rate));
  }
  return linear(scope.at('head'), relu(batchNorm(scope.at('norm'), y)), out);
}

/**
 * DCN V2 (Wang et al. 2021, the parallel form, as in Gorishniy et al. 2021): cross layers x <- x_0 (W x + b) + x beside a
 * perceptron, both on a linear map x_0 of the features; a linear layer takes both.
 */
function dcnv2(scope: Scope, features: Tensor, spec: TableHeadSpec, out: number): Tensor {
  const { width, layers, dropout: rate } = spec;
  const first = linear(scope.at('first'), features, width);
  let x = first;
  for (let i = 0; i < layers; i++) {
    const crossed = mul(first, linear(scope.at('cross').at(i), x, width));
    x = dropout(scope.at('cross_dropout').at(i), crossed, rate).add(x);
  }
  return linear(scope.at('head'), concat([x, perceptron(scope.at('deep'), first, spec)], 1), out);
}

/** AutoInt (Song et al. 2019): layers x <- ReLU(SelfAttention(x) + x W) over tokens, which a linear layer takes side by side. */
function autoint(scope: Scope, tokens: Tensor, { layers, heads, width, dropout: rate }: TableHeadSpec, out: number): Tensor {
  let x = tokens;
  for (let i = 0; i < layers; i++) {
    const layer = scope.at('layers').at(i);
    const attended = dropout(layer.at('dropout'), selfAttention(layer.at('self_attn'), x, { heads, dropout: rate }), rate);
    x = relu(attended.add(linear(layer.at('residual'), x, width, { bias: false })));
  }
  return linear(scope.at('head'), x.reshape([x.shape[0]!, -1]), out);
}

/** Units of FT-Transformer's feed-forward parts, as a multiple of the width. */
const FT_FACTOR = 4 / 3;

/**
 * FT-Transformer (Gorishniy et al. 2021): a [CLS] token before the others, pre-norm layers (the first one's attention without
 * its norm) with ReGLU, ReGLU(a, b) = a ReLU(b), then LayerNorm, ReLU and Linear on what has become of [CLS].
 */
function ftTransformer(scope: Scope, tokens: Tensor, spec: TableHeadSpec, out: number): Tensor {
  const { layers, heads, width, dropout: rate } = spec;
  const [batch] = tokens.shape as [number];
  const cls = scope.param('cls', [1, width], torchDefault);
  let x = concat([expand(unsqueeze(cls, 0), [batch, 1, width]), tokens], 1);
  const hidden = Math.floor(width * FT_FACTOR);
  for (let i = 0; i < layers; i++) {
    const layer = scope.at('layers').at(i);
    const normal = i === 0 ? x : layerNorm(layer.at('norm0'), x);
    x = x.add(selfAttention(layer.at('self_attn'), normal, { heads, dropout: rate }));
    const wide = linear(layer.at('linear0'), layerNorm(layer.at('norm1'), x), 2 * hidden);
    const gated = mul(part(wide, 2, 0, hidden), relu(part(wide, 2, hidden, 2 * hidden)));
    x = x.add(linear(layer.at('linear1'), dropout(layer.at('dropout'), gated, rate), width));
  }
  return linear(scope.at('head'), relu(layerNorm(scope.at('norm'), part(x, 1, 0, 1).reshape([batch, width]))), out);
}

/** Latents [B, T, h] as tokens of another width, each by a linear map of its own: `weight` [T, h, width], `bias` [T, width]. */
export function perTokenLinear(scope: Scope, latents: Tensor, width: number): Tensor {
  const [, tokens, from] = latents.shape as [number, number, number];
  const weight = scope.param('weight', [tokens, from, width], uniform(1 / Math.sqrt(from)));
  const mapped = matmul(transpose(latents, [1, 0, 2]), weight);
  return transpose(mapped, [1, 0, 2]).add(scope.param('bias', [tokens, width], zeros));
}
