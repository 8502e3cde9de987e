/** The graph language: symbolic tensors, primitives and their gradients. Knows no device and no file. */
import './fluent.js';

export * from './tensor.js';
export * from './elementwise.js';
export * from './shape.js';
export * from './linalg.js';
export * from './conv.js';
export * from './indexing.js';
export * from './normalize.js';
export * from './ridge.js';
export { grad, vjp, withGradient, defineGradient } from './grad.js';
export { remat } from './remat.js';
export { describeSite, type CallSite } from './source.js';
export * from './program.js';
