import { float32, int32, sizeOf, type NdArray } from '../../src/core/array.js';
import * as g from '../../src/core/graph/index.js';
import type { GraphDtype, Range, Shape, Tensor } from '../../src/core/graph/index.js';
import { stream } from '../../src/core/random.js';

/** One use of a primitive: what it is given and the graph that uses it. */
export interface Sample {
  readonly arrays: readonly NdArray[];
  readonly build: (...inputs: Tensor[]) => Tensor;
}

/** Draws shapes and values, the same for the same name. */
class Draw {
  private readonly random;

  constructor(name: string) {
    this.random = stream(11, name);
  }

  /** A whole number from low to high, both included. */
  int(low: number, high: number): number {
    return low + this.random.int(high - low + 1);
  }

  flip(): boolean {
    return this.int(0, 1) === 1;
  }

  of<T>(...choices: readonly T[]): T {
    return choices[this.int(0, choices.length - 1)]!;
  }

  shape(rank = this.int(0, 4), largest = 5): number[] {
    return Array.from({ length: rank }, () => this.int(1, largest));
  }

  /** Two shapes that broadcast together: axes of 1, and leading axes that one of them lacks. */
  shapes(): [number[], number[]] {
    const full = this.shape();
    const part = (): number[] => full.slice(this.int(0, full.length)).map((n) => (this.int(0, 3) ? n : 1));
    return this.flip() ? [full, part()] : [part(), full];
  }

  axes(rank: number): number[] {
    const all = [...Array(rank).keys()].filter(() => this.flip());
    return all.length ? all : [this.int(0, rank - 1)];
  }

  normal(shape: Shape, scale = 1): NdArray {
    return float32(shape, this.random.normal(sizeOf(shape), 0, scale));
  }

  /** Values between low and high, which may keep away from 0. */
  between(shape: Shape, low: number, high: number): NdArray {
    return float32(shape, this.random.uniform(sizeOf(shape), low, high));
  }

  /** Halves from -2 to 2: zeros and ties are frequent. */
  halves(shape: Shape): NdArray {
    return float32(shape, Float32Array.from(this.random.integers(sizeOf(shape), 9), (n) => (n - 4) / 2));
  }

  integers(shape: Shape, low: number, high: number): NdArray {
    return int32(shape, this.random.integers(sizeOf(shape), high - low + 1).map((n) => n + low));
  }

  /** Of either dtype of the graph. */
  any(shape: Shape): NdArray {
    return this.flip() ? this.normal(shape) : this.integers(shape, -9, 9);
  }

  order(rank: number): number[] {
    return [...this.random.permutation(rank)];
  }
}

type Make = (d: Draw) => Sample;

const wide = (d: Draw, shape: Shape): NdArray => d.normal(shape, 2);
const unary = (build: (x: Tensor) => Tensor, values = wide): Make => (d) =>
  ({ arrays: [values(d, d.shape())], build: (x) => build(x!) });
const positive = (d: Draw, shape: Shape): NdArray => d.between(shape, 0.1, 5);
const tied = (d: Draw, shape: Shape): NdArray => d.halves(shape);

const binary = (build: (x: Tensor, y: Tensor) => Tensor, values: (d: Draw, shape: Shape, dtype: GraphDtype) => NdArray): Make =>
  (d) => {
    const [dtype, shapes] = [d.of<GraphDtype>('float32', 'int32'), d.shapes()];
    return { arrays: shapes.map((shape) => values(d, shape, dtype)), build: (x, y) => build(x!, y!) };
  };
const numbers = (d: Draw, shape: Shape, dtype: GraphDtype): NdArray =>
  (dtype === 'int32' ? d.integers(shape, -9, 9) : d.normal(shape));
const tiedNumbers = (d: Draw, shape: Shape, dtype: GraphDtype): NdArray =>
  (dtype === 'int32' ? d.integers(shape, -2, 2) : d.halves(shape));
const withoutZero = (d: Draw, shape: Shape, dtype: GraphDtype): NdArray =>
  (dtype === 'int32' ? d.integers(shape, 1, 9) : d.between(shape, 0.5, 2));

const reduction = (build: (x: Tensor, axes: number[], keep: boolean) => Tensor): Make => (d) => {
  const shape = d.shape(d.int(1, 4));
  const [axes, keep] = [d.axes(shape.length), d.flip()];
  return { arrays: [d.any(shape)], build: (x) => build(x!, axes, keep) };
};

/** The operands of a convolution of any kind: groups, channels that stay apart, strides that leave pixels over. */
function convolution(d: Draw, build: (x: Tensor, w: Tensor, dy: Tensor, attrs: g.ConvAttrs) => Tensor): Sample {
  const depthwise = d.int(0, 2) === 0;
  const groups = depthwise ? d.int(2, 4) : d.int(1, 3);
  const perGroup = depthwise ? 1 : d.int(1, 3);
  const out = groups * d.int(1, 2);
  const attrs = { stride: d.int(1, 3), padding: d.int(0, 2), dilation: d.int(1, 2), groups };
  const [kh, kw] = [d.int(1, 3), d.int(1, 3)];
  const extents = [kh, kw].map((k) => attrs.dilation * (k - 1) + 1 + d.int(0, 4)) as [number, number];
  const [h, w] = [kh, kw].map((k, i) =>
    Math.floor((extents[i]! + 2 * attrs.padding - attrs.dilation * (k - 1) - 1) / attrs.stride) + 1);
  const n = d.int(1, 2);
  const arrays = [d.normal([n, groups * perGroup, ...extents]), d.normal([out, perGroup, kh, kw]), d.normal([n, out, h!, w!])];
  return { arrays, build: (x, filter, dy) => build(x!, filter!, dy!, attrs) };
}

interface Windows {
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
}

const maxPool = (build: (x: Tensor, attrs: Windows, shape: Shape) => Tensor): Make => (d) => {
  const size = d.int(2, 3);
  const attrs = { size, stride: d.int(1, 3), padding: d.int(0, 1) };
  const shape = [d.int(1, 2), d.int(1, 3), size + d.int(0, 4), size + d.int(0, 4)];
  const extents = shape.slice(2).map((n) => Math.floor((n + 2 * attrs.padding - size) / attrs.stride) + 1);
  return { arrays: [d.halves(shape)], build: (x) => build(x!, attrs, [...shape.slice(0, 2), ...extents]) };
};

const maps = (d: Draw, factor: number): number[] => [d.int(1, 2), d.int(1, 3), factor * d.int(1, 3), factor * d.int(1, 3)];

const normalised = (op: 'batchNorm' | 'batchMean' | 'batchVariance'): Make => (d) => {
  const shape = [d.int(2, 5), ...d.shape(d.of(1, 3))];
  const channels = shape[1]!;
  const result = op === 'batchNorm' ? shape : [channels];
  return {
    arrays: [d.normal(shape, 3), d.normal([channels]), d.normal([channels])],
    build: (...inputs) => g.node(op, inputs, { eps: 1e-3 }, result),
  };
};

const ridge = (op: string): Make => (d) => {
  const [m, k, c] = [d.int(1, 40), d.int(1, 9), d.int(1, 4)];
  const [features, targets, gradient] = [d.normal([m, k]), d.normal([m, c]), d.normal([k, c])];
  const attrs = { ridge: d.of(1e-1, 1e-3) };
  if (op === 'ridgeWeights') return { arrays: [features, targets], build: (...inputs) => g.node(op, inputs, attrs, [k, c]) };
  if (op === 'ridgeTargetsGrad') return { arrays: [features, gradient], build: (...inputs) => g.node(op, inputs, attrs, [m, c]) };
  return { arrays: [features, targets, gradient], build: (...inputs) => g.node(op, inputs, attrs, [m, k]) };
};

/** Random uses of every primitive of the graph, by its name. */
const samples: Readonly<Record<string, Make>> = {
  scalar: (d) => {
    const value = d.between([], -9, 9).data[0] as number;
    return { arrays: [d.normal(d.shape())], build: (x) => x!.add(g.constant(value)) };
  },
  constant: (d) => {
    const value = d.any(d.shape());
    return { arrays: [], build: () => g.constant(value) };
  },
  stopGradient: unary(g.stopGradient),
  withGradient: unary((x) => g.withGradient(x.mul(2), [x], (gradient) => [gradient])),
  after: (d) => ({
    arrays: [d.normal(d.shape()), d.normal(d.shape(d.int(1, 3)))],
    build: (x, trigger) => g.node('after', [x!, trigger!], {}, x!.shape),
  }),

  neg: unary(g.neg, (d, shape) => d.any(shape)),
  exp: unary(g.exp),
  log: unary(g.log, positive),
  sqrt: unary(g.sqrt, positive),
  recip: unary(g.recip, positive),
  tanh: unary(g.tanh),
  sigmoid: unary(g.sigmoid),
  erf: unary(g.erf),
  sin: unary(g.sin),
  cos: unary(g.cos),
  abs: unary(g.abs),
  floor: unary(g.floor, (d, shape) => (d.flip() ? d.halves(shape) : d.normal(shape, 3))),
  relu: unary(g.relu, tied),
  softplus: unary(g.softplus, (d, shape) => d.normal(shape, 20)),
  step: unary(g.step, tied),
  sign: unary(g.sign, tied),
  gelu: unary(g.gelu),
  silu: unary(g.silu),
  clip: unary((x) => g.clip(x, -0.5, 1), tied),
  cast: (d) => {
    const to = d.of<GraphDtype>('float32', 'int32');
    const array = to === 'int32' ? d.normal(d.shape(), 3) : d.integers(d.shape(), -9, 9);
    return { arrays: [array], build: (x) => g.cast(x!, to) };
  },

  add: binary(g.add, numbers),
  sub: binary(g.sub, numbers),
  mul: binary(g.mul, numbers),
  div: (d) => {
    const [dtype, [a, b]] = [d.of<GraphDtype>('float32', 'int32'), d.shapes()];
    return { arrays: [numbers(d, a, dtype), withoutZero(d, b, dtype)], build: (x, y) => g.div(x!, y!) };
  },
  maximum: binary(g.maximum, tiedNumbers),
  minimum: binary(g.minimum, tiedNumbers),
  gtMask: binary(g.gt, tiedNumbers),
  geMask: binary(g.ge, tiedNumbers),
  eqMask: binary(g.eq, tiedNumbers),
  where: (d) => {
    const [a, b] = d.shapes();
    const condition = d.halves(d.of(a, b));
    return { arrays: [condition, d.normal(a), d.normal(b)], build: (c, x, y) => g.where(c!, x!, y!) };
  },

  sum: reduction(g.sum),
  max: reduction(g.max),
  expand: (d) => {
    const full = d.shape(d.int(1, 4));
    const from = [1, ...full.slice(d.int(1, full.length)).map((n) => (d.flip() ? n : 1))];
    const shape = from.length > full.length ? [2, ...full] : full.map((n, axis) => (axis === 0 && n === 1 ? 3 : n));
    return { arrays: [d.any(from)], build: (x) => g.expand(x!, shape) };
  },
  reshape: (d) => {
    const shape = d.shape(3);
    const to = d.of([-1], [shape[0]!, -1], [-1, 1, shape[2]!], [1, -1, shape[1]!, 1]);
    return { arrays: [d.any(shape)], build: (x) => x!.reshape(to) };
  },
  transpose: (d) => {
    const shape = d.shape(d.int(2, 5));
    const order = d.order(shape.length);
    return { arrays: [d.any(shape)], build: (x) => g.transpose(x!, order) };
  },
  slice: (d) => {
    const shape = d.shape(d.int(1, 4), 7);
    const ranges = shape.map((n): Range => {
      const [low, high] = [d.int(0, n - 1), d.int(0, n - 1)].sort((a, b) => a - b) as [number, number];
      return d.of<Range>(null, [low, high + 1], [low, high + 1, d.int(1, 3)], [high, low - 1, -d.int(1, 3)]);
    });
    return { arrays: [d.any(shape)], build: (x) => x!.slice(ranges) };
  },
  pad: (d) => {
    const shape = d.shape(d.int(1, 4));
    const padding = shape.map(() => [d.int(0, 2), d.int(0, 2), d.int(0, 2)] as const);
    const value = d.of(0, -1.5);
    return { arrays: [d.normal(shape)], build: (x) => g.pad(x!, padding, value) };
  },
  concat: (d) => {
    const shape = d.shape(d.int(1, 4));
    const axis = d.int(0, shape.length - 1);
    const arrays = Array.from({ length: d.int(2, 4) }, () => d.normal(shape.map((n, i) => (i === axis ? d.int(1, 4) : n))));
    return { arrays, build: (...inputs) => g.concat(inputs, axis) };
  },

  matmul: (d) => {
    const [lead, other] = d.shapes();
    const [m, k, n] = [d.int(1, 7), d.int(1, 7), d.int(1, 7)];
    const [ta, tb] = [d.flip(), d.flip()];
    return {
      arrays: [d.normal([...lead, ...(ta ? [k, m] : [m, k])]), d.normal([...other, ...(tb ? [n, k] : [k, n])])],
      build: (x, y) => g.matmul(x!, y!, { ta, tb }),
    };
  },
  ridgeWeights: ridge('ridgeWeights'),
  ridgeFeaturesGrad: ridge('ridgeFeaturesGrad'),
  ridgeTargetsGrad: ridge('ridgeTargetsGrad'),
  conv: (d) => convolution(d, (x, w, _, attrs) => g.conv2d(x, w, attrs)),
  convInputGrad: (d) => convolution(d, (x, w, dy, attrs) => g.convInputGrad(dy, w, x.shape, attrs)),
  convFilterGrad: (d) => convolution(d, (x, w, dy, attrs) => g.convFilterGrad(x, dy, w.shape, attrs)),

  maxPool: maxPool((x, attrs, shape) => g.node('maxPool', [x], { ...attrs }, shape)),
  maxPoolTiles: (d) => {
    const size = d.int(2, 3);
    return { arrays: [d.halves(maps(d, size))], build: (x) => g.maxPool2d(x!, { size }) };
  },
  maxPoolIndices: maxPool((x, attrs, shape) => g.node('maxPoolIndices', [x], { ...attrs }, shape, 'int32')),
  upsample: (d) => {
    const scale = d.int(2, 3);
    return { arrays: [d.normal(maps(d, 1))], build: (x) => g.upsample(x!, scale) };
  },
  sumPool: (d) => {
    const scale = d.int(2, 3);
    return { arrays: [d.normal(maps(d, scale))], build: (x) => g.sumPool(x!, scale) };
  },

  gather: (d) => {
    const shape = d.shape(d.int(1, 3));
    return { arrays: [d.any(shape), d.integers(d.shape(d.int(1, 3)), 0, shape[0]! - 1)], build: (x, i) => g.gather(x!, i!) };
  },
  scatterAdd: (d) => {
    const [at, rest, rows] = [d.shape(d.int(1, 2)), d.shape(d.int(0, 2)), d.int(1, 4)];
    return { arrays: [d.normal([...at, ...rest]), d.integers(at, 0, rows - 1)], build: (x, i) => g.scatterAdd(x!, i!, rows) };
  },
  scatterFlat: (d) => {
    const [at, shape] = [d.shape(d.int(1, 3)), d.shape(d.int(1, 3))];
    return {
      arrays: [d.normal(at), d.integers(at, 0, sizeOf(shape) - 1)],
      build: (x, i) => g.node('scatterFlat', [x!, i!], { shape }, shape),
    };
  },
  argmax: (d) => {
    const shape = d.shape(d.int(1, 4));
    const axis = d.int(0, shape.length - 1);
    return { arrays: [d.halves(shape)], build: (x) => g.argmax(x!, axis) };
  },

  softmax: (d) => ({ arrays: [d.normal(d.shape(d.int(1, 4)), 3)], build: (x) => g.softmax(x!) }),
  standardize: (d) => ({ arrays: [d.normal(d.shape(d.int(1, 4)), 3)], build: (x) => g.standardize(x!, 1e-3) }),
  inverseStd: (d) => ({
    arrays: [d.normal(d.shape(d.int(1, 4)), 3)],
    build: (x) => g.node('inverseStd', [x!], { eps: 1e-3 }, [...x!.shape.slice(0, -1), 1]),
  }),
  affine: (d) => {
    const shape = d.shape(d.int(2, 4));
    return { arrays: [d.normal(shape), d.normal([shape[1]!]), d.normal([shape[1]!])], build: (x, a, b) => g.affine(x!, a!, b!) };
  },
  batchNorm: normalised('batchNorm'),
  batchMean: normalised('batchMean'),
  batchVariance: normalised('batchVariance'),
};

export const sampledPrimitives: readonly string[] = Object.keys(samples);

/** The `number`-th random use of a primitive. */
export const sampleOf = (primitive: string, number: number): Sample => samples[primitive]!(new Draw(`${primitive} ${number}`));
