export * from './train.js';
export * from './embed.js';
export * from './monitor.js';
