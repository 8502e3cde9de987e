import {
  add, clip, div, grad, gt, maximum, minimum, mul, sqrt, square, sub, sum, where, type Operand, type Tensor,
} from '../graph/index.js';
import { assign, init, type Scope, type Variable } from '../nn/index.js';

/** A parameter and its gradient. */
export type Update = readonly [parameter: Variable, gradient: Tensor];

/** Each parameter with its gradient of the loss. */
export function updatesOf(loss: Tensor, parameters: readonly Variable[]): Update[] {
  const gradients = grad(loss, parameters.map(({ tensor }) => tensor));
  return parameters.map((parameter, i) => [parameter, gradients[i]!]);
}

/**
 * Optimisers: each assigns the parameters' next values and keeps its moments as variables under `scope`, one per parameter
 * and named after it. The learning rate is a scalar of the step, so that schedules stay on the host.
 */
export interface OptimizerOptions {
  readonly lr: Operand;
  readonly weightDecay?: number;
  /** Which parameters decay (and, in LARS and LAMB, get a trust ratio). */
  readonly decays?: (parameter: Variable) => boolean;
}

/** Weights, but not biases or the scales and offsets of normalisations: what BYOL's LARS decays and adapts. */
export const isWeight = ({ tensor }: Variable): boolean => tensor.rank > 1;
const always = (): boolean => true;

const slot = (scope: Scope, kind: string, { name, tensor }: Variable): Tensor =>
  scope.at(kind).buffer(name, tensor.shape, init.zeros);

const withDecay = (gradient: Tensor, parameter: Variable, { weightDecay = 0, decays = always }: OptimizerOptions): Tensor =>
  weightDecay > 0 && decays(parameter) ? gradient.add(parameter.tensor.mul(weightDecay)) : gradient;

export interface SgdOptions extends OptimizerOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/** m <- momentum m + g;  w <- w - lr m (Nesterov: w - lr (g + momentum m)), as torch.optim.SGD. */
export function sgd(scope: Scope, updates: readonly Update[], options: SgdOptions): void {
  const { lr, momentum = 0, nesterov = false } = options;
  for (const [parameter, gradient] of updates) {
    const g = withDecay(gradient, parameter, options);
    let direction = g;
    if (momentum > 0) {
      const m = slot(scope, 'momentum', parameter).mul(momentum).add(g);
      scope.at('momentum').assign(parameter.name, m);
      direction = nesterov ? g.add(m.mul(momentum)) : m;
    }
    assign(parameter, parameter.tensor.sub(direction.mul(lr)));
  }
}

export interface AdamOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  /** Decay the weights directly (AdamW, Loshchilov & Hutter 2019) instead of through the gradient. */
  readonly decoupled?: boolean;
}

/** Moments of Adam with their bias corrections; the corrections' powers are kept as two scalars. */
function adamMoments(scope: Scope, { beta1 = 0.9, beta2 = 0.999 }: AdamOptions) {
  const power = (name: string, beta: number) => {
    const next = scope.buffer(name, [], init.ones).mul(beta);
    scope.assign(name, next);
    return sub(1, next);
  };
  const [correction1, correction2] = [power('beta1_power', beta1), power('beta2_power', beta2)];
  return (parameter: Variable, g: Tensor) => {
    const m = slot(scope, 'exp_avg', parameter).mul(beta1).add(g.mul(1 - beta1));
    const v = slot(scope, 'exp_avg_sq', parameter).mul(beta2).add(square(g).mul(1 - beta2));
    scope.at('exp_avg').assign(parameter.name, m);
    scope.at('exp_avg_sq').assign(parameter.name, v);
    return { m, v, correction1, correction2 };
  };
}

/** Adam (Kingma & Ba 2015), with PyTorch's place of eps: w <- w - lr (m / c1) / (sqrt(v / c2) + eps). */
export function adam(scope: Scope, updates: readonly Update[], options: AdamOptions): void {
  const { lr, weightDecay = 0, eps = 1e-8, decoupled = false, decays = always } = options;
  const moments = adamMoments(scope, options);
  for (const [parameter, gradient] of updates) {
    const w = parameter.tensor;
    const { m, v, correction1, correction2 } = moments(parameter, decoupled ? gradient : withDecay(gradient, parameter, options));
    const denominator = sqrt(v).mul(div(1, sqrt(correction2))).add(eps);
    const shrink = decoupled && weightDecay > 0 && decays(parameter);
    const decayed = shrink ? w.mul(sub(1, mul(lr, weightDecay))) : w;
    assign(parameter, decayed.sub(div(m, denominator).mul(div(lr, correction1))));
  }
}

/** AdamW: Adam with decoupled weight decay. */
export const adamw = (scope: Scope, updates: readonly Update[], options: AdamOptions): void =>
  adam(scope, updates, { ...options, decoupled: true });

const norm = (x: Tensor): Tensor => sqrt(sum(square(x)));

/** ||w|| / ||update|| where both are positive, else 1. */
function trustRatio(w: Tensor, update: Tensor, eta = 1): Tensor {
  const [wNorm, uNorm] = [norm(w), norm(update)];
  const defined = mul(gt(wNorm, 0), gt(uNorm, 0));
  return where(defined, div(wNorm, maximum(uNorm, 1e-30)).mul(eta), 1);
}

export interface LarsOptions extends OptimizerOptions {
  readonly momentum?: number;
  /** Trust coefficient eta. */
  readonly trust?: number;
}

/**
 * LARS (You et al. 2017) as in BYOL's code: g <- g + wd w, scaled by eta ||w|| / ||g|| for weights; m <- 0.9 m + g;
 * w <- w - lr m. Parameters that do not decay get neither decay nor trust ratio.
 */
export function lars(scope: Scope, updates: readonly Update[], options: LarsOptions): void {
  const { lr, momentum = 0.9, trust = 1e-3, decays = isWeight } = options;
  for (const [parameter, gradient] of updates) {
    let g = withDecay(gradient, parameter, { ...options, decays });
    if (decays(parameter)) g = g.mul(trustRatio(parameter.tensor, g, trust));
    const m = slot(scope, 'momentum', parameter).mul(momentum).add(g);
    scope.at('momentum').assign(parameter.name, m);
    assign(parameter, parameter.tensor.sub(m.mul(lr)));
  }
}

export interface LarcOptions extends LarsOptions {
  readonly eps?: number;
  /** The scaled rate never exceeds the learning rate itself; `lr` has to be positive then. */
  readonly clip?: boolean;
}

/**
 * LARC (You et al. 2017, as in Apex and SwAV's code), for biases and normalisations too: where neither norm is 0,
 * g <- (g + wd w) trust ||w|| / (||g|| + wd ||w|| + eps); then SGD with momentum. A zero norm leaves g as it is, without decay.
 */
export function larc(scope: Scope, updates: readonly Update[], options: LarcOptions): void {
  const { lr, momentum = 0.9, weightDecay = 0, trust = 1e-3, eps = 1e-8, clip: clipped = false, decays = always } = options;
  const scaled = updates.map(([parameter, gradient]): Update => {
    if (!decays(parameter)) return [parameter, gradient];
    const [wNorm, gNorm] = [norm(parameter.tensor), norm(gradient)];
    const rate = div(wNorm.mul(trust), gNorm.add(wNorm.mul(weightDecay)).add(eps));
    const local = clipped ? minimum(div(rate, lr), 1) : rate;
    const adapted = withDecay(gradient, parameter, options).mul(local);
    return [parameter, where(mul(gt(wNorm, 0), gt(gNorm, 0)), adapted, gradient)];
  });
  sgd(scope, scaled, { lr, momentum });
}

/** LAMB (You et al. 2020, algorithm 2): Adam's direction plus decay, scaled per tensor by ||w|| / ||direction||. */
export function lamb(scope: Scope, updates: readonly Update[], options: AdamOptions): void {
  const { lr, weightDecay = 0, eps = 1e-6, decays = isWeight } = options;
  const moments = adamMoments(scope, options);
  for (const [parameter, gradient] of updates) {
    const w = parameter.tensor;
    const { m, v, correction1, correction2 } = moments(parameter, gradient);
    let direction = div(div(m, correction1), sqrt(div(v, correction2)).add(eps));
    if (decays(parameter)) {
      if (weightDecay > 0) direction = direction.add(w.mul(weightDecay));
      direction = direction.mul(trustRatio(w, direction));
    }
    assign(parameter, w.sub(direction.mul(lr)));
  }
}

/** The Euclidean length of all tensors as one vector. */
export const globalNorm = (tensors: readonly Tensor[]): Tensor =>
  sqrt(tensors.map((t) => sum(square(t))).reduce((a, b) => add(a, b)));

/** Gradients scaled so that their joint norm is at most `limit`; also returns the norm before. */
export function clipByGlobalNorm(gradients: readonly Tensor[], limit: number): { gradients: Tensor[]; norm: Tensor } {
  const total = globalNorm(gradients);
  const scale = clip(div(limit, total.add(1e-6)), 0, 1);
  return { gradients: gradients.map((g) => g.mul(scale)), norm: total };
}

/**
 * Gradient accumulation: keeps a running mean of the gradients under `scope` and lets `apply` (1 on every `every`-th step,
 * else 0) decide whether what the optimiser assigned takes effect.
 */
export function accumulate(
  scope: Scope, updates: readonly Update[], { every, apply }: { every: number; apply: Tensor },
  optimize: (updates: readonly Update[]) => void, assigned: () => readonly Variable[],
): void {
  const totals = updates.map(([parameter, gradient]): Update => {
    const total = slot(scope, 'accumulated', parameter).add(gradient.mul(1 / every));
    scope.at('accumulated').assign(parameter.name, total.mul(sub(1, apply)));
    return [parameter, total];
  });
  optimize(totals);
  const accumulators = new Set(scope.at('accumulated').variables);
  for (const variable of assigned()) {
    if (!variable.next || accumulators.has(variable)) continue;
    assign(variable, where(apply, variable.next, variable.tensor));
  }
}
