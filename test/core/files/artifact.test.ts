import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { InputError } from '../../../src/core/errors.js';
import {
  artifactInfo, asInput, decodeArtifact, digestOf, encodeArtifact, readArtifact, writeArtifact,
  type Artifact, type Recipe,
} from '../../../src/core/files/artifact.js';
import { encodeNpy, encodeNpz } from '../../../src/core/files/npy.js';
import { decodeSafetensors, encodeSafetensors, readSafetensorsHeader } from '../../../src/core/files/safetensors.js';
import { concat, messageOf, pythonWith, runPython, scratch } from './support.js';

const dataset: Artifact = {
  kind: 'dataset', schema: 1, meta: { classes: ['cat', 'dog'], size: 32 },
  recipe: { command: 'convert', options: { size: 32 }, version: '0.1.0', inputs: [] },
  tensors: new Map<string, NdArray>([['images', float32([2, 2], [1, 2, 3, 4])], ['labels', int32([2], [0, 1])]]),
};

const model: Artifact = {
  kind: 'model', schema: 2, meta: {},
  recipe: {
    command: 'pretrain byol', options: { lr: 0.2, epochs: 50, refine: null }, seed: 7, version: '0.1.0',
    inputs: [asInput('data', dataset, 'photos/train.st')],
  },
  tensors: new Map([['conv.weight', float32([1], [0.5])]]),
};

const inMetadata = (byo: string) => concat(encodeSafetensors(new Map(), { byo }));

describe('artifacts', () => {
  it('come back as they were, with the digest of their bytes', () => {
    const bytes = concat(encodeArtifact(model));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    expect(decodeArtifact(bytes, 'x')).toEqual({ ...model, digest });
    expect(digestOf(encodeArtifact(model))).toBe(digest);
    const bare: Artifact = { kind: 'report', schema: 1, meta: {}, tensors: new Map() };
    expect(decodeArtifact(concat(encodeArtifact(bare)), 'x')).not.toHaveProperty('recipe');
  });

  it('give the same bytes whatever order things were put together in', () => {
    const { inputs, version, options, seed, command } = model.recipe!;
    const reversedOptions = Object.fromEntries(Object.entries(options).reverse());
    const reversed: Artifact = {
      tensors: model.tensors, meta: {}, schema: 2, kind: 'model', digest: 'sha256:old',
      recipe: { inputs, version, seed, options: reversedOptions, command } as Recipe,
    };
    expect(concat(encodeArtifact(reversed))).toEqual(concat(encodeArtifact(model)));
    const bytes = concat(encodeArtifact(model));
    expect(concat(encodeArtifact(decodeArtifact(bytes, 'x')))).toEqual(bytes);
  });

  it('keep their description as canonical JSON beside the format that Hugging Face loaders ask for', () => {
    const { metadata } = decodeSafetensors(concat(encodeArtifact(dataset)), 'x');
    expect(metadata).toEqual({
      byo: '{"kind":"dataset","meta":{"classes":["cat","dog"],"size":32},"recipe":{"command":"convert","inputs":[],'
        + '"options":{"size":32},"version":"0.1.0"},"schema":1}',
      format: 'pt',
    });
  });

  it('share the memory of their tensors when written', () => {
    expect(encodeArtifact(model)[1]!.buffer).toBe(model.tensors.get('conv.weight')!.data.buffer);
  });

  it('refuse meta that JSON cannot hold', () => {
    expect(() => encodeArtifact({ ...dataset, meta: { loss: NaN } })).toThrow('artifact.meta.loss is NaN');
  });

  it('go through files', async () => {
    const path = join(scratch(), 'model.st');
    await writeArtifact(path, model);
    const back = await readArtifact(path, { kind: ['checkpoint', 'model'] });
    expect(back).toEqual({ ...model, digest: digestOf(readFileSync(path)) });
    const { metadata } = await readSafetensorsHeader(path);
    expect({ ...artifactInfo(metadata, path), tensors: model.tensors }).toEqual(model);
    await writeArtifact(path, dataset, { force: true });
    expect((await readArtifact(path)).kind).toBe('dataset');
  });

  const python = pythonWith('safetensors', 'numpy');

  it.skipIf(!python)('load in Python', async () => {
    const path = join(scratch(), 'model.safetensors');
    await writeArtifact(path, model);
    const script = 'import sys, json, safetensors as s\nf = s.safe_open(sys.argv[1], "np")\n'
      + 'print(json.dumps([f.get_tensor("conv.weight").tolist(), f.metadata()["format"], json.loads(f.metadata()["byo"])["kind"]]))';
    expect(JSON.parse(runPython(python!, script, path))).toEqual([[0.5], 'pt', 'model']);
  });
});

describe('files of other programs', () => {
  const tensors = dataset.tensors;

  it('are of kind tensors', async () => {
    const directory = scratch();
    const foreign = { kind: 'tensors', schema: 1, meta: {} };
    const files = {
      'a.safetensors': encodeSafetensors(tensors, { format: 'pt' }), 'a.npz': encodeNpz(tensors),
      'b.npz': encodeNpz(tensors, { compress: true }),
    };
    for (const [name, chunks] of Object.entries(files)) {
      writeFileSync(join(directory, name), concat(chunks));
      expect(await readArtifact(join(directory, name), { kind: 'tensors' })).toEqual({ ...foreign, tensors, digest: digestOf(chunks) });
    }
    const npy = concat(encodeNpy(tensors.get('images')!));
    expect(decodeArtifact(npy, 'a.npy')).toEqual({ ...foreign, tensors: new Map([['array', tensors.get('images')]]), digest: digestOf(npy) });
  });

  it('are named in errors', async () => {
    expect(await messageOf(InputError, () => decodeArtifact(Buffer.from('\x89PNG\r\n\x1a\n....', 'latin1'), 'a.png'))).toMatch(/^a\.png is not a valid safetensors file/);
  });
});

describe('the expected kind', () => {
  const bytes = concat(encodeArtifact({ ...dataset, kind: 'embeddings' }));
  const message = (kind: string | string[], file = bytes) => messageOf(InputError, () => decodeArtifact(file, 'train.st', { kind }));

  it('is named when another is found, with what to do', async () => {
    expect(await message('dataset'))
      .toBe('train.st holds embeddings, but a dataset is expected here; `byo convert` makes a dataset');
    expect(await message(['model', 'checkpoint']))
      .toBe('train.st holds embeddings, but a model or a checkpoint is expected here; `byo pretrain` makes a model, `byo pretrain` makes a checkpoint');
    expect(await message('embeddings', concat(encodeArtifact(model))))
      .toBe('train.st holds a model, but embeddings are expected here; `byo embed` makes embeddings');
    expect(await message('audio')).toBe('train.st holds embeddings, but an audio is expected here; `byo inspect` shows what a file holds');
  });

  it('admits any where none is given', () => {
    expect(decodeArtifact(bytes, 'x', { kind: [] }).kind).toBe('embeddings');
    expect(decodeArtifact(bytes, 'x').kind).toBe('embeddings');
  });
});

describe('damaged descriptions', () => {
  const good = '"kind":"model","schema":1,"meta":{}';
  const recipe = (text: string) => `{${good},"recipe":${text}}`;
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'is not an object'],
    ['{"schema":1,"meta":{}}', 'names no kind'],
    ['{"kind":"","schema":1,"meta":{}}', 'names no kind'],
    ['{"kind":"model","schema":0,"meta":{}}', 'no schema'],
    ['{"kind":"model","schema":"1","meta":{}}', 'no schema'],
    ['{"kind":"model","schema":1}', 'no meta'],
    ['{"kind":"model","schema":1,"meta":{},"kind":"dataset"}', '"kind" twice'],
    [recipe('{}'), 'has a recipe that is not one'],
    [recipe('{"command":"x","options":{},"version":"1","inputs":[{"role":"data","digest":"md5:0"}]}'), 'recipe that is not one'],
    [recipe('{"command":"x","options":{},"version":"1","inputs":[{"role":"data","digest":"sha256:0","recipe":{}}]}'), 'recipe that is not one'],
    [`${'['.repeat(1e5)}${']'.repeat(1e5)}`, 'deep'],
  ])('are refused: %#', async (byo, part) => {
    const message = await messageOf(InputError, () => decodeArtifact(inMetadata(byo), 'x.st'));
    expect(message).toMatch(/^x\.st: its __metadata__\.byo /);
    expect(message).toContain(part);
  });
});

describe('digests and inputs', () => {
  it('hash chunks as one piece', () => {
    expect(digestOf(Buffer.from('abc'))).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(digestOf([Buffer.from('a'), Buffer.from(''), Buffer.from('bc')])).toBe(digestOf(Buffer.from('abc')));
    expect(digestOf([])).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('record base names only, and the input\'s own recipe', () => {
    const digest = digestOf(encodeArtifact(dataset));
    expect(asInput('data', dataset, '/home/me/photos/train.st'))
      .toEqual({ role: 'data', digest, kind: 'dataset', name: 'train.st', recipe: dataset.recipe });
    expect(asInput('data', { ...dataset, digest: 'sha256:1' }).digest).toBe('sha256:1');
    for (const name of [undefined, '-', '/dev/fd/63', '/dev/stdin']) expect(asInput('data', dataset, name)).not.toHaveProperty('name');
  });
});
