import { choice, integer, number, numbers, texts, type Values } from '../../cli/options.js';
import { float32, type NdArray } from '../../core/array.js';
import { Batches } from '../../core/data/batches.js';
import { encodeTable, fitTable, SCALES } from '../../core/data/table/encoding.js';
import { drawMasks, drawSizes, maskLengths, maskSizes, REG_MODES, type Bounds, type MaskOptions } from '../../core/data/table/masks.js';
import { rowCount, tableSetOf, tableWithoutTest, type TableSet } from '../../core/data/table/set.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { clip, input, square, type Operand, type Tensor } from '../../core/graph/index.js';
import {
  encodeTokens, gatherTokens, predictTokens, repeat, stepProgram, tokenCount,
  type Places, type Scope, type TableBatch, type TableEncoderSpec, type TokenPredictorSpec, type Variable,
} from '../../core/nn/index.js';
import { adamw, emaUpdate, linearSchedule, updatesOf, warmupCosine } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import { embeddingRows, tableFeeds, tableInputs, type TableEncoder } from '../../core/train/index.js';
import { MONITORS, monitorLatents } from '../../core/train/collapse.js';
import { below } from '../training.js';
import { onlySource } from './data.js';
import type { DataReader, PretrainMethod, Pretraining } from './method.js';

const options = {
  preset: choice({ choices: ['default', 'jannis', 'tiny'], default: 'default', help: "jannis: the paper's values for that data set of 54 columns; "
    + 'tiny: for a few thousand rows and a few minutes' }),
  hidden: integer({ default: 64, min: 1, help: 'width of tokens and latents' }),
  layers: integer({ default: 4, min: 1, help: 'transformer layers of the encoder (paper: 1 to 16)' }),
  heads: integer({ default: 2, min: 1, help: 'heads of attention; they divide --hidden (paper: 2 to 8)' }),
  ff: integer({ default: 64, min: 1, help: "units of the layers' feed-forward parts (paper: 64 to 1024)" }),
  dropout: number({ default: 0, min: 0, max: 0.9, help: "the encoder's dropout (paper: 0 to 0.01)" }),
  init: choice({ choices: ['default', 'trunc-normal'], default: 'default', help: "start of the encoder's linear layers: PyTorch's, or normal of deviation 0.02" }),
  predWidth: integer({ default: 16, min: 1, help: "width of the predictor's tokens (paper: 4 to 128)" }),
  predLayers: integer({ default: 4, min: 1, help: "the predictor's layers (paper: 2 to 32)" }),
  predHeads: integer({ default: 4, min: 1, help: "the predictor's heads of attention; they divide --pred-width (paper: 2 to 8)" }),
  predFf: integer({ min: 1, guess: true, help: "units of the predictor's feed-forward parts; those of the encoder where left out" }),
  predDropout: number({ default: 0, min: 0, max: 0.9, help: "the predictor's dropout (paper: 0 to 0.01)" }),
  regTokens: integer({ default: 1, min: 1, help: '[REG] tokens, which say nothing of the row and keep latents from collapsing (paper: 1)' }),
  regMode: choice({ choices: REG_MODES, default: 'always', help: 'always: in the context, never predicted; upstream: masked like a column while the '
    + 'last column never is, as in the published code; none: no [REG] tokens' }),
  ctxShare: numbers({ placeholder: 'share', default: [0.13, 0.37], help: 'smallest and largest share of the columns that the context encoder sees' }),
  tgtShare: numbers({ placeholder: 'share', default: [0.15, 0.62], help: 'smallest and largest share of the columns that a target mask asks for' }),
  numTargets: integer({ default: 4, min: 1, help: 'target masks of a row (paper: 4)' }),
  rows: choice({ choices: ['train', 'all'], default: 'train', help: 'learn from what is not marked as test, or from all rows, without their targets (as the '
    + 'paper does)' }),
  scale: choice({ choices: SCALES, default: 'standard', guess: true, help: 'numbers with mean 0 and deviation 1, as normal scores of their ranks, or as they are' }),
  epochs: number({ default: 300, positive: true, help: 'passes over the data' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 512, min: 1, help: 'rows a step' }),
  lr: number({ default: 3.7e-4, positive: true, help: "peak of AdamW's learning rate" }),
  warmupEpochs: number({ default: 10, min: 0, help: 'epochs of linear warm-up, before half a cosine to 0; at most a fifth of the run' }),
  weightDecay: number({ default: 0, min: 0, help: 'weight decay of matrices' }),
  clipValue: number({ default: 1, min: 0, help: "largest entry of the encoder's gradients, to which larger ones are cut; 0: none is" }),
  ema: number({ default: 0.996, min: 0, max: 1, help: 'decay of the target encoder at the start' }),
  emaEnd: number({ default: 1, min: 0, max: 1, help: 'decay at the end, reached in a straight line' }),
  monitor: texts({ placeholder: MONITORS.join('|'), default: MONITORS, help: 'signs of collapse to report after every epoch, or none: deviation across rows, '
    + 'effective rank, and divergence between pairs of rows' }),
} as const;
type Options = Values<typeof options>;

/** The networks of a step, and what their tokenizers take. */
export interface TJepaNetworks {
  readonly encoder: TableEncoderSpec;
  readonly predictor: TokenPredictorSpec;
  /** Rows of the tables of embeddings. */
  readonly categories: readonly number[];
}

/** What a step sees: rows, the places of their contexts [B, C], and of their targets [P, B, T]. */
export interface TJepaInputs {
  readonly rows: TableBatch;
  readonly context: Places;
  readonly targets: Places;
}

export interface TJepaLearning {
  readonly lr: Operand;
  readonly weightDecay: number;
  /** Largest entry of the context encoder's gradients; 0: they stay as they are. */
  readonly clipValue: number;
  /** Decay m of the target encoder. */
  readonly ema: Operand;
}

/**
 * One step of T-JEPA (Thimonier et al. 2024): the predictor makes the target encoder's latents of some columns from the context
 * encoder's latents of others, in one pass for every target mask; AdamW trains context encoder and predictor, and the target
 * encoder follows.
 *
 * Masks have other sizes in every batch, and shapes are static, so places come filled up to the largest sizes, with what is used
 * marked. Filler is exact: as a key of attention it has a weight of exactly 0, it is not in the loss, and everything else works
 * token by token. Programs for every pair of sizes would need none, but a table of 54 columns has 378 pairs, all to be compiled.
 */
export function tJepaStep(
  root: Scope, { rows, context: known, targets }: TJepaInputs, networks: TJepaNetworks, o: TJepaLearning,
): { loss: Tensor } {
  const { encoder, predictor, categories } = networks;
  const [masks, batch, length] = targets.tokens.shape as [number, number, number];
  const context = root.at('context');
  const target = root.at('target').startingFrom(context);
  const all = encodeTokens(target.mode({ training: false }), rows, encoder, categories);
  const latents = gatherTokens(all, targets.tokens).stopGradient();

  const seen = encodeTokens(context, rows, encoder, categories, known);
  const predictions = predictTokens(root.at('predictor'), repeat(seen, masks),
    { ...known, tokens: repeat(known.tokens, masks) }, { ...targets, tokens: targets.tokens.reshape([masks * batch, length]) },
    tokenCount(rows, encoder), predictor);
  const loss = meanOverUsed(square(predictions.sub(latents.reshape(predictions.shape))), targets.used);

  const trained = [...context.parameters, ...root.at('predictor').parameters];
  const inContext = new Set(context.parameters);
  const updates = updatesOf(loss, trained).map(([parameter, gradient]) =>
    [parameter, o.clipValue > 0 && inContext.has(parameter) ? clip(gradient, -o.clipValue, o.clipValue) : gradient] as const);
  adamw(root.at('optimizer'), updates, { lr: o.lr, weightDecay: o.weightDecay, decays });
  emaUpdate(target, context, o.ema);
  return { loss };
}

/** Mean of values [N, T, width] over the places T that are used. */
const meanOverUsed = (values: Tensor, used: Tensor | undefined): Tensor =>
  (used ? values.mean([0, 2]).mul(used).sum().div(used.sum()) : values.mean());

/** Neither biases, the tokenizer's among them, nor anything else of one dimension. */
const decays = ({ name, tensor }: Variable): boolean => tensor.rank > 1 && !name.endsWith('bias');

const reader: DataReader<TableSet, Options> = {
  help: 'data set of a table; standard input where left out',
  async open(sources, { terminal }) {
    const source = onlySource(sources);
    const artifact = await readArtifact(source, { kind: 'dataset' });
    const set = tableSetOf(artifact, nameOf(source));
    return {
      inputs: [asInput('data', artifact, source)],
      shape: () => [set.columns.length],
      load: ({ rows }) => {
        const kept = rows === 'all' ? set : tableWithoutTest(set);
        const [count, total] = [rowCount(kept), rowCount(set)];
        const why = count < total ? 'those that are not marked as test' : rows === 'all' ? 'test rows too, if any' : 'none is marked as test';
        terminal.info(`learning from ${count} of ${total} rows (${why}), without their targets`);
        return kept;
      },
    };
  },
};

/** Fills in what masks can be from the options; throws UsageError where they cannot. */
function maskOptions(columns: number, o: Options): MaskOptions {
  const pair = (values: readonly number[], option: string): Bounds => {
    if (values.length === 2) return values as [number, number];
    throw new UsageError(`--${option} takes two shares of the columns, as in 0.13,0.37, but ${values.length} were given`);
  };
  return {
    columns, mode: o.regMode, reg: o.regMode === 'none' ? 0 : o.regTokens, targets: o.numTargets,
    context: pair(o.ctxShare, 'ctx-share'), target: pair(o.tgtShare, 'tgt-share'),
  };
}

function networksOf(o: Options, { reg }: MaskOptions, categories: readonly number[]): TJepaNetworks {
  for (const [width, heads, names] of [[o.hidden, o.heads, '--hidden and --heads'], [o.predWidth, o.predHeads, '--pred-width and --pred-heads']] as const) {
    if (width % heads) throw new UsageError(`a width of ${width} does not divide into ${heads} heads; change ${names}`);
  }
  return {
    categories,
    encoder: {
      name: 't-jepa', width: o.hidden, layers: o.layers, heads: o.heads, feedForward: o.ff, reg,
      ...(o.dropout > 0 && { dropout: o.dropout }), ...(o.init === 'trunc-normal' && { truncatedInit: true }),
    },
    predictor: {
      width: o.predWidth, layers: o.predLayers, heads: o.predHeads, feedForward: o.predFf ?? o.ff,
      ...(o.predDropout > 0 && { dropout: o.predDropout }),
    },
  };
}

function setup(set: TableSet, o: Options, seed: number): Pretraining {
  const takes = fitTable(set, o.scale);
  const rows = encodeTable(takes, set, 'the data set');
  const masks = maskOptions(set.columns.length, o);
  const [sizes, lengths] = [maskSizes(masks), maskLengths(masks)];
  const networks = networksOf(o, masks, embeddingRows(takes));
  const { encoder, predictor } = networks;
  const monitors = monitorsOf(o);

  const program = stepProgram('t-jepa', (root) => tJepaStep(root, {
    rows: tableInputs(takes, o.batch),
    context: { tokens: input('context', [o.batch, lengths.context], 'int32'), used: input('context_used', [lengths.context]) },
    targets: { tokens: input('targets', [o.numTargets, o.batch, lengths.target], 'int32'), used: input('targets_used', [lengths.target]) },
  }, networks, { ...o, lr: input('lr', []), ema: input('ema', []) }));

  const batches = new Batches(rowCount(set), o.batch, seed);
  const { stepsPerEpoch } = batches;
  const steps = o.steps ?? Math.max(1, Math.round(o.epochs * stepsPerEpoch));
  const warmup = Math.min(Math.round(o.warmupEpochs * stepsPerEpoch), Math.floor(steps / 5));
  return {
    program, steps, stepsPerEpoch, examplesPerStep: o.batch,
    feeds: (k): Record<string, NdArray> => {
      const drawn = drawMasks(masks, drawSizes(sizes, masks.columns, stream(seed, 'mask sizes', k)), o.batch, stream(seed, 'masks', k));
      return {
        ...tableFeeds(rows, batches.indices(k)),
        context: drawn.context, context_used: drawn.contextUsed, targets: drawn.targets, targets_used: drawn.targetUsed,
        lr: float32([], [warmupCosine(k, { peak: o.lr, steps, warmup })]),
        ema: float32([], [linearSchedule(k, steps, o.ema, o.emaEnd)]),
      };
    },
    // Rows are embedded by the target encoder, as in the paper; the context encoder and the predictor are there to look at.
    model: (state) => {
      const meta: TableEncoder = { encoder, input: takes };
      const named = (scope: string, name: string) => [...below(state, scope)].map(([key, value]) => [`${name}.${key}`, value] as const);
      return {
        meta: { method: 't-jepa', ...meta, predictor },
        tensors: new Map([...named('target', 'encoder'), ...named('context', 'context'), ...named('predictor', 'predictor')]),
      };
    },
    ...(monitors.length > 0 && {
      monitor: (state, compute) => {
        const weights = new Map([...below(state, 'target')].map(([name, value]) => [`encoder.${name}`, value]));
        return monitorLatents({ encoder, input: takes }, weights, rows, monitors, compute);
      },
    }),
  };
}

function monitorsOf({ monitor }: Options): (typeof MONITORS)[number][] {
  if (monitor.join() === 'none') return [];
  const unknown = monitor.find((name) => !MONITORS.some((known) => known === name));
  if (unknown !== undefined) throw new UsageError(`--monitor takes some of ${MONITORS.join(', ')}, or none, but '${unknown}' was given`);
  return MONITORS.filter((name) => monitor.includes(name));
}

export const tJepa: PretrainMethod<typeof options, TableSet> = {
  name: 't-jepa',
  summary: 'learn an encoder of table rows without labels, by predicting latents of hidden columns (T-JEPA)',
  description: 'Columns of a row become tokens. From a few of them the latents of others are predicted, which a slow copy of the encoder makes '
    + 'of the whole row; no augmentation is needed. [REG] tokens, which say nothing of the row, keep latents from collapsing. Scales of numbers '
    + 'and lists of categories are those of the rows that are learnt from, and part of the model.',
  paper: 'H. Thimonier et al., T-JEPA: Augmentation-Free Self-Supervised Learning for Tabular Data, 2024, arXiv 2410.05016',
  examples: [
    ['byo convert adult.csv --test-fraction 0.2 | byo pretrain t-jepa -o encoder.st', 'pretrain on a table'],
    ['byo pretrain t-jepa table.st --preset tiny --log run.jsonl -o encoder.st', 'a small encoder for a few thousand rows, with its log'],
    ['byo embed --model encoder.st table.st | byo probe linear', 'what the latents know'],
    ['byo pretrain t-jepa table.st --reg-mode none --preset tiny -o without.st', 'without [REG] tokens: watch featureStd and featureRank'],
  ],
  options,
  presets: {
    default: {},
    // The dropout of 0.002 that goes with these is left out: drawing it for every weight of attention takes longer than the step.
    jannis: {
      hidden: 64, layers: 16, heads: 2, ff: 64, init: 'trunc-normal', predWidth: 16, predHeads: 4, predLayers: 16,
      ctxShare: [0.136, 0.368], tgtShare: [0.156, 0.622], lr: 3.66e-4, batch: 512, epochs: 300, warmupEpochs: 10,
    },
    tiny: {
      hidden: 16, layers: 2, heads: 2, ff: 32, predWidth: 16, predHeads: 2, predLayers: 2,
      lr: 1e-3, ema: 0.99, batch: 256, epochs: 40,
    },
  },
  data: reader,
  choosePreset: () => 'default',
  setup,
};
