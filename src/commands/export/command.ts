import { defineCommand } from '../../cli/command.js';
import { outputOptions } from '../../cli/common.js';
import { choice, flag, integer } from '../../cli/options.js';
import { tableSetOf } from '../../core/data/table/set.js';
import { tableText } from '../../core/data/table/text.js';
import { InputError } from '../../core/errors.js';
import { asInput, readArtifact, writeArtifact } from '../../core/files/artifact.js';
import { encodeNpz } from '../../core/files/npy.js';
import { checkOutput, nameOf, writeOutput } from '../../core/files/streams.js';
import type { EncoderSpec } from '../../core/nn/index.js';
import { encoderOf, encoderWeights } from '../features.js';
import { onnxEncoder } from './onnx.js';

const options = {
  format: choice({
    choices: ['onnx', 'onnx-web', 'torchvision', 'npz', 'csv'], default: 'onnx',
    help: 'onnx: a model to run; onnx-web: the same for browsers; torchvision: weights under its names; npz: all tensors; csv: a table',
  }),
  size: integer({ min: 8, help: 'onnx, onnx-web: side of the images it takes, in pixels; that of training where left out' }),
  target: flag({ help: "the target network's encoder instead of the online one" }),
  ...outputOptions,
} as const;

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'an encoder for other programs: ONNX, torchvision weights, NumPy; tables as CSV',
  description: 'ONNX models take any number of images, float32 [batch, C, size, size] from 0 to 1, normalise them and give features '
    + '[batch, D]. They use the standard operators of opset 21 only, and carry a card (description, preprocessing, recipe) in their '
    + 'metadata. onnx-web is the same model for onnxruntime-web, old versions of it too: operators of opset 17 that its WebAssembly and '
    + 'WebGPU backends have, float32 throughout, whole numbers only as constant shapes, one file. torchvision writes the weights of a ResNet, VGG, '
    + 'RegNetY or EfficientNet as safetensors, under the names of torchvision.models.',
  examples: [
    ['byo export encoder.st -o encoder.onnx', 'for ONNX Runtime in any language'],
    ['byo export encoder.st --format onnx-web -o encoder.onnx', 'for onnxruntime-web in a page'],
    ['byo export encoder.st --format torchvision -o resnet18.safetensors', 'for load_state_dict(..., strict=False)'],
    ['byo export features.st --format npz -o features.npz', 'tensors of any file, for NumPy'],
    ['byo export table.st --format csv -o table.csv', 'rows of a table, with their parts under split'],
  ],
  arguments: [{ name: 'model', optional: true, help: 'model, any tensor file for npz, or a data set of a table for csv; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    await checkOutput(o.output, { force: o.force });
    if (o.format === 'csv') {
      const set = tableSetOf(await readArtifact(source, { kind: 'dataset' }), nameOf(source));
      return writeOutput(o.output, tableText(set), { force: o.force });
    }
    if (o.format === 'npz') {
      const { tensors } = await readArtifact(source);
      return writeOutput(o.output, encodeNpz(tensors), { force: o.force });
    }
    const artifact = await readArtifact(source, { kind: 'model' });
    const model = encoderOf(artifact, nameOf(source));
    const weights = encoderWeights(artifact, o.target, nameOf(source));
    if (o.format === 'onnx' || o.format === 'onnx-web') {
      const web = o.format === 'onnx-web';
      const card = { recipe: artifact.recipe, digest: artifact.digest, version: context.version };
      const bytes = onnxEncoder({ model, weights, size: o.size ?? model.input.size, web, card });
      return writeOutput(o.output, [bytes], { force: o.force });
    }
    const { encoder, input } = model;
    if (!inTorchvision(encoder)) {
      throw new InputError(`${nameOf(source)} holds a ${encoder.name} with ${encoder.norm ?? 'batch'} normalisation, but torchvision has ResNets, `
        + 'RegNets and EfficientNets with plain batch normalisation only, and VGGs with or without; export it as onnx or npz');
    }
    if (encoder.name === 'vgg11') {
      context.terminal.info(`these are the features of ${encoder.norm === 'none' ? 'vgg11' : 'vgg11_bn'}; its avgpool and classifier are not part of them`);
    } else if (!encoder.name.startsWith('resnet')) {
      if (encoder.stem === 'cifar') context.terminal.info('the first convolution has stride 1: change it in the torchvision model before loading');
    } else if (encoder.stem !== 'imagenet') {
      context.terminal.info(`the first layer is a 3x3 convolution of stride 1${encoder.stem === 'cifar' ? ', and there is no max-pool after it' : ''}: `
        + 'change conv1 and maxpool of the torchvision model before loading');
    }
    const tensors = new Map([...weights].map(([name, value]) => [name.replace(/^encoder\./, ''), value]));
    await writeArtifact(o.output, {
      kind: 'weights', schema: 1, meta: { encoder, input }, tensors,
      recipe: { command: 'export', options: context.recorded, version: context.version, inputs: [asInput('model', artifact, source)] },
    }, { force: o.force });
  },
});

/** Whether torchvision.models has such a network. */
const inTorchvision = ({ name, norm = 'batch', weightStandardization = false }: EncoderSpec): boolean =>
  !name.startsWith('convnet') && !weightStandardization && (norm === 'batch' || (name === 'vgg11' && norm === 'none'));
