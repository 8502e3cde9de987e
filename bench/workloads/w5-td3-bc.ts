import { float32 } from '../../src/core/array.js';
import { abs, clip, concat, input, minimum, mul, recip, relu, tanh, type Tensor } from '../../src/core/graph/index.js';
import { linear, stepProgram, type Scope } from '../../src/core/nn/index.js';
import { adam, emaUpdate } from '../../src/core/optim/index.js';
import { gaussian, meanSquaredError, uniform, updatesOf, workload } from './workload.js';

const LEARNING_RATE = 3e-4;
const TARGET_DECAY = 0.995;

/** Linear, ReLU, Linear, ReLU, Linear. */
function mlp(scope: Scope, x: Tensor, hidden: number, out: number): Tensor {
  const first = relu(linear(scope.at(0), x, hidden));
  return linear(scope.at(4), relu(linear(scope.at(2), first, hidden)), out);
}

/** TD3+BC update (Fujimoto & Gu 2021): both critics, then the actor against the updated first critic, then all targets. */
export const w5 = workload({
  name: 'w5',
  title: 'TD3+BC, MLPs of 2x256',
  peer: 'w5_td3_bc.py',
  defaults: { batch: 256, width: 256, observation: 17, action: 6 },
  tiny: { batch: 16, width: 16, observation: 5, action: 3 },
  steps: 200,
  warmup: 20,

  program: ({ batch, width, observation, action }) => stepProgram('w5', (root) => {
    const observations = input('observations', [batch, observation]);
    const actions = input('actions', [batch, action]);
    const rewards = input('rewards', [batch]);
    const nextObservations = input('next_observations', [batch, observation]);
    const discounts = input('discounts', [batch]);
    const noise = input('noise', [batch, action]);
    const act = (s: Scope, o: Tensor) => tanh(mlp(s, o, width, action));
    const value = (s: Scope, o: Tensor, a: Tensor) => mlp(s, concat([o, a], 1), width, 1).reshape([batch]);

    const [actor, critic1, critic2] = ['actor', 'critic1', 'critic2'].map((name) => root.at(name)) as [Scope, Scope, Scope];
    const targetOf = (network: Scope) => root.at(`target_${network.path}`).startingFrom(network);
    const jitter = clip(noise.mul(0.2), -0.5, 0.5);
    const nextActions = clip(act(targetOf(actor), nextObservations).add(jitter), -1, 1);
    const nextValue = minimum(
      value(targetOf(critic1), nextObservations, nextActions),
      value(targetOf(critic2), nextObservations, nextActions),
    );
    const target = rewards.add(discounts.mul(nextValue)).stopGradient();
    const criticLoss = meanSquaredError(value(critic1, observations, actions), target)
      .add(meanSquaredError(value(critic2, observations, actions), target));
    const criticParameters = [...critic1.parameters, ...critic2.parameters];
    adam(root.at('optimizer.critics'), updatesOf(criticLoss, criticParameters), { lr: LEARNING_RATE });

    const updatedCritic = critic1.replacing(new Map(critic1.parameters.map((p) => [p, p.next!])));
    const proposed = act(actor, observations);
    const values = value(updatedCritic, observations, proposed);
    const scale = mul(recip(abs(values.stopGradient()).mean()), 2.5);
    const actorLoss = meanSquaredError(proposed, actions).sub(scale.mul(values.mean()));
    adam(root.at('optimizer.actor'), updatesOf(actorLoss, actor.parameters), { lr: LEARNING_RATE });

    for (const network of [actor, critic1, critic2]) emaUpdate(targetOf(network), network, TARGET_DECAY);
    return { loss: criticLoss.add(actorLoss) };
  }),

  inputs: ({ batch, observation, action }, random) => ({
    observations: gaussian(random('observations'), [batch, observation]),
    actions: uniform(random('actions'), [batch, action], -1, 1),
    rewards: gaussian(random('rewards'), [batch]),
    next_observations: gaussian(random('next_observations'), [batch, observation]),
    discounts: float32([batch], Float32Array.from(random('discounts').bernoulli(batch, 0.95), (goesOn) => 0.99 * goesOn)),
    noise: gaussian(random('noise'), [batch, action]),
  }),
});
