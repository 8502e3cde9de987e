export * from './train.js';
export * from './embed.js';
export * from './table.js';
export * from './table-head.js';
export * from './embed-sounds.js';
export * from './monitor.js';
export * from './supervised.js';
export * from './prune.js';
