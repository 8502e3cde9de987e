import { square, type Tensor } from '../graph/index.js';

/** Mean over all elements of (prediction - target)^2, two tensors of one shape. */
export const meanSquaredError = (predicted: Tensor, target: Tensor): Tensor => square(predicted.sub(target)).mean();
