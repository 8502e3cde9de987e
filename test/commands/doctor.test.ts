import { expect, test } from 'vitest';
import { byo } from '../support/cli.js';

/** No driver in sight: Vulkan's loader looks nowhere but in these folders. */
const WITHOUT_DRIVER = { XDG_DATA_DIRS: '/nonexistent', XDG_DATA_HOME: '/nonexistent', XDG_CONFIG_DIRS: '/nonexistent' };

test('byo doctor passes its self-test on the CPU, and says in one line what other devices lack', async () => {
  const { code, stdout, stderr } = await byo(['doctor'], { env: WITHOUT_DRIVER });
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^byo +\d+\.\d+\.\d+$/m);
  for (const device of ['cpu', 'tensorflow']) expect(stdout).toMatch(new RegExp(`^${device} +yes +self-test passed, [\\d.]+ ms a step$`, 'm'));
  expect(stdout).toMatch(/^tensorflow +@tensorflow\/\S+ \d+\.\d+\.\d+$/m);
  for (const device of ['webgpu', 'cuda']) expect(stdout).toMatch(new RegExp(`^${device} +(yes +self-test passed|no +device ${device}: .*use --device)`, 'm'));
});

test('byo doctor --json is one object', async () => {
  const { stdout } = await byo(['doctor', '--json'], { env: WITHOUT_DRIVER });
  const { node, onnxruntime, cores, devices } = JSON.parse(stdout);
  expect(node).toBe(process.version);
  expect(onnxruntime).toMatch(/^\d+\.\d+/);
  expect(cores).toBeGreaterThan(0);
  expect(devices[0]).toMatchObject({ device: 'cpu', works: true });
});
