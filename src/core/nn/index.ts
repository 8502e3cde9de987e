/** Layers and encoders: functions that ask a scope for their parameters. */
export * from './scope.js';
export * as init from './init.js';
export * from './layers.js';
export * from './norm.js';
export * from './heads.js';
export * from './resnet.js';
export * from './vgg.js';
export * from './regnet.js';
export * from './convnet.js';
export * from './distillnet.js';
export * from './alexnet.js';
export * from './efficientnet.js';
export * from './transformer.js';
export * from './unet.js';
export * from './encoders.js';
export * from './audiontt.js';
export * from './matrices.js';
export * from './predictors.js';
