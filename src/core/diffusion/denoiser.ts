import {
  add, concat, constant, cos, gather, matmul, mul, silu, sin, softmax, square, sub, unsqueeze, type Tensor,
} from '../graph/index.js';
import { float32 } from '../array.js';
import { init, linear, unet, type Scope, type UNetOptions } from '../nn/index.js';
import { encodeWords, type TextEncoderSpec } from './text.js';
import type { ScheduleName } from './schedule.js';
import { levels, type Times } from './times.js';

export const PREDICTIONS = ['v', 'x0', 'eps'] as const;
export type Prediction = (typeof PREDICTIONS)[number];

/** A network that sees points [B, D]: `layers` hidden layers of `hidden` units with SiLU. */
export interface MlpOptions {
  readonly hidden: number;
  readonly layers: number;
}

/** A mixture of equal Gaussians, for which the best denoiser is known in closed form. */
export interface Mixture {
  /** One mean for every component. */
  readonly means: readonly (readonly number[])[];
  /** Standard deviation of every coordinate. */
  readonly std: number;
}

/** All that is needed to build a denoiser again; stored with every model. */
export interface DenoiserSpec {
  readonly network:
    | ({ readonly name: 'unet' } & UNetOptions)
    | ({ readonly name: 'mlp' } & MlpOptions)
    | ({ readonly name: 'exact' } & Mixture);
  /** Of one example: [C, H, W] of an image in [-1, 1], or [D] of a point. */
  readonly shape: readonly number[];
  readonly schedule: ScheduleName;
  /** What the network puts out: v = alpha eps - sigma x (Salimans & Ho 2022), the data or the noise. */
  readonly predict: Prediction;
  readonly condition?: Condition;
}

/** What an example is asked to be. The empty condition stands for anything. */
export type Condition =
  | { readonly kind: 'class'; readonly classes: readonly string[] }
  | ({ readonly kind: 'text' } & TextEncoderSpec);

/** Condition numbers of one example: a class, or the words of a caption. */
export const conditionWidth = (condition: Condition): number => (condition.kind === 'class' ? 1 : condition.length);

/** The number that stands for no condition, or fills up words. */
export const emptyCondition = (condition: Condition): number => (condition.kind === 'class' ? condition.classes.length : 0);

/** Shape of the condition numbers of a batch. */
export const conditionShape = (condition: Condition, batch: number): number[] =>
  (condition.kind === 'class' ? [batch] : [batch, condition.length]);

/** What a denoiser is told besides x: the embedding of time and condition [B, E], and the words of a text [B, L, W]. */
interface Told {
  readonly embedding: Tensor;
  readonly tokens?: Tensor;
}

/**
 * f(x_t, t, c), the estimate of the clean data behind x_t = alpha x + sigma eps, [B, ...]. `condition` is int32 of
 * `conditionShape`, class or word numbers.
 */
export function signal(spec: DenoiserSpec, scope: Scope, x: Tensor, times: Times, condition?: Tensor): Tensor {
  if (spec.network.name === 'exact') return posteriorMean(spec.network, x, times);
  return estimate(spec, network(spec, scope, x, tell(spec, scope, times.t, condition)), x, times);
}

/** What `network` is trained to put out for clean data x0 and noise. */
export function target({ predict }: DenoiserSpec, x0: Tensor, noise: Tensor, times: Times): Tensor {
  const [alpha, sigma] = levels(times, x0);
  if (predict === 'v') return noise.mul(alpha).sub(x0.mul(sigma));
  return predict === 'x0' ? x0 : noise;
}

/** The network's output for x_t: [B, ...]. */
export function prediction(spec: DenoiserSpec, scope: Scope, x: Tensor, { t }: Times, condition?: Tensor): Tensor {
  return network(spec, scope, x, tell(spec, scope, t, condition));
}

/** The estimate of the clean data in a network's output. */
function estimate({ predict }: DenoiserSpec, out: Tensor, x: Tensor, times: Times): Tensor {
  const [alpha, sigma] = levels(times, x);
  if (predict === 'v') return x.mul(alpha).sub(out.mul(sigma));
  return predict === 'x0' ? out : x.sub(out.mul(sigma)).div(alpha);
}

function network(spec: DenoiserSpec, scope: Scope, x: Tensor, told: Told): Tensor {
  const { network: net } = spec;
  if (net.name === 'unet') return unet(scope, x, told, net);
  if (net.name === 'exact') throw new Error('a closed form has no network');
  let y = silu(linear(scope.at('layers').at(0), x, net.hidden).add(told.embedding));
  for (let i = 1; i < net.layers; i++) y = silu(linear(scope.at('layers').at(i), y, net.hidden));
  return linear(scope.at('out'), y, x.shape[1]!);
}

function tell(spec: DenoiserSpec, scope: Scope, t: Tensor, condition?: Tensor): Told {
  const embedding = timeEmbedding(spec, scope.at('time'), t);
  if (!spec.condition || !condition) return { embedding };
  if (spec.condition.kind === 'class') {
    // The last row is that of the empty condition.
    const table = scope.at('class').param('weight', [spec.condition.classes.length + 1, embedding.shape[1]!], init.normal(0.02));
    return { embedding: embedding.add(gather(table, condition)) };
  }
  const tokens = encodeWords(spec.condition, scope.at('text'), condition);
  const pooled = linear(scope.at('text').at('pooled'), tokens.mean(1), embedding.shape[1]!);
  return { embedding: embedding.add(pooled), ...(spec.network.name === 'unet' && { tokens }) };
}

/** Units of the embedding of time and condition. */
const embeddingWidth = ({ network: net }: DenoiserSpec): number =>
  (net.name === 'unet' ? 4 * net.channels : net.name === 'mlp' ? net.hidden : 0);

/** t [B] -> [B, E]: sines and cosines, and two layers for a U-Net, one for an MLP. */
function timeEmbedding(spec: DenoiserSpec, scope: Scope, t: Tensor): Tensor {
  const width = embeddingWidth(spec);
  if (spec.network.name !== 'unet') return linear(scope, waves(t, OCTAVES), width);
  return linear(scope.at(2), silu(linear(scope.at(0), waves(t, timesteps(spec.network.channels / 2)), width)), width);
}

/** Frequencies of the sines of a point's time: half a cycle over [0, 1] and its octaves, the last 64 cycles. */
const OCTAVES = Float32Array.from({ length: 8 }, (_, i) => Math.PI * 2 ** i);

/** Those of an image's: from 1 down to 1e-4 per step of 1000 (Vaswani et al. 2017). */
const timesteps = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => 1000 * 10000 ** (-i / count));

/** Sine and cosine of t [B] at every frequency: [B, 2 F]. */
function waves(t: Tensor, frequencies: Float32Array): Tensor {
  const angles = unsqueeze(t, 1).mul(constant(float32([frequencies.length], frequencies)));
  return concat([sin(angles), cos(angles)], 1);
}

/** How a one-step student differs from its teacher's network. */
export interface StudentSpec {
  /** Its input is noise of this time; the teacher's embedding of it stays. */
  readonly tMax: number;
  readonly tMin: number;
  /** The wanted time is told by an embedding of its own that starts at zero, or in the place of the noise's time. */
  readonly timeCondition: 'added' | 'target';
  /** It is told the strength of guidance, up to this. */
  readonly guidanceMax?: number;
}

/** The times of a student: that of its noise, and the one it is asked for, t float32 [B]. */
export interface StudentTimes {
  readonly noise: Times;
  readonly wanted: Tensor;
}

/**
 * g(eps, t, c): a student's estimate of y_t = (x_t - sigma_t eps) / alpha_t, the signal in its teacher's state at time t on the
 * path that starts at the noise eps (Gu et al. 2023). `guidance` [B] is the strength that the teacher would be guided with.
 */
export function studentSignal(
  spec: DenoiserSpec, student: StudentSpec, scope: Scope, noise: Tensor, times: StudentTimes,
  condition?: Tensor, guidance?: Tensor,
): Tensor {
  const added = student.timeCondition === 'added';
  const told = tell(spec, scope, added ? times.noise.t : times.wanted, condition);
  const width = embeddingWidth(spec);
  const further = (name: string, value: Tensor): Tensor => {
    const hidden = silu(linear(scope.at(name).at(0), waves(value, OCTAVES), width));
    return linear(scope.at(name).at(2), hidden, width, { init: init.zeros, biasInit: init.zeros });
  };
  const embedding = [
    ...(added ? [further('wanted', times.wanted)] : []),
    ...(guidance ? [further('guidance', guidance.mul(1 / student.guidanceMax!))] : []),
  ].reduce((sum, part) => add(sum, part), told.embedding);
  return estimate(spec, network(spec, scope, noise, { ...told, embedding }), noise, times.noise);
}

/**
 * E[x | x_t] of a mixture of K equal Gaussians N(m_k, std^2), x_t [B, D]: under component k, x_t is N(alpha m_k, v) with
 * v = alpha^2 std^2 + sigma^2, and its mean is m_k + (alpha std^2 / v) (x_t - alpha m_k).
 */
function posteriorMean({ means, std }: Mixture, x: Tensor, times: Times): Tensor {
  const [alpha, sigma] = levels(times, x);
  const variance = square(alpha).mul(std * std).add(square(sigma));
  const centres = constant(float32([means.length, means[0]!.length], means.flat()));
  // log p(k | x_t) up to a constant: (alpha x.m_k - alpha^2 |m_k|^2 / 2) / v.
  const projections = matmul(x, centres, { tb: true });
  const halfNorms = constant(float32([means.length], means.map((m) => m.reduce((sum, v) => sum + v * v, 0) / 2)));
  const posterior = softmax(mul(sub(projections, mul(alpha, halfNorms)), alpha.div(variance)));
  const mean = matmul(posterior, centres);
  return mean.add(x.sub(mean.mul(alpha)).mul(alpha.mul(std * std).div(variance)));
}
