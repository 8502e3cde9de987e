export * from './train.js';
export * from './embed.js';
export * from './embed-sounds.js';
export * from './monitor.js';
export * from './supervised.js';
export * from './prune.js';
