import { normalize } from '../../core/data/augment/index.js';
import { BATCH_MARKER, withDynamicBatch } from '../../core/engine/onnx/dynamic-batch.js';
import { lower, valueName } from '../../core/engine/onnx/lower.js';
import { encodeModel, type OnnxModel } from '../../core/engine/onnx/proto.js';
import { InputError } from '../../core/errors.js';
import type { Recipe } from '../../core/files/artifact.js';
import { canonicalJson } from '../../core/files/json.js';
import { input } from '../../core/graph/index.js';
import { encode, stepProgram } from '../../core/nn/index.js';
import type { ImageEncoder, State } from '../../core/train/index.js';
import { forBrowsers } from './web.js';

export interface OnnxExport {
  readonly model: ImageEncoder;
  /** The encoder's tensors, `encoder.*`. */
  readonly weights: State;
  /** Height and width of the images that the exported model takes. */
  readonly size: number;
  /** For the runtimes of browsers, as `forBrowsers` says. */
  readonly web?: boolean;
  readonly card: { readonly recipe: Recipe | undefined; readonly digest: string | undefined; readonly version: string };
}

/**
 * An ONNX file of an encoder in evaluation mode: `images` float32 [batch, C, size, size] in [0, 1] -> `features` float32
 * [batch, D]. Normalisation is part of the graph. Standard operators only; metadata hold the model card.
 */
export function onnxEncoder({ model, weights, size, web = false, card }: OnnxExport): Uint8Array {
  const { encoder, input: expected } = model;
  const { channels, mean, std } = expected;
  const shape = expected.shape ?? [channels, size, size];
  const program = stepProgram('encoder', (root) => ({
    features: encode(encoder, root.at('encoder'), normalize(input('images', [BATCH_MARKER, ...shape]), expected)),
  }), { training: false });
  // The plain operators that a GPU gets are those that every runtime has.
  const lowered = withDynamicBatch(lower(program, 'webgpu').model);
  const contributed = lowered.nodes.find(({ domain }) => domain);
  if (contributed) throw new InputError(`this network needs ${contributed.type}, which is not in the ONNX standard, so it cannot be exported`);

  const names = new Map([[valueName.input('images'), 'images'], [valueName.output('features'), 'features']]);
  for (const { name } of program.state) names.set(valueName.state(name), name);
  const width = program.outputs.get('features')!.shape[1]!;
  const complete = withWeights(lowered, names, weights);
  return encodeModel({
    ...(web ? forBrowsers(complete) : complete),
    metadata: {
      description: `${encoder.name} encoder${card.recipe ? ` made by byo ${card.recipe.command}` : ''}`,
      input: `images: float32 [batch, ${shape.join(', ')}], ${expected.shape ? 'as in the data' : `${channels === 3 ? 'RGB' : 'grey'} from 0 to 1`}`,
      output: `features: float32 [batch, ${width}]`,
      preprocessing: canonicalJson({
        ...(expected.shape ? { shape: [...shape] } : { channels, size, range: [0, 1] }),
        normalization: { mean: [...mean], std: [...std], in_graph: true },
      }),
      encoder: canonicalJson(encoder),
      version: card.version,
      ...(card.digest && { model: card.digest }),
      ...(card.recipe && { recipe: canonicalJson(card.recipe) }),
    },
  });
}

/** Values under their new names, with the weights as constants of the model. Names of source lines are left out. */
function withWeights(model: OnnxModel, names: ReadonlyMap<string, string>, weights: State): OnnxModel {
  const rename = (name: string): string => names.get(name) ?? name;
  const initializers = new Map(model.initializers);
  const inputs = model.inputs.map((value) => ({ ...value, name: rename(value.name) })).filter(({ name, shape }) => {
    if (name === 'images') return true;
    const value = weights.get(name);
    if (value?.shape.join() !== shape.join()) throw new InputError(`the model has no ${name} of shape [${shape.join(', ')}], which its encoder needs`);
    initializers.set(name, value);
    return false;
  });
  return {
    ...model, name: 'encoder', initializers, inputs,
    outputs: model.outputs.map((value) => ({ ...value, name: rename(value.name) })),
    nodes: model.nodes.map((node) => ({
      ...node, name: node.name.replace(/@\S+/, ''), inputs: node.inputs.map(rename), outputs: node.outputs.map(rename),
    })),
  };
}
