import { float32, int32 } from '../array.js';
import {
  add, concat, constant, expand, gather, pad, part, unsqueeze, type Tensor,
} from '../graph/index.js';
import { torchDefault, zeros, type Initializer } from './init.js';
import type { Scope } from './scope.js';

/**
 * The fixed code of positions [tokens, width]: channel pair i of position p is (sin, cos) of p base^(-2 i / width). T-JEPA's base
 * is 100, where texts have 10,000.
 */
export function positionCode(tokens: number, width: number, base = 100): Tensor {
  return constant(float32([tokens, width], Float32Array.from({ length: tokens * width }, (_, i) => {
    const [token, channel] = [Math.floor(i / width), i % width];
    const angle = token * base ** (-2 * Math.floor(channel / 2) / width);
    return channel % 2 ? Math.cos(angle) : Math.sin(angle);
  })));
}

/** Tokens of a sequence [B, T, D] at indices int32 [..., B, K], as [..., B, K, D]. */
export function gatherTokens(sequence: Tensor, indices: Tensor): Tensor {
  const [batch, tokens, width] = sequence.shape as [number, number, number];
  const starts = constant(int32([batch, 1], Int32Array.from({ length: batch }, (_, row) => row * tokens)));
  return gather(sequence.reshape([batch * tokens, width]), add(indices, starts));
}

/** x repeated along its first axis, as a whole. */
export const repeat = (x: Tensor, times: number): Tensor =>
  expand(unsqueeze(x, 0), [times, ...x.shape]).reshape([times * x.shape[0]!, ...x.shape.slice(1)]);

/** Rows of a table as a program takes them; what a table has no columns for is left out. */
export interface TableBatch {
  /** float32 [B, numeric columns]: scaled numbers, 0 where missing. */
  readonly numbers?: Tensor;
  /** float32 [B, numeric columns]: 1 where a number is missing, else 0. */
  readonly missing?: Tensor;
  /** int32 [B, categorical columns]: row numbers in the tables of embeddings. */
  readonly codes?: Tensor;
}

export interface TokenizerOptions {
  /** Width of a token. */
  readonly width: number;
  /** [REG] tokens, which say nothing about the row. */
  readonly reg: number;
  /** Rows of the table of embeddings of each categorical column; row 0 is for categories that were never seen. */
  readonly categories: readonly number[];
}

/** How many tokens a row has. */
export const tokenCount = ({ numbers, codes }: TableBatch, { reg }: Pick<TokenizerOptions, 'reg'>): number =>
  reg + (numbers?.shape[1] ?? 0) + (codes?.shape[1] ?? 0);

/**
 * A row of a table as tokens [B, T, width] (Gorishniy et al. 2021, and T-JEPA): [REG] tokens w, then of every numeric column
 * x w_j + b_j, then of every categorical column its embedding + b_j. `weight` [reg + numeric, width], `bias` [columns, width],
 * `category_embeddings.weight` with the columns' tables under each other, all of them Kaiming uniform with a = sqrt 5.
 *
 * A missing number has a learnt vector `missing` [numeric, width] in the place of x w_j, which starts at 0, that is at the token
 * of the mean; a missing category is a category. What was never seen has an embedding that stays at 0: its token is the bias.
 */
export function tableTokens(scope: Scope, batch: TableBatch, { width, reg, categories }: TokenizerOptions): Tensor {
  const { numbers, missing, codes } = batch;
  const [rows] = (numbers ?? codes)!.shape as [number];
  const [numeric, categorical] = [numbers?.shape[1] ?? 0, codes?.shape[1] ?? 0];
  const bias = scope.param('bias', [numeric + categorical, width], torchDefault);
  const tokens: Tensor[] = [];
  if (reg + numeric > 0) {
    const weight = scope.param('weight', [reg + numeric, width], torchDefault);
    if (numbers) {
      const scaled = unsqueeze(pad(numbers, [null, [reg, 0]], 1), 2).mul(weight).add(pad(part(bias, 0, 0, numeric), [[reg, 0]]));
      tokens.push(missing ? scaled.add(missingTokens(scope, missing, reg, width)) : scaled);
    } else {
      tokens.push(expand(unsqueeze(weight, 0), [rows, reg, width]));
    }
  }
  if (codes) {
    const starts = categories.map((_, j) => categories.slice(0, j).reduce((a, b) => a + b, 0));
    const total = categories.reduce((a, b) => a + b, 0);
    const table = scope.at('category_embeddings').param('weight', [total, width], exceptRows(starts));
    const embedded = gather(table, add(codes, constant(int32([categorical], starts))));
    tokens.push(embedded.add(part(bias, 0, numeric, numeric + categorical)));
  }
  return concat(tokens, 1);
}

function missingTokens(scope: Scope, missing: Tensor, reg: number, width: number): Tensor {
  const vectors = scope.param('missing', [missing.shape[1]!, width], zeros);
  return pad(unsqueeze(missing, 2).mul(vectors), [null, [reg, 0]]);
}

/** PyTorch's default, but 0 in some rows. */
const exceptRows = (rows: readonly number[]): Initializer => (shape, random) => {
  const values = torchDefault(shape, random);
  for (const row of rows) values.fill(0, row * shape[1]!, (row + 1) * shape[1]!);
  return values;
};
