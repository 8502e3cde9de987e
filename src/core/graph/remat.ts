import { defineGradient, vjp, withGradient } from './grad.js';
import { currentTrace, node, type Tensor } from './tensor.js';
import { reshape } from './shape.js';

/**
 * f(x), whose intermediate values are not kept for the backward pass but computed a second time when the gradient of f(x) has
 * arrived (rematerialisation, activation checkpointing; Chen et al. 2016). Values and gradients are the same to the last bit; of
 * the memory only x is held in between, and what f computes without x (filters that are standardised first, masks of dropout).
 * What f does on the side (running statistics, random draws) happens once.
 */
export function remat(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const y = f(x);
  const recomputed = between(x, y);
  if (recomputed.length === 0) return y;
  const inside = new Set(recomputed);
  const outer = new Set(recomputed.flatMap(({ inputs }) => inputs).filter((t) => t !== x && !inside.has(t) && t.dtype === 'float32'));
  const inputs = [x, ...outer];
  return withGradient(y, inputs, (g, needs) => {
    const start = after(x, g);
    const again = replay(recomputed, x, start);
    const wanted = [start, ...outer].filter((_, i) => needs[i]);
    const gradients = vjp([again], [g], wanted)[Symbol.iterator]();
    return inputs.map((_, i) => (needs[i] ? (gradients.next().value as Tensor) : undefined));
  });
}

/** x, which nobody can read before `trigger` has been computed. A node of its own, so what is made of it is made anew. */
const after = (x: Tensor, trigger: Tensor): Tensor =>
  node('after', [x, trigger.rank === 0 ? reshape(trigger, [1]) : trigger], {}, x.shape, x.dtype);

defineGradient('after', (_, g) => [g, undefined]);

/** The nodes that lead from x to y, in topological order; x itself is not among them, y is. */
function between(x: Tensor, y: Tensor): Tensor[] {
  const dependent = new Set([x]);
  for (const tensor of x.trace.nodes.slice(x.id + 1, y.id + 1)) {
    if (tensor.inputs.some((t) => dependent.has(t))) dependent.add(tensor);
  }
  const found = new Set<Tensor>();
  const pending = [y];
  for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
    if (tensor === x || found.has(tensor) || !dependent.has(tensor)) continue;
    found.add(tensor);
    pending.push(...tensor.inputs);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** The same computation from `start` in the place of x; the copy of its last node. */
function replay(nodes: readonly Tensor[], x: Tensor, start: Tensor): Tensor {
  const copies = new Map([[x, start]]);
  let last = start;
  for (const original of nodes) {
    last = currentTrace().again(original, original.inputs.map((t) => copies.get(t) ?? t));
    copies.set(original, last);
  }
  return last;
}
