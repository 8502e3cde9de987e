import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { byo, scratchFolder } from '../support/cli.js';
import { nativeForTests } from '../support/native-library.js';

const library = nativeForTests();
const folder = scratchFolder();

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

test("byo's own operators: used, not used, and asked for where there are none", async () => {
  const ask = (value: string) => byo(['doctor'], { env: { ...WITHOUT_DRIVER, BYO_NATIVE: value } });
  expect((await ask('off')).stdout).toMatch(/^native +not used: BYO_NATIVE is off$/m);
  const missing = await ask('/nonexistent/libbyo.so');
  expect({ code: missing.code, stdout: missing.stdout }).toEqual({ code: 2, stdout: '' });
  expect(missing.stderr).toBe('byo: BYO_NATIVE=/nonexistent/libbyo.so: there is no such file; '
    + 'give the path of a library that make native built, or off');
});

test.skipIf(!library)("byo's own operators from a library, and from what is none: whole, cut short, empty", async () => {
  const ask = (value: string) => byo(['doctor'], { env: { ...WITHOUT_DRIVER, BYO_NATIVE: value } });
  expect((await ask(library!)).stdout).toContain(`used, from ${library}`);
  const whole = readFileSync(library!);
  const refused: [string, Uint8Array, string][] = [
    ['half.so', whole.subarray(0, whole.length / 2), 'only a part of a library'], ['empty.so', new Uint8Array(), "not a library of byo's operators"],
    ['text.so', Buffer.from('no library'), "not a library of byo's operators"],
  ];
  for (const [name, bytes, reason] of refused) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    const { code, stderr } = await ask(path);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^byo: BYO_NATIVE=${path}: ${reason}.*; give the path of a library that make native built, or off$`));
  }
});
