export * from './optimizers.js';
export * from './ema.js';
export * from './schedules.js';
