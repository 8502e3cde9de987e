import type { Workload } from './workload.js';
import { ddim } from './ddim.js';
import { docking } from './docking.js';
import { krrst } from './krrst.js';
import { w1 } from './w1-byol-resnet18.js';
import { w2 } from './w2-byol-a.js';
import { w3 } from './w3-t-jepa.js';
import { w4 } from './w4-ddpm-unet.js';
import { w5 } from './w5-td3-bc.js';
import { w6 } from './w6-bmg.js';
import { w7 } from './w7-simsiam.js';
import { w8 } from './w8-swav.js';
import { w9 } from './w9-byol-group.js';

export type { ProgramOptions, Sizes, Workload } from './workload.js';

/** The steps that are measured against PyTorch. */
export const workloads: readonly Workload[] = [w1, w2, w3, w4, w5, w6, w7, w8, w9, krrst, ddim, docking];
