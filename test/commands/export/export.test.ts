import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { onnxEncoder } from '../../../src/commands/export/onnx.js';
import { forBrowsers } from '../../../src/commands/export/web.js';
import type { OnnxModel, OnnxNode } from '../../../src/core/engine/onnx/proto.js';
import { decodeNpz } from '../../../src/core/files/npy.js';
import { readInput } from '../../../src/core/files/streams.js';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { ndarray, type NdArray } from '../../../src/core/array.js';
import { input as tensorInput } from '../../../src/core/graph/index.js';
import { encode, initialState, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { embedImages, untrainedWeights, type ImageEncoder, type State } from '../../../src/core/train/index.js';
import { byo, installed, scratchFolder } from '../../support/cli.js';
import { relativeError } from '../../support/run.js';

const folder = scratchFolder();
const PYTHON = process.env.PYTHON ?? 'python3';

const images = (count: number, channels: number, size: number): NdArray<Uint8Array> => {
  const values = stream(3, 'images').uniform(count * channels * size * size);
  return ndarray('uint8', [count, channels, size, size], Uint8Array.from(values, (v) => Math.floor(v * 256)));
};
const input = (channels: number, size: number) => ({
  channels, size, mean: [0.4, 0.5, 0.6].slice(0, channels), std: [0.2, 0.25, 0.3].slice(0, channels),
});

/** `tolerance`: how far another order of sums may move features, which 50 layers that are no more than initialised amplify. */
const CASES: [name: string, model: ImageEncoder, size: number, tolerance: number][] = [
  ['resnet18, cifar stem', { encoder: { name: 'resnet18', width: 8, stem: 'cifar' }, input: input(3, 16) }, 16, 1e-5],
  ['resnet50, imagenet stem', { encoder: { name: 'resnet50', width: 8, stem: 'imagenet' }, input: input(3, 32) }, 32, 2e-4],
  ['resnet18, group norm and standardised filters', {
    encoder: { name: 'resnet18', width: 16, stem: 'stl', norm: 'group', groups: 4, weightStandardization: true }, input: input(1, 16),
  }, 16, 1e-5],
  ['convnet4, layer norm', { encoder: { name: 'convnet4', width: 8, norm: 'layer' }, input: input(3, 24) }, 24, 1e-5],
];

const CARD = { recipe: { command: 'pretrain byol', options: { lr: 0.1 }, version: '1.0.0', inputs: [] }, digest: 'sha256:00', version: '1.0.0' };

const build = async (model: ImageEncoder, size: number, web = false): Promise<{ weights: State; bytes: Uint8Array }> => {
  const weights = await untrainedWeights(model, images(8, model.input.channels, size), 1, { threads: 1 });
  return { weights, bytes: onnxEncoder({ model, weights, size, web, card: CARD }) };
};

/** onnxruntime-web where somebody has installed it: 139 MB are too much for everybody who builds byo. */
const WEB = 'onnxruntime-web';
const web = await (import(WEB) as Promise<typeof ort>).catch(() => undefined);

describe('ONNX encoders', () => {
  it.each(CASES)('%s: give our features at any batch size', async (_, model, size, plain) => {
    const { weights, bytes } = await build(model, size);
    for (const [graphOptimizationLevel, tolerance] of [['disabled', plain], ['all', 1e-5]] as const) {
      const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel });
      expect([session.inputNames, session.outputNames]).toEqual([['images'], ['features']]);
      for (const count of [1, 3, 8]) {
        const set = images(count, model.input.channels, size);
        const ours = await embedImages(model, weights, set, { threads: 1 });
        const { features } = await session.run({ images: new ort.Tensor('float32', Float32Array.from(set.data, (v) => v / 255), set.shape) });
        expect(features!.dims).toEqual(ours.shape);
        expect(relativeError(features!.data as Float32Array, ours.data)).toBeLessThan(tolerance);
      }
    }
  });

  it('are the same bytes from the same model', async () => {
    const [, model, size] = CASES[0]!;
    expect(Buffer.compare((await build(model, size)).bytes, (await build(model, size)).bytes)).toBe(0);
  });

  it.skipIf(!installed(PYTHON, ['-c', 'import onnx']))('pass the checker of Python, with standard operators and a model card', async () => {
    for (const [i, [, model, size]] of CASES.entries()) {
      const path = join(folder, `${i}.onnx`);
      writeFileSync(path, (await build(model, size)).bytes);
      const script = `
import json, onnx
model = onnx.load(${JSON.stringify(path)})
onnx.checker.check_model(model, full_check=True)
dims = lambda v: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
print(json.dumps({'domains': sorted({n.domain for n in model.graph.node}), 'opset': [[o.domain, o.version] for o in model.opset_import],
  'inputs': [[v.name, dims(v)] for v in model.graph.input], 'outputs': [[v.name, dims(v)[0]] for v in model.graph.output],
  'card': {p.key: p.value for p in model.metadata_props}}))`;
      const { stdout } = await execa(PYTHON, ['-c', script]);
      const found = JSON.parse(stdout) as Record<string, unknown> & { card: Record<string, string> };
      const { channels, mean, std } = model.input;
      expect(found).toMatchObject({
        domains: [''], opset: [['', 21]], inputs: [['images', ['batch', channels, size, size]]], outputs: [['features', 'batch']],
      });
      const normalization = { mean, std, in_graph: true };
      expect(JSON.parse(found.card.preprocessing!)).toEqual({ channels, size, range: [0, 1], normalization });
      expect(JSON.parse(found.card.recipe!)).toMatchObject({ command: 'pretrain byol', options: { lr: 0.1 } });
      expect(found.card.description).toBe(`${model.encoder.name} encoder made by byo pretrain byol`);
    }
  });
});

describe('ONNX encoders for browsers', () => {
  it.each(CASES)('%s: give our features in opset 17', async (_, model, size, plain) => {
    const { weights, bytes } = await build(model, size, true);
    const set = images(3, model.input.channels, size);
    const ours = await embedImages(model, weights, set, { threads: 1 });
    for (const [graphOptimizationLevel, tolerance] of [['disabled', plain], ['all', 1e-5]] as const) {
      const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel });
      const { features } = await session.run({ images: new ort.Tensor('float32', Float32Array.from(set.data, (v) => v / 255), set.shape) });
      expect(relativeError(features!.data as Float32Array, ours.data)).toBeLessThan(tolerance);
    }
  });

  it.skipIf(!web).each(CASES)('%s: the same on onnxruntime-web\'s WebAssembly (skipped without that package)', async (_, model, size, tolerance) => {
    const { weights, bytes } = await build(model, size, true);
    web!.env.wasm.numThreads = 1;
    const session = await web!.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    for (const count of [1, 3]) {
      const set = images(count, model.input.channels, size);
      const ours = await embedImages(model, weights, set, { threads: 1 });
      const { features } = await session.run({ images: new web!.Tensor('float32', Float32Array.from(set.data, (v) => v / 255), set.shape) });
      expect(features!.dims).toEqual(ours.shape);
      expect(relativeError(features!.data as Float32Array, ours.data)).toBeLessThan(tolerance);
    }
  });

  it('refuse what browsers lack', () => {
    const model = (node: Partial<OnnxNode>, constant: NdArray): OnnxModel => ({
      name: 'm', inputs: [], outputs: [], initializers: new Map([['c', constant]]),
      nodes: [{ type: 'Add', name: 'the sum', inputs: ['x', 'c'], outputs: ['y'], attributes: {}, ...node }],
    });
    const axes = ndarray('int64', [1], BigInt64Array.of(1n));
    expect(() => forBrowsers(model({ type: 'Gelu' }, axes))).toThrow('this network needs Gelu');
    expect(() => forBrowsers(model({}, axes))).toThrow('computes with int64 in the sum');
    const { nodes, initializers, opset } = forBrowsers(model({ type: 'ReduceMean', attributes: { keepdims: 1 } }, axes));
    expect([nodes[0]!.inputs, nodes[0]!.attributes, initializers.size, opset]).toEqual([['x'], { keepdims: 1, axes: [1] }, 0, 17]);
  });

  it.skipIf(!installed(PYTHON, ['-c', 'import onnx']))('pass the checker of Python, in opset 17 and the format of its time', async () => {
    const path = join(folder, 'web.onnx');
    const [, model, size] = CASES[2]!;
    writeFileSync(path, (await build(model, size, true)).bytes);
    const script = `
import json, onnx
model = onnx.load(${JSON.stringify(path)})
onnx.checker.check_model(model, full_check=True)
print(json.dumps([model.ir_version, [[o.domain, o.version] for o in model.opset_import]]))`;
    expect(JSON.parse((await execa(PYTHON, ['-c', script])).stdout)).toEqual([8, [['', 17]]]);
  });
});

describe('byo export', () => {
  beforeAll(() => save('convnet.st', { name: 'convnet3', width: 8 }));

  const save = async (name: string, encoder: EncoderSpec): Promise<void> => {
    const model: ImageEncoder = { encoder, input: input(3, 16) };
    const program = stepProgram('encoder', (root) => ({ y: encode(encoder, root.at('encoder'), tensorInput('x', [1, 3, 16, 16])) }));
    const weights = initialState(program, 1);
    const zero = (value: NdArray): NdArray => ({ ...value, data: new Float32Array(value.data.length) });
    const target = new Map([...weights].map(([key, value]) => [`target.${key}`, zero(value)] as const));
    await writeArtifact(join(folder, name), { kind: 'model', schema: 1, meta: { ...model }, tensors: new Map([...weights, ...target]) });
  };

  it('writes torchvision\'s names and shapes', async () => {
    await save('resnet.st', { name: 'resnet18', width: 64, stem: 'imagenet' });
    const { code, stderr } = await byo(['export', 'resnet.st', '--format', 'torchvision', '-o', 'weights.safetensors'], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
    const { tensors } = await readArtifact(join(folder, 'weights.safetensors'));
    expect(tensors.get('conv1.weight')!.shape).toEqual([64, 3, 7, 7]);
    expect(tensors.get('layer4.1.bn2.running_var')!.shape).toEqual([512]);
    expect([...tensors.keys()].some((name) => /^(encoder|target)/.test(name))).toBe(false);
    const script = `
import torchvision, safetensors.torch
result = torchvision.models.resnet18().load_state_dict(safetensors.torch.load_file('weights.safetensors'), strict=False)
print([k for k in result.missing_keys if 'num_batches' not in k], result.unexpected_keys)`;
    const judged = await execa(PYTHON, ['-c', script], { cwd: folder, reject: false });
    if (!judged.stderr?.includes('No module named')) expect(judged.stdout).toBe("['fc.weight', 'fc.bias'] []");
  });

  it("writes a RegNetY under torchvision's names, and says what differs in the first layer", async () => {
    await save('regnet.st', { name: 'regnety', width: 64, stem: 'cifar', regnet: { w0: 16, wa: 8, wm: 2, depth: 3, group: 8 } });
    const { code, stderr } = await byo(['export', 'regnet.st', '--format', 'torchvision', '-o', 'regnet.safetensors'], { cwd: folder });
    expect([code, stderr]).toEqual([0, 'the first convolution has stride 1: change it in the torchvision model before loading']);
    const { tensors } = await readArtifact(join(folder, 'regnet.safetensors'));
    expect(tensors.get('trunk_output.block1.block1-0.f.se.fc1.weight')!.shape).toEqual([8, 16, 1, 1]);
  });

  it('says which encoders torchvision has not', async () => {
    const { code, stderr } = await byo(['export', 'convnet.st', '--format', 'torchvision'], { cwd: folder });
    expect(code).toBe(3);
    expect(stderr).toContain('convnet.st holds a convnet3 with batch normalisation, but torchvision has ResNets');
  });

  it('takes the target network where asked', async () => {
    const run = async (...args: string[]) => byo(['export', 'convnet.st', '-f', '-o', 'out.onnx', ...args], { cwd: folder });
    expect((await run('--target')).code).toBe(0);
    const session = await ort.InferenceSession.create(join(folder, 'out.onnx'));
    const { features } = await session.run({ images: new ort.Tensor('float32', new Float32Array(3 * 256).fill(0.5), [1, 3, 16, 16]) });
    expect([...(features!.data as Float32Array)].every((value) => value === 0)).toBe(true);
  });

  it('writes models for browsers', async () => {
    expect((await byo(['export', 'convnet.st', '--format', 'onnx-web', '-f', '-o', 'web.onnx'], { cwd: folder })).code).toBe(0);
    expect((await ort.InferenceSession.create(join(folder, 'web.onnx'))).inputNames).toEqual(['images']);
  });

  it('writes any file\'s tensors for NumPy', async () => {
    expect((await byo(['export', 'convnet.st', '--format', 'npz', '-f', '-o', 'all.npz'], { cwd: folder })).code).toBe(0);
    const arrays = decodeNpz(await readInput(join(folder, 'all.npz')), 'all.npz');
    expect(arrays.get('encoder.block1.conv.weight')!.shape).toEqual([8, 3, 3, 3]);
  });
});
