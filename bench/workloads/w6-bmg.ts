import { float32 } from '../../src/core/array.js';
import { exp, expand, grad, input, matmul, relu, unsqueeze, type Operand, type Tensor } from '../../src/core/graph/index.js';
import { init, stepProgram, type Scope } from '../../src/core/nn/index.js';
import { adam } from '../../src/core/optim/index.js';
import { meanSquaredError, uniform, updatesOf, workload } from './workload.js';

/** The parameters of all tasks' MLPs: weight [tasks, out, in] and bias [tasks, out] of one layer after the other. */
type Learners = readonly Tensor[];

/** The learned initialisation, the same for every task. */
function initialLearners(scope: Scope, width: number, tasks: number): Learners {
  const forEachTask = (parameter: Tensor) => expand(parameter, [tasks, ...parameter.shape]);
  const layers = [[1, width], [width, width], [width, 1]] as const;
  return layers.flatMap(([inputs, outputs], i) => {
    const layer = scope.at(2 * i); // activations stand between the layers
    return [
      forEachTask(layer.param('weight', [outputs, inputs], init.torchDefault)),
      forEachTask(layer.param('bias', [outputs], init.uniform(1 / Math.sqrt(inputs)))),
    ];
  });
}

/** x [tasks, points, 1] -> [tasks, points, 1]. */
function predict(learners: Learners, x: Tensor): Tensor {
  for (let i = 0; i < learners.length; i += 2) {
    const [weight, bias] = [learners[i]!, learners[i + 1]!];
    const y = matmul(x, weight, { tb: true }).add(unsqueeze(bias, 1));
    x = i + 2 < learners.length ? relu(y) : y;
  }
  return x;
}

/** One SGD step of every task's learner; the sum over tasks has each task's own gradient. */
function descend(learners: Learners, rate: Operand, x: Tensor, y: Tensor): Learners {
  const loss = predict(learners, x).sub(y).square().mean([1, 2]).sum();
  const gradients = grad(loss, learners);
  return learners.map((parameter, i) => parameter.sub(gradients[i]!.mul(rate)));
}

/** Bootstrapped meta-gradient on sinusoid regression (Flennerhag et al. 2022), meta-Adam. */
export const w6 = workload({
  name: 'w6',
  title: 'Bootstrapped meta-gradient, K = L = 5',
  peer: 'w6_bmg.py',
  defaults: { batch: 16, width: 40, points: 10, inner: 5, bootstrap: 5 },
  tiny: { batch: 3, width: 8, points: 5, inner: 3, bootstrap: 3 },
  steps: 200,
  warmup: 20,

  program: ({ batch, width, points, inner, bootstrap }) => stepProgram('w6', (root) => {
    const [supportX, supportY, queryX, queryY] = ['support_x', 'support_y', 'query_x', 'query_y']
      .map((name) => input(name, [batch, points, 1])) as [Tensor, Tensor, Tensor, Tensor];
    const rate = exp(root.param('log_lr', [], init.constantInit(Math.log(0.01))));

    let learners = initialLearners(root.at('init'), width, batch);
    for (let k = 0; k < inner; k++) learners = descend(learners, rate, supportX, supportY);
    // The target goes on from there, its last step on the query set; no gradient flows into it.
    let target = learners;
    for (let l = 1; l < bootstrap; l++) target = descend(target, rate, supportX, supportY);
    target = descend(target, 0.01, queryX, queryY);
    const loss = meanSquaredError(predict(learners, queryX), predict(target, queryX).stopGradient());

    adam(root.at('optimizer'), updatesOf(loss, root.parameters), { lr: 1e-3 });
    return { loss };
  }),

  /** Sinusoids of amplitude 0.1 to 5 and phase 0 to pi on [-5, 5] (Finn et al. 2017). */
  inputs: ({ batch, points }, random) => {
    const amplitude = random('amplitude').uniform(batch, 0.1, 5);
    const phase = random('phase').uniform(batch, 0, Math.PI);
    const pairs = (set: string) => {
      const x = uniform(random(set), [batch, points, 1], -5, 5);
      const sinusoid = (value: number, i: number) => {
        const task = Math.floor(i / points);
        return amplitude[task]! * Math.sin(value - phase[task]!);
      };
      return { [`${set}_x`]: x, [`${set}_y`]: float32(x.shape, (x.data as Float32Array).map(sinusoid)) };
    };
    return { ...pairs('support'), ...pairs('query') };
  },
});
