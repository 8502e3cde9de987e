import { float32, int32, type NdArray } from '../array.js';
import { augment, declarePlan, normalize, planInputs, planView, type ViewAugmentation } from '../data/augment/index.js';
import { Batches, gatherImages } from '../data/batches.js';
import type { CompileOptions } from '../engine/index.js';
import { input, type Tensor } from '../graph/index.js';
import { crossEntropy } from '../losses/index.js';
import { assign, encode, init, linear, stepProgram, type Scope, type Variable } from '../nn/index.js';
import { updatesOf, type Update } from '../optim/index.js';
import { stream } from '../random.js';
import { applyLinear } from '../stats/linear.js';
import { matrix, type LinearAlgebra, type Matrix } from '../stats/matrix.js';
import { embedImages, type ImageEncoder } from './embed.js';
import type { Job, State } from './train.js';

/** Images to classify: rows of `images` [N, C, H, W] by number, and their labels from 0. */
export interface LabelledImages {
  readonly images: NdArray<Uint8Array>;
  readonly rows: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

export interface SupervisedOptions {
  readonly view: ViewAugmentation;
  readonly batch: number;
  readonly steps: number;
  /** Draws the order of the examples and their views. */
  readonly seed: number;
  /** Learning rate of step k. */
  readonly lr: (step: number) => number;
  readonly optimize: (scope: Scope, updates: readonly Update[], lr: Tensor) => void;
  /** First weights of the classifier (0). */
  readonly headInit?: init.Initializer;
  /** Parameters with masks `mask.NAME` of 0 and 1 in the state: where it is 0, the parameter is 0 after every step. */
  readonly masked?: (parameter: Variable) => boolean;
}

/** Trains an encoder, `encoder.*`, together with a linear classifier, `head.weight` and `head.bias`. */
export function supervisedJob(
  { encoder, input: expected }: ImageEncoder, { images, rows, labels, classes }: LabelledImages, o: SupervisedOptions,
): Job {
  const batches = new Batches(labels.length, Math.min(o.batch, labels.length), o.seed);
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const dims = { batch: batches.batch, channels, height, width, size: expected.size };
  const program = stepProgram('finetune', (root) => {
    const raw = input('images', [dims.batch, channels, height, width]);
    const x = normalize(augment(raw, declarePlan('view', o.view, dims), o.view), expected);
    const y = encode(encoder, root.at('encoder'), x);
    const scores = linear(root.at('head'), y, classes, { init: o.headInit ?? init.zeros, biasInit: init.zeros });
    const loss = crossEntropy(scores, input('labels', [dims.batch], 'int32'));
    const { parameters } = root;
    o.optimize(root.at('optimizer'), updatesOf(loss, parameters), input('lr', []));
    for (const parameter of o.masked ? parameters.filter(o.masked) : []) {
      const mask = root.at('mask').buffer(parameter.name, parameter.tensor.shape, init.ones);
      assign(parameter, parameter.next!.mul(mask));
    }
    return { loss };
  });
  return {
    program, steps: o.steps,
    feeds: (step) => {
      const chosen = batches.indices(step);
      return {
        images: gatherImages(images, Array.from(chosen, (i) => rows[i]!)),
        labels: int32([dims.batch], Int32Array.from(chosen, (i) => labels[i]!)),
        ...planInputs('view', planView(o.view, dims, stream(o.seed, 'augment finetune', step))),
        lr: float32([], [o.lr(step)]),
      };
    },
  };
}

/** Scores [N, classes] that such an encoder and classifier give images, in evaluation mode. */
export async function classScores(
  encoder: ImageEncoder, state: State, images: NdArray<Uint8Array>, compute: CompileOptions & { readonly algebra: LinearAlgebra },
): Promise<Matrix> {
  const features = await embedImages(encoder, state, images, compute);
  const [weight, bias] = [state.get('head.weight')!, state.get('head.bias')!];
  const head = { weights: matrixOf(weight), bias: Float64Array.from(bias.data as Float32Array) };
  return applyLinear(head, matrixOf(features), compute.algebra);
}

const matrixOf = ({ shape, data }: NdArray): Matrix => matrix(shape[0]!, shape[1]!, data as Float32Array);
