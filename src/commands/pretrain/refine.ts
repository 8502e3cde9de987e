import { choice, number, type Values } from '../../cli/options.js';
import { UsageError } from '../../core/errors.js';
import { where, type Tensor } from '../../core/graph/index.js';
import { ccslLoss, csslLoss } from '../../core/losses/index.js';
import type { Pair } from './predictor.js';

/** Self-labelling refinement (Garg & Jain 2022): images of a batch that look alike are pulled together as well. */
export const refineOptions = {
  refine: choice({ choices: ['none', 'ccsl', 'cssl'], default: 'none', help: 'also pull other images of the batch together that look alike: '
    + 'by cosines (ccsl) or by sigmoids of dot products (cssl)' }),
  thetaPos: number({ default: 0.8, help: 'similarity from which two images count as the same; above 1: never' }),
  thetaNeg: number({ default: 0.2, help: 'similarity up to which two images count as different' }),
  negWeight: number({ default: 0, min: 0, guess: true, help: 'weight of the pairs that count as different in ccsl' }),
  pairWeight: number({ default: 1, min: 0, guess: true, help: 'weight of the loss over pairs' }),
  pairMode: choice({ choices: ['auto', 'add', 'replace'], default: 'auto', guess: true, help: "whether the loss over pairs is added to BYOL's or "
    + 'replaces it; auto replaces it by ccsl and adds cssl' }),
  pairWarmup: number({ default: 0, min: 0, guess: true, help: "epochs of BYOL's loss alone at first, while all embeddings are still alike" }),
} as const;
type Options = Values<typeof refineOptions>;

/** Throws UsageError where a pair could count as both the same and different. */
export function checkRefine(o: Options): void {
  if (o.refine !== 'none' && o.thetaNeg >= o.thetaPos) {
    throw new UsageError(`--theta-neg ${o.thetaNeg} has to be below --theta-pos ${o.thetaPos}, else a pair counts as the same and as different`);
  }
}

/**
 * BYOL's loss, refined: `predictions` and `targets` [B, d] of both views, `byol` their loss in both directions, `pairing` 0 in a
 * warm-up and 1 after it. Reports the loss over pairs and the share of pairs of different images that count as the same.
 */
export function refined(
  [p1, p2]: Pair, [t1, t2]: Pair, byol: Tensor, pairing: Tensor | undefined, o: Options,
): { loss: Tensor; report: Record<string, Tensor> } {
  if (o.refine === 'none') return { loss: byol, report: {} };
  const direction = (p: Tensor, t: Tensor) => (o.refine === 'ccsl' ? ccslLoss(p, t, o) : csslLoss(p, t, o));
  const [forth, back] = [direction(p1, t2), direction(p2, t1)];
  const pairLoss = forth.loss.add(back.loss);
  const replaces = o.pairMode === 'auto' ? o.refine === 'ccsl' : o.pairMode === 'replace';
  const weighted = pairLoss.mul(o.pairWeight);
  const loss = replaces ? weighted : byol.add(weighted);
  return {
    loss: pairing ? where(pairing, loss, byol) : loss,
    report: { pairLoss, positives: forth.positives.add(back.positives).mul(0.5) },
  };
}
