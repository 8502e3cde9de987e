export * from './frechet.js';
export * from './kernels.js';
export * from './manifold.js';
export * from './modes.js';
export * from './pairs.js';
export * from './resample.js';
export * from './sliced.js';
