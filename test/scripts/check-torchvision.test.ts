import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../src/core/array.js';
import { readArtifact, writeArtifact } from '../../src/core/files/artifact.js';
import { pythonWith } from '../core/files/support.js';
import { scratchFolder, shell } from '../support/cli.js';
import { TINY } from '../commands/support.js';

const python = pythonWith('torch', 'torchvision', 'safetensors');
if (!python) console.warn('the check against torchvision is skipped: no Python with torch, torchvision and safetensors (BYO_PYTHON names one)');

const folder = scratchFolder();
const script = fileURLToPath(new URL('../../scripts/check-torchvision.py', import.meta.url));
const check = (model: string, features: string) =>
  execa(python!, [script, model, 'set.st', features], { cwd: folder, reject: false });

describe.skipIf(!python)('scripts/check-torchvision.py', () => {
  beforeAll(async () => {
    const heads = TINY.slice(TINY.indexOf('--batch')).join(' ');
    for (const line of [
      'byo synth images --count 10 --size 32 --classes 2 --test 0 -o set.st',
      `byo pretrain byol --encoder resnet18 --stem imagenet ${heads} --steps 1 --lr 0.5 -q set.st -o model.st`,
      'byo embed --model model.st set.st --batch 4 -q -o features.st',
      `byo pretrain byol --encoder regnety --regnet toy --stem imagenet ${heads} --steps 1 --lr 0.5 -q set.st -o regnet.st`,
      'byo embed --model regnet.st set.st --batch 4 -q -o regnet-features.st',
      `byo pretrain byol --encoder efficientnet_b0 --stem imagenet ${heads} --steps 1 --lr 0.5 -q set.st -o efficientnet.st`,
      'byo embed --model efficientnet.st set.st --batch 4 -q -o efficientnet-features.st',
    ]) {
      const { code, stderr } = await shell(line, { cwd: folder });
      expect(code, stderr).toBe(0);
    }
  });

  test("torchvision's ResNet-18 loads an encoder's weights and gives the same features", async () => {
    const { exitCode, stdout, stderr } = await check('model.st', 'features.st');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^10 images, 512 features: largest difference \d\.\de-\d\d of the largest feature$/);
  });

  test("torchvision's RegNetY loads an encoder's weights and gives the same features", async () => {
    const { exitCode, stdout, stderr } = await check('regnet.st', 'regnet-features.st');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^10 images, 64 features: largest difference \d\.\de-\d\d of the largest feature$/);
  });

  test("torchvision's EfficientNet-B0 loads an encoder's weights and gives the same features", async () => {
    const { exitCode, stdout, stderr } = await check('efficientnet.st', 'efficientnet-features.st');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^10 images, 1280 features: largest difference \d\.\de-\d\d of the largest feature$/);
  });

  test('it fails where one feature is off by a thousandth', async () => {
    const { tensors, ...rest } = await readArtifact(join(folder, 'features.st'));
    const features = tensors.get('features') as NdArray<Float32Array>;
    const changed = float32(features.shape, features.data.slice());
    changed.data[777]! += 1e-3 * features.data.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
    await writeArtifact(join(folder, 'changed.st'), { ...rest, tensors: new Map([...tensors, ['features', changed]]) });
    expect((await check('model.st', 'changed.st')).stderr).toContain('that is more than 1e-04');
  });
});
