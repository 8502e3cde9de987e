import { availableParallelism } from 'node:os';
import type { NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { ImageOptions, Skipped } from './images.js';
import { decodeRaster, type Raster } from './raster.js';

/** One image to decode: an encoded file's bytes, or pixels. */
export interface ImageSource {
  readonly name: string;
  load(): Promise<Uint8Array | Raster>;
}

/** The decoded images, and the positions in the order of the sources that they came from. */
export interface Decoded {
  readonly images: NdArray<Uint8Array>;
  readonly kept: readonly number[];
  readonly skipped: readonly Skipped[];
}

/** Pixels of one image in planes: channels x height x width. */
interface Planes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Decodes images in parallel and in order, to uint8 [N, channels, H, W]. Orientation marks (EXIF) are applied,
 * transparency is laid on white, and grey, CMYK and 16-bit images become 8-bit sRGB (or grey for `channels: 1`).
 *
 * Throws InputError where no image can be decoded, where sizes differ and no `size` was given, and, with `strict`, for
 * the first image that cannot be decoded.
 */
export async function decodeImages(
  sources: Iterable<ImageSource> | AsyncIterable<ImageSource>, where: string, options: ImageOptions, total?: number,
): Promise<Decoded> {
  const channels = options.channels ?? 3;
  const decode = await createDecoder(options);
  const planes: Planes[] = [];
  const kept: number[] = [];
  const broken: { source: ImageSource; reason: string }[] = [];
  let first: { name: string; width: number; height: number } | undefined;
  let done = 0;
  const attempt = async (source: ImageSource) => {
    try {
      return { source, image: await decode(await source.load()) };
    } catch (error) {
      return { source, reason: reasonOf(error) };
    }
  };
  for await (const { source, image, reason } of inOrder(sources, 2 * availableParallelism(), attempt)) {
    const position = done++;
    options.onProgress?.(done, total);
    if (!image) {
      broken.push({ source, reason });
      if (options.strict) break;
      continue;
    }
    const { name } = source;
    const { width, height } = image;
    first ??= { name, width, height };
    if (width !== first.width || height !== first.height) {
      throw new InputError(
        `${where}: images differ in size (${first.name} is ${first.width}x${first.height}, ${name} is `
        + `${width}x${height}); give the size they shall all have, such as --size 64`,
      );
    }
    planes.push(image);
    kept.push(position);
  }
  // libvips keeps one list of errors for all its threads: what is wrong with an image it says reliably when asked alone.
  const skipped: Skipped[] = [];
  for (const { source, reason } of broken) skipped.push({ name: source.name, reason: (await attempt(source)).reason ?? reason });
  const [worst] = skipped;
  if (options.strict && worst) throw new InputError(`${where}: ${worst.name} cannot be decoded (${worst.reason}); repair or remove it`);
  if (!first) {
    const example = skipped.length > 0 ? `, the first, ${skipped[0].name}, because: ${skipped[0].reason}` : '';
    throw new InputError(`${where}: none of its ${done} images can be decoded${example}`);
  }
  const stride = channels * first.height * first.width;
  const data = new Uint8Array(planes.length * stride);
  planes.forEach((image, i) => data.set(image.data, i * stride));
  const shape = [planes.length, channels, first.height, first.width];
  return { images: { dtype: 'uint8', shape, data }, kept, skipped };
}

/** Brings images of one size, as the array formats hold them, to the size and channels that the options ask for. */
export async function fitImages(
  images: NdArray<Uint8Array>, where: string, options: ImageOptions,
): Promise<NdArray<Uint8Array>> {
  const [count, stored, height, width] = images.shape;
  const { size = height, channels = stored as 1 | 3 } = options;
  const asStored = options.size === undefined || (height === size && width === size);
  if (count === 0 || (asStored && channels === stored)) return images;
  const area = height * width;
  const pixels = function* (): Generator<ImageSource> {
    for (let i = 0; i < count; i++) {
      const data = interleave(images.data.subarray(i * stored * area, (i + 1) * stored * area), stored);
      yield { name: `image ${i}`, load: async () => ({ width, height, channels: stored as 1 | 3, data }) };
    }
  };
  return (await decodeImages(pixels(), where, { ...options, channels, strict: true }, count)).images;
}

/** From planes [C, area] to pixels [area, C]. */
function interleave(planes: Uint8Array, channels: number): Uint8Array {
  if (channels === 1) return planes;
  const out = new Uint8Array(planes.length);
  for (let c = 0, from = 0; c < channels; c++) {
    for (let i = c; i < out.length; i += channels) out[i] = planes[from++];
  }
  return out;
}

/** From pixels [area, C] to planes [C, area]; the very same array for one channel. */
export function deinterleave(pixels: Uint8Array, channels: number): Uint8Array {
  if (channels === 1) return pixels;
  const out = new Uint8Array(pixels.length);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let i = c; i < pixels.length; i += channels) out[to++] = pixels[i];
  }
  return out;
}

/** Decodes one image, or throws. */
export type Decoder = (input: Uint8Array | Raster) => Promise<Planes>;

/** A decoder to the size and channels that the options ask for; as stored where they name no size. */
export async function createDecoder(options: Pick<ImageOptions, 'size' | 'fit' | 'channels'>): Promise<Decoder> {
  const { size, fit = 'cover', channels = 3 } = options;
  // sharp loads a native library: only commands that decode images wait for it.
  const { default: sharp } = await import('sharp');
  // Images run side by side on Node's thread pool; threads within each make the total about the number of cores.
  const pool = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  sharp.concurrency(Math.max(1, Math.floor(availableParallelism() / pool)));
  sharp.cache(false);
  return async (input) => {
    const raster = input instanceof Uint8Array ? decodeRaster(input) : input;
    let image = raster
      ? sharp(raster.data, { raw: { width: raster.width, height: raster.height, channels: raster.channels } })
      : sharp(input as Uint8Array, { failOn: 'error' }).autoOrient().flatten({ background: WHITE });
    if (size !== undefined) image = image.resize(size, size, { fit, background: WHITE });
    const { data, info } = await image
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: deinterleave(data, info.channels) };
  };
}

/** Scans, drawings and cut-outs are made for white paper; black would also hide black drawings. */
const WHITE = '#ffffff';

/** The first line of a message, without the path that Node's file errors end with. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split(/\n|, open /)[0];

/** Maps with up to `width` items at work at a time; the results come in the items' order. Leaving early waits for the rest. */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>, width: number, map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  try {
    for await (const item of items) {
      pending.push(map(item));
      if (pending.length >= width) yield await pending.shift()!;
    }
    while (pending.length > 0) yield await pending.shift()!;
  } finally {
    await Promise.allSettled(pending);
  }
}
