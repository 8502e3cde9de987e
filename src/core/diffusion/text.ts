import { int32 } from '../array.js';
import { UsageError } from '../errors.js';
import type { Tensor } from '../graph/index.js';
import { embedding, init, layerNorm, transformerLayer, type Scope } from '../nn/index.js';

/** A transformer over the words of a caption. */
export interface TextEncoderSpec {
  /** Words by number, from 1; 0 fills up. */
  readonly vocabulary: readonly string[];
  /** Words of the longest caption. */
  readonly length: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

/** Words in lower case, without punctuation. */
export const wordsOf = (caption: string): string[] => caption.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Every word of the captions, in alphabetical order, and the number of words of the longest. */
export function vocabularyOf(captions: readonly string[]): Pick<TextEncoderSpec, 'vocabulary' | 'length'> {
  const words = captions.map(wordsOf);
  return { vocabulary: [...new Set(words.flat())].sort(), length: Math.max(1, ...words.map((list) => list.length)) };
}

/** Word numbers int32 [N, length]; throws UsageError for a word that no caption of the training set had, and for too many. */
export function tokenize(captions: readonly string[], { vocabulary, length }: TextEncoderSpec) {
  const numbers = new Map(vocabulary.map((word, i) => [word, i + 1]));
  const tokens = new Int32Array(captions.length * length);
  captions.forEach((caption, row) => {
    const words = wordsOf(caption);
    if (words.length > length) {
      throw new UsageError(`'${caption}' has ${words.length} words, but the model was trained on captions of at most ${length}`);
    }
    words.forEach((word, i) => {
      const number = numbers.get(word);
      if (number === undefined) {
        throw new UsageError(`the word '${word}' was in no caption that the model was trained on; it knows ${some(vocabulary)}`);
      }
      tokens[row * length + i] = number;
    });
  });
  return int32([captions.length, length], tokens);
}

const SHOWN = 40;
const some = (words: readonly string[]): string =>
  `${words.slice(0, SHOWN).join(', ')}${words.length > SHOWN ? ` and ${words.length - SHOWN} more` : ''}`;

/** Word numbers int32 [B, L] -> [B, L, width]. */
export function encodeWords(spec: TextEncoderSpec, scope: Scope, words: Tensor): Tensor {
  const { vocabulary, length, width, layers, heads } = spec;
  let x = embedding(scope.at('words'), words, vocabulary.length + 1, width, init.normal(0.5))
    .add(scope.at('positions').param('weight', [length, width], init.normal(0.1)));
  for (let i = 0; i < layers; i++) {
    x = transformerLayer(scope.at('layers').at(i), x, { heads, feedForward: 2 * width, activation: 'gelu', preNorm: true });
  }
  return layerNorm(scope.at('norm'), x);
}
