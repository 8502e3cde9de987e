import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import type { Provider } from './onnx/builder.js';

export const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda', 'tensorflow'] as const;
export type Device = (typeof DEVICES)[number];
/** A device that is chosen: what `auto` may come to, and the others. */
export type Processor = Exclude<Device, 'auto'>;

export const isDevice = (name: string): name is Device => (DEVICES as readonly string[]).includes(name);

/** The device named by a person; throws UsageError for any other word. */
export function parseDevice(name: string): Device {
  if (isDevice(name)) return name;
  throw new UsageError(`device '${name}' does not exist; choose one of ${DEVICES.join(', ')}`);
}

/**
 * Physical cores: a second hyper-thread per core slows matrix products down. Falls back to the logical number where the
 * system does not tell.
 */
export function physicalCores(): number {
  const logical = availableParallelism();
  try {
    const info = readFileSync('/proc/cpuinfo', 'utf8');
    const ids = new Set([...info.matchAll(/physical id\s*:\s*(\d+)[\s\S]*?core id\s*:\s*(\d+)/g)].map((m) => `${m[1]}/${m[2]}`));
    return ids.size > 0 ? Math.min(ids.size, logical) : logical;
  } catch {
    return logical;
  }
}

/**
 * Whether a graphics driver is installed for WebGPU to look for. On Linux, where Vulkan's loader prints warnings when it finds
 * none, its manifests are looked up first; elsewhere the system has one.
 */
export function hasGraphicsDriver(environment: NodeJS.ProcessEnv = process.env): boolean {
  if (process.platform !== 'linux') return true;
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES } = environment;
  if (VK_DRIVER_FILES || VK_ICD_FILENAMES || VK_ADD_DRIVER_FILES) return true;
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = environment;
  const roots = [
    XDG_CONFIG_HOME || join(homedir(), '.config'), ...(XDG_CONFIG_DIRS || '/etc/xdg').split(':'), '/etc', '/usr/local/etc',
    XDG_DATA_HOME || join(homedir(), '.local/share'), ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
    '/run/opengl-driver/share',
  ];
  return roots.map((root) => join(root, 'vulkan/icd.d')).some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
}

/** ONNX Runtime's name of each provider. */
export const PROVIDER_NAME: Readonly<Record<Provider, string>> = {
  cpu: 'CPUExecutionProvider', webgpu: 'WebGpuExecutionProvider', cuda: 'CUDAExecutionProvider',
};
