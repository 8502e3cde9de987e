import { tJepaStep } from '../../src/commands/pretrain/t-jepa.js';
import { drawMasks, type MaskOptions } from '../../src/core/data/table/masks.js';
import { input } from '../../src/core/graph/index.js';
import { stepProgram } from '../../src/core/nn/index.js';
import { gaussian, workload, type Sizes } from './workload.js';

/** Masks of one size: [REG] and random columns, and targets among the others. */
function masksOf({ tokens, context, predicted, targets }: Sizes): MaskOptions {
  const columns = tokens! - 1;
  const only = (count: number) => [count / columns, count / columns] as const;
  return { columns, reg: 1, mode: 'always', context: only(context! - 1), target: only(predicted!), targets: targets! };
}

/** The step of byo pretrain t-jepa on numeric columns and [REG], with masks of one size, so without filler. */
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
    const { batch, width, tokens, context, targets, predicted, heads, feedForward, layers } = sizes;
    const { predictorWidth, predictorLayers } = sizes;
    return tJepaStep(root, {
      rows: { numbers: input('rows', [batch, tokens - 1]) },
      context: { tokens: input('context_tokens', [batch, context], 'int32') },
      targets: { tokens: input('target_tokens', [targets, batch, predicted], 'int32') },
    }, {
      encoder: { name: 't-jepa', width, layers, heads, feedForward, reg: 1 }, categories: [],
      predictor: { width: predictorWidth, layers: predictorLayers, heads, feedForward },
    }, { lr: 1e-3, weightDecay: 0.01, clipValue: 0, ema: 0.996 });
  }),

  inputs: (sizes, random) => {
    const masks = masksOf(sizes);
    const drawn = drawMasks(masks, { context: sizes.context - 1, target: sizes.predicted }, sizes.batch, random('masks'));
    return {
      rows: gaussian(random('rows'), [sizes.batch, sizes.tokens - 1]), context_tokens: drawn.context, target_tokens: drawn.targets,
    };
  },
});
