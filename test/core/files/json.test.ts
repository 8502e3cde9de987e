import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.js';
import { canonicalJson, parseStrictJson } from '../../../src/core/files/json.js';

describe('canonicalJson', () => {
  it('sorts keys at every depth and leaves out undefined ones', () => {
    expect(canonicalJson({ b: [{ z: 1, a: null }], a: 'é"\n', c: undefined, B: -0 }))
      .toBe('{"B":0,"a":"é\\"\\n","b":[{"a":null,"z":1}]}');
  });

  it('keeps numbers exactly', () => {
    const numbers = [0.1, 1e21, 5e-324, 2 ** 53, -1.5];
    expect(JSON.parse(canonicalJson(numbers))).toEqual(numbers);
  });

  it.each([
    [{ lr: NaN }, 'options.lr is NaN'],
    [{ a: [1, Infinity] }, 'options.a[1] is Infinity'],
    [{ n: 1n }, 'options.n is a bigint'],
    [{ m: new Map() }, 'options.m is a object'],
    [[undefined], 'options[0] is a undefined'],
  ])('refuses what JSON cannot hold: %s', (value, message) => {
    expect(() => canonicalJson(value, 'options')).toThrow(message);
  });
});

describe('parseStrictJson', () => {
  it('reads what JSON.parse reads', () => {
    const text = ' {"a":[{"a":1},{"a":"a\\"b:{"}], "b":"\\\\", "" :{"a":{}}} ';
    expect(parseStrictJson(text, 'x', 3)).toEqual(JSON.parse(text));
    expect(() => parseStrictJson(text, 'x', 2)).toThrow('more than 2 deep');
  });

  it('tells keys from strings, and objects from one another', () => {
    expect(parseStrictJson('[["a","a"],{"a":"a"},{"a":"b"}]', 'x', 3)).toEqual([['a', 'a'], { a: 'a' }, { a: 'b' }]);
  });

  it.each(['{"a":1,"a":1}', '{"a":1,"b":{"a":2},"\\u0061" : 3}', '{"a":1,"b":["a:"],"a"\n:2}'])('refuses a key given twice: %s', (text) => {
    expect(() => parseStrictJson(text, 'x', 9)).toThrow(new InputError('x gives the key "a" twice; keep one of them'));
  });

  it.each(['', '{', '"', '"\\', '{"a":1,}', '{a:1}', ']', '{"\\x":1}', '01'])('refuses what is not JSON: %j', (text) => {
    expect(() => parseStrictJson(text, 'x', 9)).toThrow('x is not JSON');
  });

  it('survives a depth bomb', () => {
    expect(() => parseStrictJson('['.repeat(1e6) + ']'.repeat(1e6), 'x', 100)).toThrow(InputError);
  });
});
