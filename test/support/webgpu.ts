import { existsSync } from 'node:fs';
import { compile } from '../../src/core/engine/index.js';
import { input, trace } from '../../src/core/graph/index.js';

/** The software Vulkan driver that Debian's chromium package brings. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/**
 * Why no WebGPU adapter can be used, or undefined where one can. Takes the driver that VK_DRIVER_FILES names, else SwiftShader,
 * else whatever the system has. Has to run before anything else in the process looks for an adapter.
 */
export async function webgpuProblem(): Promise<string | undefined> {
  if (!process.env.VK_DRIVER_FILES && !process.env.VK_ICD_FILENAMES && existsSync(SWIFTSHADER)) {
    process.env.VK_DRIVER_FILES = SWIFTSHADER;
    process.env.VK_ICD_FILENAMES = SWIFTSHADER; // the older name, for loaders before 1.3.207
  }
  const program = trace(() => {
    const x = input('x', [1]);
    return { name: 'probe', inputs: [x], state: [], outputs: new Map([['y', x.add(1)]]) };
  });
  try {
    compile(program, { device: 'webgpu' }).dispose();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
