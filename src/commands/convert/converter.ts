import type { Skipped } from '../../core/data/images.js';
import type { Artifact, RecipeInput } from '../../core/files/artifact.js';

/** A source that has become a data set. */
export interface Conversion {
  readonly artifact: Omit<Artifact, 'recipe'>;
  /** How what was read enters the recipe. */
  readonly inputs: readonly RecipeInput[];
  /** What the data set holds, in a line. */
  readonly summary: string;
  /** What else people should know of what was read. */
  readonly notes?: readonly string[];
  /** Examples that were left out because they could not be decoded. */
  readonly skipped: readonly Skipped[];
}

export type OnProgress = (done: number, total?: number) => void;
