import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import type { Provider } from './onnx/builder.js';

export const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof DEVICES)[number];

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

/** ONNX Runtime's name of each provider. */
export const PROVIDER_NAME: Readonly<Record<Provider, string>> = {
  cpu: 'CPUExecutionProvider', webgpu: 'WebGpuExecutionProvider', cuda: 'CUDAExecutionProvider',
};
