import { float32, int32, type NdArray } from '../array.js';
import { augment, declarePlan, normalize, planInputs, planView, type ViewAugmentation } from '../data/augment/index.js';
import { Batches, gatherImages } from '../data/batches.js';
import { areReal, type Examples } from '../data/examples.js';
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

/** Images (or other examples) to classify: rows of `images` [N, ...] by number, and their labels from 0. */
export interface LabelledImages<T extends Examples = NdArray<Uint8Array>> {
  readonly images: T;
  readonly rows: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

export interface SupervisedOptions {
  /** How images are seen; real-valued examples are seen as they are. */
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
  { encoder, input: expected }: ImageEncoder, { images, rows, labels, classes }: LabelledImages<Examples>, o: SupervisedOptions,
): Job {
  const batches = new Batches(labels.length, Math.min(o.batch, labels.length), o.seed);
  const [, channels, height = 1, width = 1] = images.shape as [number, number, number?, number?];
  const dims = { batch: batches.batch, channels, height, width, size: expected.size };
  const seen = (raw: Tensor): Tensor => (areReal(images) ? raw : augment(raw, declarePlan('view', o.view, dims), o.view));
  const program = stepProgram('finetune', (root) => {
    const x = normalize(seen(input('images', [dims.batch, ...images.shape.slice(1)])), expected);
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
        ...(!areReal(images) && planInputs('view', planView(o.view, dims, stream(o.seed, 'augment finetune', step)))),
        lr: float32([], [o.lr(step)]),
      };
    },
  };
}

/** Scores [N, classes] that such an encoder and classifier give images, in evaluation mode. */
export async function classScores(
  encoder: ImageEncoder, state: State, images: Examples, compute: CompileOptions & { readonly algebra: LinearAlgebra },
): Promise<Matrix> {
  const features = await embedImages(encoder, state, images, compute);
  const [weight, bias] = [state.get('head.weight')!, state.get('head.bias')!];
  const head = { weights: matrixOf(weight), bias: Float64Array.from(bias.data as Float32Array) };
  return applyLinear(head, matrixOf(features), compute.algebra);
}

const matrixOf = ({ shape, data }: NdArray): Matrix => matrix(shape[0]!, shape[1]!, data as Float32Array);
