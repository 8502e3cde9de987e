/** A function to minimise: writes its gradient at `x` into `gradient` and returns its value. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Curvature pairs kept (10). */
  readonly memory?: number;
  /** Converged where no entry of the gradient is larger than this in magnitude (1e-5). */
  readonly tolerance?: number;
  /** Iterations, each one line search (1000). */
  readonly maxIterations?: number;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  /** Largest magnitude among the gradient's entries at `x`. */
  readonly gradientNorm: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly converged: boolean;
}

interface Pair { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }

interface Point { readonly x: Float64Array; readonly gradient: Float64Array; readonly value: number }

const ARMIJO = 1e-4;
const CURVATURE = 0.9;
const MAX_TRIALS = 40;

/**
 * Minimises a smooth function from `start` by L-BFGS (Nocedal and Wright, algorithms 7.4 and 7.5) with a line search
 * for the strong Wolfe conditions. Stops unconverged where the line search finds no lower point.
 */
export function minimize(objective: Objective, start: Float64Array, options: LbfgsOptions = {}): Minimum {
  const { memory = 10, tolerance = 1e-5, maxIterations = 1000 } = options;
  let evaluations = 0;
  const evaluate = (x: Float64Array): Point => {
    const gradient = new Float64Array(x.length);
    evaluations++;
    return { x, gradient, value: objective(x, gradient) };
  };
  let pairs: Pair[] = [];
  let point = evaluate(start.slice());
  let iterations = 0;
  while (iterations < maxIterations && largest(point.gradient) > tolerance) {
    const direction = descentDirection(point.gradient, pairs);
    // Without curvature the gradient says nothing about scale: the first trial moves by at most 1.
    const firstStep = pairs.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(dot(direction, direction)));
    const next = lineSearch(evaluate, point, direction, firstStep);
    if (!next) {
      if (pairs.length === 0) break;
      pairs = [];
      continue;
    }
    iterations++;
    const s = difference(next.x, point.x);
    const y = difference(next.gradient, point.gradient);
    const curvature = dot(s, y);
    if (curvature > 1e-10 * Math.sqrt(dot(s, s) * dot(y, y))) {
      pairs.push({ s, y, rho: 1 / curvature });
      if (pairs.length > memory) pairs.shift();
    }
    point = next;
  }
  const gradientNorm = largest(point.gradient);
  const { x, value } = point;
  return { x, value, gradientNorm, iterations, evaluations, converged: gradientNorm <= tolerance };
}

/** -H g by the two-loop recursion, H scaled by the newest pair. */
function descentDirection(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    alphas[i] = pairs[i].rho * dot(pairs[i].s, direction);
    addScaled(direction, -alphas[i], pairs[i].y);
  }
  const newest = pairs.at(-1);
  if (newest) {
    const scale = 1 / (newest.rho * dot(newest.y, newest.y));
    for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  }
  pairs.forEach(({ s, y, rho }, i) => addScaled(direction, alphas[i] - rho * dot(y, direction), s));
  return direction;
}

/**
 * A point along `direction` that satisfies the strong Wolfe conditions, by doubling and bisection of a bracket;
 * undefined where none lower than `from` turns up.
 */
function lineSearch(
  evaluate: (x: Float64Array) => Point, from: Point, direction: Float64Array, firstStep: number,
): Point | undefined {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  // At the optimum a decrease drowns in rounding; the gradient still tells a good step there.
  const rounding = 4 * Number.EPSILON * Math.abs(from.value);
  let low = 0;
  let high = Infinity;
  let step = firstStep;
  let lowest: Point | undefined;
  for (let trial = 0; trial < MAX_TRIALS; trial++) {
    const x = from.x.slice();
    addScaled(x, step, direction);
    const point = evaluate(x);
    const trialSlope = dot(point.gradient, direction);
    const decreased = point.value <= from.value + ARMIJO * step * slope + rounding;
    if (decreased && Math.abs(trialSlope) <= -CURVATURE * slope) return point;
    if (decreased && point.value < (lowest ?? from).value) lowest = point;
    // A value that is not a number counts as too far.
    if (decreased && trialSlope < 0) low = step;
    else high = step;
    step = high < Infinity ? (low + high) / 2 : 2 * step;
  }
  return lowest;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addScaled(to: Float64Array, scale: number, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] += scale * from[i];
}

const difference = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value - b[i]);

function largest(values: Float64Array): number {
  let max = 0;
  for (const value of values) max = Math.max(max, Math.abs(value));
  return max;
}
