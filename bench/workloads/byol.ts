import { input, type Shape, type Tensor } from '../../src/core/graph/index.js';
import { byolLoss } from '../../src/core/losses/index.js';
import type { Scope } from '../../src/core/nn/index.js';

export interface ByolNetworks {
  /** Shape of a view. */
  readonly view: Shape;
  readonly encoder: (scope: Scope, view: Tensor) => Tensor;
  readonly projector: (scope: Scope, features: Tensor) => Tensor;
  readonly predictor: (scope: Scope, projection: Tensor) => Tensor;
}

/**
 * BYOL around any encoder: what W1 and W2 share (Grill et al. 2020, section 3). Each of the inputs `view1` and `view2` is a
 * forward pass of its own, so batch statistics are per view; the target is in training mode too. The loss sums both directions.
 */
export function byol(root: Scope, { view, encoder, projector, predictor }: ByolNetworks) {
  const project = (s: Scope, x: Tensor) => projector(s.at('projector'), encoder(s.at('encoder'), x));
  const views = [input('view1', view), input('view2', view)];
  const online = root.at('online');
  const target = root.at('target').startingFrom(online);
  const [p1, p2] = views.map((x) => predictor(online.at('predictor'), project(online, x))) as [Tensor, Tensor];
  const [z1, z2] = views.map((x) => project(target, x)) as [Tensor, Tensor];
  return { online, target, loss: byolLoss(p1, z2).add(byolLoss(p2, z1)) };
}
