import { bytesOf, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';

/** The part of the ONNX format (onnx.proto3) that byo writes, as plain objects and their protobuf encoding. */
export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, NdArray>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Values in between whose types and shapes are said, because operators do not tell. */
  readonly values?: readonly OnnxValue[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Version of the standard operators; OPSET where left out. */
  readonly opset?: keyof typeof IR_VERSIONS;
}

export interface OnnxNode {
  readonly type: string;
  readonly domain?: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** Whole numbers become INT or INTS; `{ float }` marks numbers that are FLOAT even where they are whole. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

export interface OnnxValue {
  readonly name: string;
  readonly dtype: NdArray['dtype'];
  /** Extents; a string names one that varies from run to run. */
  readonly shape: readonly (number | string)[];
}

export const OPSET = 21;

/** Version of the format that came with each version of the operators: runtimes know both or neither. */
const IR_VERSIONS = { 17: 8, 21: 10 } as const;

/** ONNX's numbers of the dtypes byo uses. */
export const ONNX_TYPE: Readonly<Partial<Record<NdArray['dtype'], number>>> = {
  float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11,
};

export function onnxType(dtype: NdArray['dtype']): number {
  const type = ONNX_TYPE[dtype];
  if (type === undefined) throw new InputError(`dtype ${dtype} cannot be written to an ONNX model`);
  return type;
}

/** A message under construction: fields are appended in the order of the calls. */
class Message {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  varint(field: number, value: number | bigint): this {
    return this.raw([varint((field << 3) | 0), varint(value)]);
  }

  float(field: number, value: number): this {
    return this.raw([varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.raw([varint((field << 3) | 2), varint(value.length), value]);
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  message(field: number, value: Message): this {
    return this.raw([varint((field << 3) | 2), varint(value.length)]).raw(value.parts);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.parts, this.length);
  }

  private raw(parts: readonly Uint8Array[]): this {
    for (const part of parts) {
      this.parts.push(part);
      this.length += part.length;
    }
    return this;
  }
}

/** Base-128 encoding; negative numbers in 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** The model as the bytes of an .onnx file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const graph = new Message();
  for (const node of model.nodes) graph.message(1, encodeNode(node));
  graph.text(2, model.name);
  for (const [name, array] of model.initializers) graph.message(5, encodeTensor(name, array));
  for (const value of model.inputs) graph.message(11, encodeValue(value));
  for (const value of model.outputs) graph.message(12, encodeValue(value));
  for (const value of model.values ?? []) graph.message(13, encodeValue(value));

  const version = model.opset ?? OPSET;
  const message = new Message().varint(1, IR_VERSIONS[version]).text(2, 'byo').message(7, graph);
  const domains = new Set(['', ...model.nodes.map((node) => node.domain ?? '')]);
  for (const domain of domains) {
    const opset = new Message();
    if (domain) opset.text(1, domain);
    message.message(8, opset.varint(2, domain ? 1 : version));
  }
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    message.message(14, new Message().text(1, key).text(2, value));
  }
  return message.finish();
}

function encodeNode({ type, domain, name, inputs, outputs, attributes }: OnnxNode): Message {
  const message = new Message();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(3, name).text(4, type);
  for (const [key, value] of Object.entries(attributes)) message.message(5, encodeAttribute(key, value));
  return domain ? message.text(7, domain) : message;
}

function encodeAttribute(name: string, value: OnnxAttribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return message.text(4, value).varint(20, 3);
  if ('float' in value) return message.float(2, value.float).varint(20, 1);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

function encodeTensor(name: string, array: NdArray): Message {
  const message = new Message();
  for (const extent of array.shape) message.varint(1, extent);
  return message.varint(2, onnxType(array.dtype)).text(8, name).bytes(9, bytesOf(array));
}

function encodeValue({ name, dtype, shape }: OnnxValue): Message {
  const dims = new Message();
  for (const extent of shape) {
    dims.message(1, typeof extent === 'number' ? new Message().varint(1, extent) : new Message().text(2, extent));
  }
  const tensor = new Message().varint(1, onnxType(dtype)).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
