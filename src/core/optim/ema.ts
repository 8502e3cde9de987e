import { sub, type Operand } from '../graph/index.js';
import { assign, init, type Scope } from '../nn/index.js';

/**
 * Moves the target's parameters towards the online ones after the optimiser's step: xi <- tau xi + (1 - tau) theta, for every
 * parameter under `target` (BYOL's slow copy; its own running statistics stay its own).
 */
export function emaUpdate(target: Scope, online: Scope, tau: Operand): void {
  for (const xi of target.parameters) {
    const theta = target.counterpart(xi, online);
    assign(xi, xi.tensor.mul(tau).add((theta.next ?? theta.tensor).mul(sub(1, tau))));
  }
}

/**
 * Keeps a moving average of all parameters of a network below `average`, starting from the network's own first values: for
 * networks that are only averaged, never run within the step.
 */
export function averageParameters(average: Scope, online: Scope, tau: Operand): void {
  const copies = average.startingFrom(online);
  const within = online.path.length + 1;
  for (const { name, tensor } of online.parameters) copies.param(name.slice(within), tensor.shape, init.zeros);
  emaUpdate(average, online, tau);
}

/** Decay of such an average at step k: at most `decay`, and small at first: a short run is no average with its start. */
export const rampedDecay = (k: number, decay: number): number => Math.min(decay, (1 + k) / (10 + k));
