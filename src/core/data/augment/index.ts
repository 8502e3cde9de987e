/** Random views of images: drawn on the host as a plan, applied to whole batches on the device. */
export * from './views.js';
export {
  declarePlan, drawView, encodePlan, planInputs, planSpecs, planView,
  type ImageAugmentation, type Plan, type PlanTensors, type Rectangle, type ViewDims,
} from './plan.js';
export { augment, IMAGENET_STATISTICS, normalize, type ChannelStatistics } from './augment.js';
export {
  declareSiamese, drawSiamese, siamese, SIAMESE_KINDS, siameseInputs, type SiameseDims, type SiamesePlan, type SiameseTensors,
} from './siamese.js';
export type { JitterKind, JitterStep } from './jitter.js';
