import { float32, int32 } from '../../src/core/array.js';
import { add, concat, constant, expand, gather, input, pad, part, unsqueeze, type Tensor } from '../../src/core/graph/index.js';
import { init, layerNorm, linear, stepProgram, transformerLayer, type Scope } from '../../src/core/nn/index.js';
import { adamw, emaUpdate, isWeight } from '../../src/core/optim/index.js';
import { gaussian, meanSquaredError, updatesOf, workload } from './workload.js';

interface Transformer {
  readonly heads: number;
  readonly feedForward: number;
  readonly layers: number;
}

/** [tokens, width]: sine on even, cosine on odd channels, frequencies exp(-2 i ln 100 / width). */
function positionCode(tokens: number, width: number): Tensor {
  const code = float32([tokens, width], Float32Array.from({ length: tokens * width }, (_, i) => {
    const [token, channel] = [Math.floor(i / width), i % width];
    const angle = token * 100 ** (-2 * Math.floor(channel / 2) / width);
    return channel % 2 ? Math.cos(angle) : Math.sin(angle);
  }));
  return constant(code);
}

/** Rows of sequence [B, T, D] at indices int32 [..., B, K] -> [..., B, K, D]. */
function gatherTokens(sequence: Tensor, indices: Tensor): Tensor {
  const [batch, tokens, width] = sequence.shape as [number, number, number];
  const starts = constant(int32([batch, 1], Int32Array.from({ length: batch }, (_, row) => row * tokens)));
  return gather(sequence.reshape([batch * tokens, width]), add(indices, starts));
}

function transformer(scope: Scope, x: Tensor, { layers, ...layer }: Transformer): Tensor {
  for (let i = 0; i < layers; i++) x = transformerLayer(scope.at('layers').at(i), x, layer);
  return x;
}

/** Numeric columns [B, columns] -> tokens [B, 1 + columns, width], [REG] first. */
function tokenize(scope: Scope, rows: Tensor, width: number): Tensor {
  const columns = rows.shape[1]!;
  const weight = scope.param('weight', [1 + columns, width], init.torchDefault);
  const bias = scope.param('bias', [columns, width], init.torchDefault);
  const scale = pad(rows, [null, [1, 0]], 1);
  return unsqueeze(scale, 2).mul(weight).add(pad(bias, [[1, 0]]));
}

/** Tokens, transformer, LN, Linear, LN: [B, columns] -> [B, T, width]; with `keep` [B, K] only those tokens enter. */
function encode(scope: Scope, rows: Tensor, width: number, shape: Transformer, keep?: Tensor): Tensor {
  const tokens = tokenize(scope.at('tokenizer'), rows, width);
  const x = tokens.add(positionCode(tokens.shape[1]!, width));
  const y = transformer(scope, keep ? gatherTokens(x, keep) : x, shape);
  return layerNorm(scope.at('norm2'), linear(scope.at('linear'), layerNorm(scope.at('norm1'), y), width));
}

/**
 * Latents at the target positions from the context's: context [B, K, width], its indices [B, K] and the targets' [B, P] ->
 * [B, P, width].
 */
function predict(
  scope: Scope, context: Tensor, known: Tensor, wanted: Tensor, positions: Tensor, shape: Transformer,
): Tensor {
  const [, count, width] = context.shape as [number, number, number];
  const inner = positions.shape[1]!;
  const seen = linear(scope.at('embed'), context, inner).add(gather(positions, known));
  const masked = scope.param('mask_token', [inner], init.truncatedNormal(0.02)).add(gather(positions, wanted));
  const y = transformer(scope, concat([seen, masked], 1), shape);
  return linear(scope.at('project'), layerNorm(scope.at('norm'), part(y, 1, count, y.shape[1]!)), width);
}

/** x repeated along its first axis. */
function repeat(x: Tensor, times: number): Tensor {
  return expand(unsqueeze(x, 0), [times, ...x.shape]).reshape([times * x.shape[0]!, ...x.shape.slice(1)]);
}

/** T-JEPA step on numeric columns and [REG]: one predictor pass for every target mask, AdamW. */
export const w3 = workload({
  name: 'w3',
  title: 'T-JEPA, 16 tokens of width 64',
  peer: 'w3_t_jepa.py',
  defaults: {
    batch: 256, width: 64, tokens: 16, context: 8, targets: 4, predicted: 4,
    layers: 4, heads: 4, feedForward: 256, predictorWidth: 64, predictorLayers: 2,
  },
  tiny: {
    batch: 8, width: 8, tokens: 7, context: 3, targets: 2, predicted: 2,
    layers: 2, heads: 2, feedForward: 16, predictorWidth: 4, predictorLayers: 1,
  },

  program: (sizes) => stepProgram('w3', (root) => {
    const { batch, width, tokens, targets, predicted, heads, feedForward, layers, predictorLayers } = sizes;
    const rows = input('rows', [batch, tokens - 1]);
    const contextTokens = input('context_tokens', [batch, sizes.context], 'int32');
    const targetTokens = input('target_tokens', [targets, batch, predicted], 'int32');
    const encoder = { heads, feedForward, layers };

    const context = root.at('context');
    const target = root.at('target').startingFrom(context);
    const predictor = root.at('predictor');
    const seen = encode(context, rows, width, encoder, contextTokens);
    const latents = gatherTokens(encode(target, rows, width, encoder), targetTokens).stopGradient();
    const predictions = predict(predictor, repeat(seen, targets), repeat(contextTokens, targets),
      targetTokens.reshape([targets * batch, predicted]), positionCode(tokens, sizes.predictorWidth),
      { ...encoder, layers: predictorLayers });
    const loss = meanSquaredError(predictions, latents.reshape(predictions.shape));

    const trained = [...context.parameters, ...predictor.parameters];
    adamw(root.at('optimizer'), updatesOf(loss, trained), { lr: 1e-3, weightDecay: 0.01, decays: isWeight });
    emaUpdate(target, context, 0.996);
    return { loss };
  }),

  /** Context: [REG] and random columns. Each target: random columns of the remainder. */
  inputs: ({ batch, tokens, context, targets, predicted }, random) => {
    const contextTokens = new Int32Array(batch * context);
    const targetTokens = new Int32Array(targets * batch * predicted);
    const [order, picks] = [random('columns'), random('targets')];
    for (let row = 0; row < batch; row++) {
      const columns = order.permutation(tokens - 1).map((column) => column + 1);
      contextTokens.set(columns.subarray(0, context - 1), row * context + 1);
      const rest = columns.subarray(context - 1);
      for (let target = 0; target < targets; target++) {
        const chosen = picks.permutation(rest.length).subarray(0, predicted).map((i) => rest[i]!);
        targetTokens.set(chosen, (target * batch + row) * predicted);
      }
    }
    return {
      rows: gaussian(random('rows'), [batch, tokens - 1]),
      context_tokens: int32([batch, context], contextTokens),
      target_tokens: int32([targets, batch, predicted], targetTokens),
    };
  },
});
