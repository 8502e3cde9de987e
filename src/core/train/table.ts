import { float32, ndarray, rowsAt, type NdArray } from '../array.js';
import { encodeTable, FIRST_CATEGORY, type EncodedTable, type TableInput } from '../data/table/encoding.js';
import type { TableSet } from '../data/table/set.js';
import { compile, type CompileOptions } from '../engine/index.js';
import { input } from '../graph/index.js';
import { encodeTokens, initialState, requireWeights, stepProgram, type TableBatch, type TableEncoderSpec } from '../nn/index.js';
import type { State } from './train.js';

/** What a trained encoder of tables expects and is; the `meta` of model files. */
export interface TableEncoder {
  readonly encoder: TableEncoderSpec;
  readonly input: TableInput;
}

/** Rows of the tables of embeddings of every categorical column: what is unknown and what is missing come first. */
export const embeddingRows = ({ categorical }: TableInput): number[] =>
  categorical.map(({ categories }) => FIRST_CATEGORY + categories.length);

/** Inputs of a program that takes `batch` rows: `numbers`, `missing` and `codes`, as far as a table has them. */
export function tableInputs({ numeric, categorical }: TableInput, batch: number): TableBatch {
  const shape = [batch, numeric.length];
  return {
    ...(numeric.length > 0 && { numbers: input('numbers', shape) }),
    ...(numeric.some(({ missing }) => missing) && { missing: input('missing', shape) }),
    ...(categorical.length > 0 && { codes: input('codes', [batch, categorical.length], 'int32') }),
  };
}

/** What those inputs are fed for some rows. */
export const tableFeeds = ({ numbers, missing, codes }: EncodedTable, rows: ArrayLike<number>): Record<string, NdArray> =>
  ({ numbers: rowsAt(numbers, rows), missing: rowsAt(missing, rows), codes: rowsAt(codes, rows) });

export interface EmbedTableOptions extends CompileOptions {
  readonly batch?: number;
  readonly onProgress?: (done: number) => void;
}

/** Latents float32 [N, T, width] of all tokens of every row, [REG] first, in evaluation mode; `source` is the table's name. */
export const embedTable = (
  model: TableEncoder, weights: State, set: TableSet, source: string, options: EmbedTableOptions = {},
): Promise<NdArray<Float32Array>> => embedRows(model, weights, encodeTable(model.input, set, source), options);

/** The same of rows that are encoded already. */
export async function embedRows(
  model: TableEncoder, weights: State, rows: EncodedTable, options: EmbedTableOptions = {},
): Promise<NdArray<Float32Array>> {
  const count = rows.numbers.shape[0]!;
  const batch = Math.min(options.batch ?? 256, count);
  const program = encoderProgram(model, batch);
  requireWeights(program, weights, 'T-JEPA encoder of this table');
  const executable = compile(program, options);
  try {
    executable.setState(weights);
    let latents: Float32Array | undefined;
    let shape: readonly number[] = [];
    for (let start = 0; start < count; start += batch) {
      // The last batch is filled up with its first row; what comes of those is not read.
      const indices = Array.from({ length: batch }, (_, i) => (start + i < count ? start + i : start));
      const { latents: found } = await executable.run(tableFeeds(rows, indices));
      shape = found!.shape.slice(1);
      const size = found!.data.length / batch;
      latents ??= new Float32Array(count * size);
      latents.set((found!.data as Float32Array).subarray(0, Math.min(batch, count - start) * size), start * size);
      options.onProgress?.(Math.min(count, start + batch));
    }
    return ndarray('float32', [count, ...shape], latents!);
  } finally {
    executable.dispose();
  }
}

/** Weights of the same encoder before any training. */
export const untrainedTableWeights = (model: TableEncoder, seed: number): State => initialState(encoderProgram(model, 1), seed);

const encoderProgram = ({ encoder, input: takes }: TableEncoder, batch: number) =>
  stepProgram('embed', (root) =>
    ({ latents: encodeTokens(root.at('encoder'), tableInputs(takes, batch), encoder, embeddingRows(takes)) }), { training: false });

export const POOLS = ['flatten', 'mean', 'reg'] as const;
export type Pool = (typeof POOLS)[number];

/** Latents of tokens [N, T, width] as features: all of them side by side [N, T width], their mean, or the first [REG]. */
export function poolTokens({ shape, data }: NdArray<Float32Array>, pool: Pool): NdArray<Float32Array> {
  const [count, tokens, width] = shape as [number, number, number];
  if (pool === 'flatten') return ndarray('float32', [count, tokens * width], data);
  const out = float32([count, width]);
  const taken = pool === 'reg' ? 1 : tokens;
  for (let row = 0; row < count; row++) {
    for (let token = 0; token < taken; token++) {
      for (let i = 0; i < width; i++) out.data[row * width + i]! += data[(row * tokens + token) * width + i]! / taken;
    }
  }
  return out;
}

