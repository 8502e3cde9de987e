import { expect, test } from 'vitest';
import { encodeModel, type OnnxModel } from '../../../src/core/engine/onnx/proto.js';

const chain = (length: number): OnnxModel => ({
  name: 'chain', initializers: new Map(), inputs: [], outputs: [],
  nodes: Array.from({ length }, (_, i) => ({ type: 'Relu', name: `relu ${i}`, inputs: [`v${i}`], outputs: [`v${i + 1}`], attributes: {} })),
});

test('a graph of twenty thousand nodes is encoded, the last one too', () => {
  const bytes = Buffer.from(encodeModel(chain(20_000)));
  expect(bytes.includes('relu 19999')).toBe(true);
  expect(bytes.length).toBeGreaterThan(20_000 * Buffer.from(encodeModel(chain(10))).length / 12);
});
