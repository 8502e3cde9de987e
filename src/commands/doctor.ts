import { arch, cpus, platform, release, totalmem } from 'node:os';
import { defineCommand } from '../cli/command.js';
import { jsonOption } from '../cli/common.js';
import { table } from '../cli/terminal.js';
import { float32 } from '../core/array.js';
import { compile, loadTensorFlow, nativeOperators, physicalCores, PROVIDER_NAME, runtime, type Processor } from '../core/engine/index.js';
import { ByoError } from '../core/errors.js';
import { grad, input, trace } from '../core/graph/index.js';

const SIZE = 256;

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'check this machine: versions, devices, and a self-test of each device',
  examples: [['byo doctor', 'what works here; exits with 1 where the CPU self-test fails']],
  arguments: [],
  options: { ...jsonOption },
  async run(context, _, o) {
    const native = nativeState(); // a library that was asked for and is none ends it
    const { version: ort, providers } = runtime();
    const found = (device: Processor) => device === 'tensorflow' || providers.includes(PROVIDER_NAME[device]);
    const devices = await Promise.all((['cpu', 'webgpu', 'cuda', 'tensorflow'] as const).map(async (device) => ({
      device, ...(found(device) ? await selfTest(device) : { works: false, note: 'not in this ONNX Runtime' }),
    })));
    const facts = {
      byo: context.version, node: process.version, onnxruntime: ort,
      tensorflow: tensorFlowVersion(), native,
      system: `${platform()} ${release()} ${arch()}`, cpu: cpus()[0]?.model ?? 'unknown',
      cores: physicalCores(), memoryGiB: Math.round(totalmem() / 2 ** 30),
    };
    if (o.json) {
      context.terminal.print(JSON.stringify({ ...facts, devices }));
    } else {
      context.terminal.print(table(['', ''], Object.entries(facts).map(([name, value]) => [name, String(value)])).trimStart());
      context.terminal.print(`\n${table(['device', 'works', 'note'], devices.map((d) => [d.device, d.works ? 'yes' : 'no', d.note]))}`);
    }
    if (!devices[0]!.works) throw new ByoError(`the self-test fails on the CPU: ${devices[0]!.note}`);
  },
});

/** Whether byo's own operators are used on the CPU. */
function nativeState(): string {
  const { path, reason } = nativeOperators();
  return path ? `used, from ${path}` : `not used: ${reason}`;
}

/** The package that device tensorflow computes with, and its version. */
function tensorFlowVersion(): string {
  try {
    return loadTensorFlow().source;
  } catch (error) {
    if (error instanceof ByoError) return 'none that loads';
    throw error;
  }
}

/** A few training steps of a small linear model: the loss has to fall to where the closed form says. */
async function selfTest(device: Processor): Promise<{ works: boolean; note: string }> {
  const program = trace(() => {
    const x = input('x', [SIZE, SIZE]);
    const w = input('w', [SIZE, 1]);
    const loss = x.matmul(w).sub(1).square().mean();
    const [dw] = grad(loss, [w]);
    return { name: 'self-test', inputs: [x], state: [{ name: 'w', tensor: w, next: w.sub(dw!.mul(0.5)) }], outputs: new Map([['loss', loss]]) };
  });
  try {
    const executable = compile(program, { device });
    // x = I: every step moves each weight by the same share towards 1, so the loss is (1 - 1/n)^(2k).
    executable.setState(new Map([['w', float32([SIZE, 1])]]));
    const identity = float32([SIZE, SIZE], Float32Array.from({ length: SIZE * SIZE }, (_, i) => (i % (SIZE + 1) === 0 ? 1 : 0)));
    const start = performance.now();
    let loss = NaN;
    const STEPS = 50;
    for (let k = 0; k < STEPS; k++) loss = (await executable.run({ x: identity })).loss!.data[0] as number;
    const milliseconds = (performance.now() - start) / STEPS;
    executable.dispose();
    const expected = (1 - 1 / SIZE) ** (2 * (STEPS - 1));
    const works = Math.abs(loss - expected) < 1e-4;
    return { works, note: works ? `self-test passed, ${milliseconds.toFixed(2)} ms a step` : `self-test gives ${loss} instead of ${expected}` };
  } catch (error) {
    if (error instanceof ByoError) return { works: false, note: error.message };
    throw error;
  }
}
