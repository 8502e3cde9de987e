export * from './barlow-twins.js';
export * from './byol.js';
export * from './cross-entropy.js';
export * from './kernel-ridge.js';
export * from './self-labeling.js';
export * from './simsiam.js';
export * from './swav.js';
export * from './dirichlet-multinomial.js';
