import { valueInputs, type Tensor } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import { biasedConvs } from './conv.js';
import { expression, isElementwise, SAME_ELEMENTS, sumLayout } from './expression.js';
import { products } from './product.js';
import type { Step } from './unit.js';

/** Nodes that are written as one, in the place of the last of them. */
export interface Fusion {
  /** The others, which have no value of their own. */
  readonly inside: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  /** Whose name the node gets. */
  readonly named: Tensor;
  /** How it is written: as a step of byo's own operators, or by a function from its inputs' values to its own. */
  readonly as: Step | ((inputs: readonly string[], b: OnnxBuilder) => string);
}

/** The nodes that read each tensor, in their order. */
export function readersOf(
  nodes: readonly Tensor[], inputsOf: (node: Tensor) => readonly Tensor[],
): Map<Tensor, Tensor[]> {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    for (const value of inputsOf(node)) {
      const known = readers.get(value);
      if (known) known.push(node);
      else readers.set(value, [node]);
    }
  }
  return readers;
}

/** What is written as one among nodes in their order, by the last node of each; values of `written` are needed outside. */
export function fusions(nodes: readonly Tensor[], written: ReadonlySet<Tensor>, b: OnnxBuilder): Map<Tensor, Fusion> {
  const readers = readersOf(nodes, valueInputs);
  const found = new Map<Tensor, Fusion>();
  const taken = new Set<Tensor>();
  const add = (last: Tensor, fusion: Fusion) => {
    found.set(last, fusion);
    for (const node of [last, ...fusion.inside]) taken.add(node);
  };
  const readOnlyBy = (value: Tensor, reader: Tensor) =>
    !written.has(value) && readers.get(value)!.every((other) => other === reader);
  for (const [sum, fusion] of biasedConvs(nodes, readOnlyBy, b)) add(sum, fusion);
  for (const [last, fusion] of products(nodes, readers, readOnlyBy, b)) add(last, fusion);
  if (b.how.native) {
    for (const node of nodes) {
      const fusion = poolGradient(node, readOnlyBy);
      if (fusion) add(node, fusion);
    }
    for (const [root, fusion] of expressions(nodes.filter((node) => !taken.has(node)), readers, written)) found.set(root, fusion);
  }
  return found;
}

/** The gradient of a maximum over tiles (`maxPoolTiles`): mask by equality times gradient, both as large as the map. */
function poolGradient(node: Tensor, readOnlyBy: (value: Tensor, reader: Tensor) => boolean): Fusion | undefined {
  if (node.op !== 'mul') return undefined;
  const [mask, spread] = node.inputs as [Tensor, Tensor];
  if (mask.op !== 'eqMask' || spread.op !== 'upsample' || !readOnlyBy(mask, node) || !readOnlyBy(spread, node)) return undefined;
  const [largest, x] = mask.inputs as [Tensor, Tensor];
  const pooled = largest.inputs[0];
  const scale = spread.attrs.scale as number;
  if (largest.op !== 'upsample' || largest.attrs.scale !== scale) return undefined;
  const isPool = pooled!.op === 'maxPoolTiles' && pooled!.inputs[0] === x;
  if (!isPool || !readOnlyBy(largest, mask)) return undefined;
  return {
    inside: [mask, spread, largest], inputs: [x, pooled!, spread.inputs[0]!], named: node,
    as: (inputs, b) => b.native('MaxPoolGrad', inputs, node.shape, [scale]),
  };
}

/** Nodes of one expression at most. */
const MAX_NODES = 128;

/**
 * Expressions with one result: a node is a part of the one that all its readers are in, so that nothing is computed twice and
 * nothing in between is needed elsewhere. What an expression ends in is a primitive of its own or a sum.
 */
function expressions(
  nodes: readonly Tensor[], readers: ReadonlyMap<Tensor, readonly Tensor[]>, written: ReadonlySet<Tensor>,
): Map<Tensor, Fusion> {
  const rootOf = new Map<Tensor, Tensor>();
  const members = new Map<Tensor, Tensor[]>();
  const extent = (root: Tensor) => (root.op === 'sum' ? root.inputs[0]! : root).size;
  for (const node of [...nodes].reverse()) {
    const elementwise = isElementwise(node);
    const readIn = new Set((readers.get(node) ?? []).map((reader) => rootOf.get(reader)));
    const [root] = readIn;
    const joins = elementwise && readIn.size === 1 && root !== undefined && !written.has(node) && extent(root) === node.size
      && members.get(root)!.length < MAX_NODES;
    if (joins) {
      rootOf.set(node, root);
      members.get(root)!.push(node);
    } else if ((elementwise && !SAME_ELEMENTS.has(node.op)) || sumLayout(node)) {
      rootOf.set(node, node);
      members.set(node, []);
    }
  }
  const found = new Map<Tensor, Fusion>();
  for (const [root, others] of members) {
    const computing = [root, ...others].filter(({ op }) => !SAME_ELEMENTS.has(op));
    // A single operation is the runtime's, but where that rounds in another order than an expression.
    if (computing.length === 1 && root.op !== 'sum' && root.op !== 'affine') continue;
    const inside = [...others].reverse();
    const fused = expression(root, inside);
    if (fused) found.set(root, { inside, inputs: fused.inputs, named: root, as: fused.step });
  }
  return found;
}
