/** Diffusion models: noise schedules, denoisers, samplers and one-step students. */
export * from './schedule.js';
export * from './times.js';
export * from './samplers.js';
export * from './denoiser.js';
export * from './text.js';
export * from './model.js';
export * from './data.js';
export * from './generate.js';
export * from './boot.js';
export * from './learn.js';
