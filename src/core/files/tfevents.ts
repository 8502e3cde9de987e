import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../train/log.js';
import { explainWriteError } from './system-errors.js';

/**
 * TensorBoard's event files: records (length, its checksum, data, their checksum) of Event messages in protobuf. No clock goes
 * in: TensorBoard wants a time with every event, and gets the step, so that equal runs give equal files.
 */
const NAME = 'events.out.tfevents.0.byo';

/**
 * A log in the form that TensorBoard reads, in `folder`; the same interface as the JSON log. Every number of a line but `step`
 * becomes a scalar of its name. A resumed run starts a file of its own, named after the step it goes on from, whose events
 * replace those of later steps. Throws ByoError where the folder cannot be written.
 */
export async function openEvents(folder: string, fromStep: number): Promise<Log> {
  const path = join(folder, fromStep > 0 ? `${NAME}.${String(fromStep).padStart(9, '0')}` : NAME);
  const file = await mkdir(folder, { recursive: true }).then(() => open(path, 'w')).catch((error: NodeJS.ErrnoException) => {
    throw explainWriteError(error, path);
  });
  let pending = file.write(record(versionEvent(fromStep))).then(() => {});
  return {
    write: ({ step, ...values }) => {
      const scalars = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
      pending = pending.then(async () => void (await file.write(record(scalarsEvent(Number(step), scalars)))));
    },
    close: async () => {
      await pending.catch((error: unknown) => { throw explainWriteError(error, path); });
      await file.close();
    },
  };
}

/** One TFRecord. */
export function record(data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(16 + data.length);
  out.writeBigUInt64LE(BigInt(data.length), 0);
  out.writeUInt32LE(maskedCrc(out.subarray(0, 8)), 8);
  out.set(data, 12);
  out.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return out;
}

/** Event { wall_time = 1; step = 2; file_version = 3 }, or, to go on, { …; session_log = 7 { status = 1: START } }. */
function versionEvent(fromStep: number): Uint8Array {
  if (fromStep === 0) return Buffer.concat([doubleField(1, 0), field(3, Buffer.from('brain.Event:2'))]);
  // Of earlier files, events of this step and later ones are void.
  const step = fromStep + 1;
  return Buffer.concat([doubleField(1, step), varintField(2, BigInt(step)), field(7, varintField(1, 1n))]);
}

/** Event { wall_time = 1; step = 2; summary = 5 { value = 1 { tag = 1; simple_value = 2 } … } } */
function scalarsEvent(step: number, scalars: readonly (readonly [string, number])[]): Uint8Array {
  const values = scalars.map(([tag, value]) => field(1, Buffer.concat([field(1, Buffer.from(tag)), floatField(2, value)])));
  return Buffer.concat([doubleField(1, step), varintField(2, BigInt(step)), field(5, Buffer.concat(values))]);
}

const field = (number: number, data: Uint8Array): Buffer =>
  Buffer.concat([varint(BigInt(number << 3 | 2)), varint(BigInt(data.length)), data]);
const varintField = (number: number, value: bigint): Buffer => Buffer.concat([varint(BigInt(number << 3)), varint(value)]);

function doubleField(number: number, value: number): Buffer {
  const out = Buffer.alloc(9);
  out[0] = number << 3 | 1;
  out.writeDoubleLE(value, 1);
  return out;
}

function floatField(number: number, value: number): Buffer {
  const out = Buffer.alloc(5);
  out[0] = number << 3 | 5;
  out.writeFloatLE(value, 1);
  return out;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** CRC-32C (Castagnoli), reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** TensorFlow's mask: checksums of data that hold checksums would be weak. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
