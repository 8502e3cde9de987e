import { sub, type Operand } from '../graph/index.js';
import { assign, type Scope } from '../nn/index.js';

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
