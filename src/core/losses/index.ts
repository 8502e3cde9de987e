export * from './byol.js';
export * from './cross-entropy.js';
