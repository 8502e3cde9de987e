import { float32, int32 } from '../../core/array.js';
import { Batches } from '../../core/data/batches.js';
import type { CompileOptions } from '../../core/engine/index.js';
import { input, logSumExp, matmul, mul, oneHot, relu, sub, sum, type Tensor } from '../../core/graph/index.js';
import { init, stepProgram, type Scope } from '../../core/nn/index.js';
import { adam, adamw, sgd, updatesOf, warmupCosine } from '../../core/optim/index.js';
import { applyLinear, type LinearModel } from '../../core/stats/linear.js';
import { row, rowBlock, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { train, type State } from '../../core/train/index.js';
import type { Labelled } from './data.js';

export interface HeadOptions {
  /** One head for each: they see the same batches and do not touch each other. */
  readonly lrs: readonly number[];
  /** Units of a hidden layer; 0 for a linear head. */
  readonly hidden: number;
  readonly optimizer: 'sgd' | 'adam' | 'adamw';
  /** A constant rate, batches in the order of the rows and a drawn start, instead of half a cosine, shuffled batches and 0. */
  readonly plain?: boolean;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
}

/** A trained head: one layer, or two with ReLU between. */
export type Head = readonly LinearModel[];

/**
 * Trains one softmax classifier per learning rate, all in one program whose weights have the head as their first axis; the rates
 * follow half a cosine to 0. Linear heads start at 0. With `plain`, neither.
 */
export async function trainHeads(
  { x, labels }: Labelled, classes: number, o: HeadOptions, compute: CompileOptions, onEpoch?: (epoch: number) => void,
): Promise<Head[]> {
  const batches = new Batches(x.rows, Math.min(o.batch, x.rows), o.seed);
  const { batch, stepsPerEpoch } = batches;
  const heads = o.lrs.length;
  const steps = o.epochs * stepsPerEpoch;
  const program = stepProgram('probe', (root) => {
    const features = input('x', [batch, x.cols]);
    const targets = oneHot(input('labels', [batch], 'int32'), classes);
    const hidden = o.hidden ? relu(headsLayer(root.at(0), features, [heads, o.hidden], o.hidden > 0)) : features;
    const scores = headsLayer(root.at(o.hidden ? 1 : 0), hidden, [heads, classes], o.hidden > 0 || o.plain === true);
    const losses = sub(logSumExp(scores), sum(mul(scores, targets), 2)).mean(1);
    const updates = updatesOf(losses.sum(), root.parameters);
    // The rates of the heads line up with the first axis of every weight.
    const settings = { lr: input('lr', [heads, 1, 1]), weightDecay: o.weightDecay, decays: ({ name }: { name: string }) => name.endsWith('weight') };
    if (o.optimizer === 'adam') adam(root.at('optimizer'), updates, settings);
    else if (o.optimizer === 'adamw') adamw(root.at('optimizer'), updates, { lr: settings.lr, weightDecay: o.weightDecay });
    else sgd(root.at('optimizer'), updates, { ...settings, momentum: o.momentum, nesterov: o.nesterov });
    return { loss: losses.mean() };
  });
  const { state } = await train({
    program, steps, remedy: 'try smaller --lrs',
    feeds: (step) => {
      const first = (step % stepsPerEpoch) * batch;
      const indices = o.plain ? Int32Array.from({ length: batch }, (_, i) => first + i) : batches.indices(step);
      const data = new Float32Array(batch * x.cols);
      indices.forEach((index, i) => data.set(row(x, index), i * x.cols));
      const decay = o.plain ? 1 : warmupCosine(step, { peak: 1, steps });
      return {
        x: float32([batch, x.cols], data), labels: int32([batch], Int32Array.from(indices, (i) => labels[i]!)),
        lr: float32([heads, 1, 1], o.lrs.map((lr) => lr * decay)),
      };
    },
  }, { seed: o.seed, ...compute, onStep: ({ done }) => { if (done % stepsPerEpoch === 0) onEpoch?.(done / stepsPerEpoch); } });
  return o.lrs.map((_, h) => (o.hidden ? [0, 1] : [0]).map((layer) => modelOf(state, layer, h)));
}

/** x [B, in] or [heads, B, in] -> [heads, B, out]. */
function headsLayer(scope: Scope, x: Tensor, [heads, out]: readonly [number, number], random: boolean): Tensor {
  const fan = x.shape.at(-1)!;
  const start = random ? init.uniform(1 / Math.sqrt(fan)) : init.zeros;
  const y = matmul(x, scope.param('weight', [heads, out, fan], start), { tb: true });
  return y.add(scope.param('bias', [heads, 1, out], init.zeros));
}

function modelOf(state: State, layer: number, head: number): LinearModel {
  const [weight, bias] = [state.get(`${layer}.weight`)!, state.get(`${layer}.bias`)!];
  const [, rows, cols] = weight.shape as [number, number, number];
  const weights = { rows, cols, data: (weight.data as Float32Array).subarray(head * rows * cols, (head + 1) * rows * cols) };
  return { weights, bias: Float64Array.from((bias.data as Float32Array).subarray(head * rows, (head + 1) * rows)) };
}

const BLOCK_ROWS = 4096;

/** Scores of a head: [rows, classes]. */
export function headScores(head: Head, x: Matrix, algebra: LinearAlgebra): Matrix {
  const classes = head.at(-1)!.bias.length;
  const scores = new Float64Array(x.rows * classes);
  for (let start = 0; start < x.rows; start += BLOCK_ROWS) {
    let block = rowBlock(x, start, Math.min(x.rows, start + BLOCK_ROWS));
    head.forEach((layer, i) => {
      const out = applyLinear(layer, block, algebra);
      block = i < head.length - 1 ? { ...out, data: out.data.map((value) => Math.max(0, value)) } : out;
    });
    scores.set(block.data, start * classes);
  }
  return { rows: x.rows, cols: classes, data: scores };
}
