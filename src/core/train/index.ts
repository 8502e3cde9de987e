export * from './train.js';
export * from './embed.js';
