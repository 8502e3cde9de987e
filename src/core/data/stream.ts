import { availableParallelism } from 'node:os';
import { float32, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { stream as randomStream } from '../random.js';
import { createDecoder, inOrder, reasonOf, type Decoder, type ImageSource } from './decode.js';
import type { Fit } from './images.js';
import type { Batch, ImageStream } from './source.js';
import type { StreamFiles } from './stream-files.js';

export interface StreamOptions {
  /** Height and width that every image is brought to, in pixels, and how. */
  readonly size: number;
  readonly fit: Fit;
  readonly batch: number;
  /** Images of the shuffle buffer, no fewer than a batch. */
  readonly buffer: number;
  /** Whether an image that cannot be decoded stops the run at once. */
  readonly onBad: 'skip' | 'stop';
  /** Largest share of such images in any 1000 that follow each other. */
  readonly maxBadRate: number;
  readonly seed: number;
}

/** An image in a stream: its file, and its number among the images of that file. */
type Place = readonly [file: string, position: number];

/** How far a stream is read. */
interface Cursor {
  readonly pass: number;
  /** The file that is being read, and how many of its images were. */
  readonly file?: string;
  readonly read: number;
}

interface Found {
  readonly source: ImageSource;
  readonly place: Place;
  readonly pass: number;
}

/** What became of an image: its pixels, or why there are none. */
type Decoded<T> = T & { readonly pixels?: Uint8Array; readonly reason?: string };

interface Progress {
  readonly cursor: Cursor;
  readonly imagesRead: number;
  readonly readInPass: number;
  readonly badImages: number;
  /** Bad images since `imagesRead` was a multiple of BLOCK. */
  readonly badInBlock: number;
}

/** All that the images to come depend on. */
interface State extends Progress {
  /** Where the images of the shuffle buffer came from, slot by slot. */
  readonly slots: readonly Place[];
  /** The last image that could be decoded. */
  readonly last: Place;
}

/** Images over which the share of bad ones is taken. */
const BLOCK = 1000;

/**
 * Batches of a stream, shuffled within a buffer: every image of a batch is drawn from a random slot of the buffer, and the next
 * one of the stream takes the slot. Where a pass over the stream is shorter than the buffer, the buffer is as large as the pass.
 *
 * An image that cannot be decoded is replaced by the one before it, so that it changes no slot but its own. The draws are those
 * of (seed, step), and the buffer is a list of places in files: what a step sees depends neither on the time that decoding takes
 * nor on whether the run was interrupted.
 *
 * Memory: `buffer` images of `size` x `size` pixels, and a few more on their way.
 */
export function imageStream(files: StreamFiles, options: StreamOptions): ImageStream {
  return new ShuffledStream(files, options);
}

class ShuffledStream implements ImageStream {
  readonly shape: readonly [number, number, number];
  readonly name: string;
  readonly repeatable: boolean;
  private readonly stride: number;
  private readonly capacity: number;
  private readonly pixels: Uint8Array;
  private readonly slots: Place[] = [];
  private progress: Progress = { cursor: { pass: 0, read: 0 }, imagesRead: 0, readInPass: 0, badImages: 0, badInBlock: 0 };
  private last?: { readonly place: Place; readonly pixels: Uint8Array };
  private incoming?: AsyncGenerator<Decoded<Found>>;
  private upcoming?: Decoded<Found>;
  /** The state before the batch that was asked for last. */
  private before?: { readonly step: number; readonly state: State };

  constructor(private readonly files: StreamFiles, private readonly options: StreamOptions) {
    const { size, buffer, batch } = options;
    this.name = files.name;
    this.repeatable = files.repeatable;
    this.shape = [3, size, size];
    this.stride = 3 * size * size;
    this.capacity = Math.max(buffer, batch);
    this.pixels = new Uint8Array(this.capacity * this.stride);
  }

  async batch(step: number): Promise<Batch | undefined> {
    const { batch, seed } = this.options;
    if (this.slots.length === 0) await this.fill();
    this.before = { step, state: this.snapshot() };
    if (this.slots.length < batch) return undefined;
    const random = randomStream(seed, 'shuffle', step);
    const out = new Float32Array(batch * this.stride);
    for (let row = 0; row < batch; row++) {
      const slot = random.int(this.slots.length);
      this.scaled(this.at(slot), out, row);
      if (await this.peek()) this.put(slot, (await this.take())!);
      else this.drop(slot);
    }
    await this.grow();
    return { images: this.images(batch, out) };
  }

  async first(count: number): Promise<NdArray<Float32Array>> {
    const shown: Uint8Array[] = [];
    for await (const { pixels, pass } of this.decoded(imagesFrom(this.files, this.progress.cursor))) {
      if (pass > 0) break;
      if (pixels) shown.push(pixels);
      if (shown.length === count) break;
    }
    if (shown.length === 0) throw new InputError(`${this.name}: none of its images can be decoded`);
    const out = new Float32Array(shown.length * this.stride);
    shown.forEach((pixels, row) => this.scaled(pixels, out, row));
    return this.images(shown.length, out);
  }

  state(step: number): State {
    return this.before?.step === step ? this.before.state : this.snapshot();
  }

  counts(step: number): { imagesRead: number; badImages: number } {
    const { imagesRead, badImages } = this.state(step);
    return { imagesRead, badImages };
  }

  async seek(saved: unknown): Promise<void> {
    if (typeof saved !== 'object' || saved === null) throw new InputError('the checkpoint does not say where its stream stood; remove it');
    const { slots, last, ...progress } = saved as State;
    this.progress = progress;
    for (const place of slots) this.slots.push(place);
    const wanted = slotsByPlace([...slots, last]);
    let found = 0;
    for await (const { source, slots: taken, pixels, place } of this.decoded(imagesAt(this.files, wanted))) {
      if (!pixels) throw this.gone(source.name);
      for (const slot of taken) {
        if (slot < slots.length) this.pixels.set(pixels, slot * this.stride);
        else this.last = { place, pixels };
      }
      found += taken.length;
    }
    if (found <= slots.length) throw this.gone('one of its images');
  }

  async close(): Promise<void> {
    this.upcoming = undefined;
    await this.incoming?.return(undefined);
  }

  private async fill(): Promise<void> {
    const { batch } = this.options;
    let leading = 0; // bad images with none before them to take their place
    while (this.slots.length + leading < this.capacity) {
      const next = await this.peek();
      if (!next || next.pass > 0) break;
      const image = await this.take();
      if (!image) {
        leading++;
        continue;
      }
      for (; leading > 0; leading--) this.put(this.slots.length, image);
      this.put(this.slots.length, image);
    }
    if (leading > 0) throw new InputError(`${this.name}: none of its first ${leading} images can be decoded; check what they are`);
    if (this.slots.length < batch) {
      throw new InputError(`a batch of ${batch} is larger than ${this.name}, of ${this.slots.length} images; `
        + `use --batch ${this.slots.length} or less`);
    }
  }

  /** A folder may have had fewer images than the buffer when it was first read through. */
  private async grow(): Promise<void> {
    const isShort = () => this.slots.length < Math.min(this.capacity, this.progress.readInPass);
    while (isShort() && await this.peek()) this.put(this.slots.length, (await this.take())!);
  }

  private async peek(): Promise<Decoded<Found> | undefined> {
    this.incoming ??= this.decoded(imagesFrom(this.files, this.progress.cursor));
    this.upcoming ??= (await this.incoming.next()).value as Decoded<Found> | undefined;
    return this.upcoming;
  }

  /** The image that `peek` has seen, or the last good one for it; undefined where there is none before a bad one. */
  private async take(): Promise<{ place: Place; pixels: Uint8Array } | undefined> {
    const { place, pass, pixels, source, reason } = this.upcoming!;
    this.upcoming = undefined;
    const { cursor, imagesRead, readInPass, badImages, badInBlock } = this.progress;
    const [file, position] = place;
    const bad = pixels ? 0 : 1;
    this.progress = {
      cursor: { pass, file, read: position + 1 },
      imagesRead: imagesRead + 1, readInPass: 1 + (pass > cursor.pass ? 0 : readInPass),
      badImages: badImages + bad, badInBlock: bad + (imagesRead % BLOCK === 0 ? 0 : badInBlock),
    };
    if (pixels) return this.last = { place, pixels };
    const { onBad, maxBadRate } = this.options;
    if (onBad === 'stop' || this.progress.badInBlock > maxBadRate * BLOCK) throw await this.tooBad(source, reason);
    return this.last;
  }

  private put(slot: number, { place, pixels }: { place: Place; pixels: Uint8Array }): void {
    this.slots[slot] = place;
    this.pixels.set(pixels, slot * this.stride);
  }

  /** Takes a slot out of the buffer; the last one moves to its place. */
  private drop(slot: number): void {
    const last = this.slots.length - 1;
    if (slot < last) this.put(slot, { place: this.slots[last]!, pixels: this.at(last) });
    this.slots.pop();
  }

  private at(slot: number): Uint8Array {
    return this.pixels.subarray(slot * this.stride, (slot + 1) * this.stride);
  }

  private scaled(pixels: Uint8Array, out: Float32Array, row: number): void {
    for (let i = 0, to = row * this.stride; i < pixels.length; i++, to++) out[to] = pixels[i]! / 255;
  }

  private images(count: number, data: Float32Array<ArrayBuffer>): NdArray<Float32Array> {
    return float32([count, ...this.shape], data);
  }

  private snapshot(): State {
    return { ...this.progress, slots: [...this.slots], last: this.last!.place };
  }

  /** Decodes side by side, a few images ahead of whoever asks for the next one, and no further. */
  private async *decoded<T extends { readonly source: ImageSource }>(items: AsyncIterable<T>): AsyncGenerator<Decoded<T>> {
    const decode = await createDecoder(this.options);
    yield* inOrder(items, 2 * availableParallelism(), (item) => attempt(decode, item));
  }

  private async tooBad(source: ImageSource, reason: string | undefined): Promise<InputError> {
    // What is wrong with an image is said reliably when it is asked alone.
    await this.close();
    const why = (await attempt(await createDecoder(this.options), { source })).reason ?? reason;
    if (this.options.onBad === 'stop') {
      return new InputError(`${this.name}: ${source.name} cannot be decoded (${why}); repair or remove it, or give --on-bad skip`);
    }
    return new InputError(`${this.name}: more than ${Math.floor(this.options.maxBadRate * BLOCK)} of ${BLOCK} images in a row cannot be `
      + `decoded, the last of them ${source.name} (${why}); repair the data, or raise --max-bad-rate`);
  }

  private gone(what: string): InputError {
    return new InputError(`${this.name}: ${what} can no longer be read, but the run to be resumed had it in its shuffle buffer; `
      + 'put it back, or start anew without --resume');
  }
}

async function attempt<T extends { readonly source: ImageSource }>(decode: Decoder, item: T): Promise<Decoded<T>> {
  try {
    return { ...item, pixels: (await decode(await item.source.load())).data };
  } catch (error) {
    return { ...item, reason: reasonOf(error) };
  }
}

/** The images of a stream from a cursor on, pass after pass. Throws InputError where a pass finds none. */
async function* imagesFrom(files: StreamFiles, { pass, file, read }: Cursor): AsyncGenerator<Found> {
  let seen = read;
  const imagesOf = async function* (name: string, skip: number): AsyncGenerator<Found> {
    for await (const found of imagesOfFile(files, name, pass)) {
      if (found.place[1] < skip) continue;
      seen++;
      yield found;
    }
  };
  for (;; pass++, file = undefined, seen = 0) {
    if (file !== undefined) yield* imagesOf(file, read);
    for (let names = await files.list(pass, file); names.length > 0; names = await files.list(pass, file)) {
      for (file of names) yield* imagesOf(file, 0);
    }
    if (seen === 0) throw new InputError(`${files.name} holds no images`);
    if (!files.repeatable) return;
  }
}

/** The images of one file. Where it is damaged or gone, that counts as one image that cannot be decoded. */
async function* imagesOfFile(files: StreamFiles, file: string, pass: number): AsyncGenerator<Found> {
  let position = 0;
  try {
    for await (const source of files.images(file)) yield { source, place: [file, position++], pass };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    yield { source: { name: file, load: () => Promise.reject(error) }, place: [file, position], pass };
  }
}

/** Numbers of the slots that hold the images of each file, by the images' positions. */
function slotsByPlace(slots: readonly Place[]): Map<string, Map<number, number[]>> {
  const files = new Map<string, Map<number, number[]>>();
  slots.forEach(([file, position], slot) => {
    const positions = files.get(file) ?? new Map<number, number[]>();
    positions.set(position, [...positions.get(position) ?? [], slot]);
    files.set(file, positions);
  });
  return files;
}

/** The images at these places, file by file. */
async function* imagesAt(
  files: StreamFiles, wanted: ReadonlyMap<string, ReadonlyMap<number, number[]>>,
): AsyncGenerator<{ source: ImageSource; place: Place; slots: readonly number[] }> {
  for (const [file, positions] of wanted) {
    let [position, left] = [0, positions.size];
    for await (const source of files.images(file)) {
      const slots = positions.get(position);
      if (slots) {
        yield { source, place: [file, position], slots };
        left--;
      }
      if (left === 0) break;
      position++;
    }
  }
}
