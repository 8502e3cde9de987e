import { ndarray, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import type { ImageSet } from './images.js';
import { joinByName, type NamedTable } from './named-rows.js';

/**
 * Captions as uint8 [N, L]: UTF-8, L the bytes of the longest one (at least 1), zeros behind the shorter ones. Throws InputError
 * where a caption holds a zero character, which would end it.
 */
export function encodeCaptions(captions: readonly string[]): NdArray<Uint8Array> {
  const zero = captions.findIndex((caption) => caption.includes('\0'));
  if (zero >= 0) throw new InputError(`caption ${zero} holds a zero character; captions are plain text`);
  const encoded = captions.map((caption) => new TextEncoder().encode(caption));
  const width = encoded.reduce((longest, { length }) => Math.max(longest, length), 1);
  const data = new Uint8Array(captions.length * width);
  encoded.forEach((bytes, i) => data.set(bytes, i * width));
  return ndarray('uint8', [captions.length, width], data);
}

/** The captions of `count` examples, if the artifact has any; throws InputError where they are misshapen or not UTF-8. */
export function captionsOf({ tensors }: Artifact, count: number, source: string): string[] | undefined {
  const found = tensors.get('captions');
  if (!found) return undefined;
  if (found.dtype !== 'uint8' || found.shape.length !== 2 || found.shape[0] !== count) {
    throw new InputError(`${source}: captions are ${found.dtype} [${found.shape}], but uint8 [${count}, L] is expected, the UTF-8 of one ` +
      'caption for each example with zeros behind it');
  }
  const width = found.shape[1]!;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return Array.from({ length: count }, (_, i) => {
    const row = (found.data as Uint8Array).subarray(i * width, (i + 1) * width);
    const end = row.indexOf(0);
    if (end >= 0 && row.subarray(end).some((byte) => byte !== 0)) {
      throw new InputError(`${source}: caption ${i} goes on behind a zero byte; zeros only stand behind captions`);
    }
    try {
      return decoder.decode(end >= 0 ? row.subarray(0, end) : row);
    } catch {
      throw new InputError(`${source}: caption ${i} is not UTF-8`);
    }
  });
}

/**
 * The captions of a table with a column `caption` for the images of a set, by the paths of their files in the first column or the
 * ends of these; runs of blanks become one, and an empty cell is an image without a caption. Throws InputError where there is no
 * such column and as `joinByName` does.
 */
export function joinCaptions(table: NamedTable, set: ImageSet, { limited = false } = {}): string[] {
  const at = table.header.indexOf('caption', 1);
  if (at < 0) throw new InputError(`${table.source} has no column caption; its header has to be file,caption`);
  const captions = Array<string>(set.images.shape[0]!).fill('');
  joinByName(table, set, { what: 'captions', advice: 'give it one, with an empty caption where it has none', limited }, (image, row) => {
    captions[image] = row[at]!.replaceAll(/\s+/g, ' ');
  });
  return captions;
}
