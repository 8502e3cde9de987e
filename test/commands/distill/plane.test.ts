import { describe, expect, test } from 'vitest';
import { riseAboveEnds } from '../../../src/commands/distill/landscape.js';
import { span, ticks } from '../../../src/commands/distill/plane.js';
import { float32 } from '../../../src/core/array.js';
import { heatmapChart, logarithms } from '../../../src/core/plot/heatmap.js';
import { chart } from '../../../src/core/plot/vega.js';
import type { State } from '../../../src/core/train/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const names = ['encoder.block1.conv.weight', 'encoder.block1.conv.bias', 'head.last.weight'];
const network = (seed: string, prefix = ''): State => new Map([
  ...names.map((name) => [`${prefix}${name}`, gaussian(`${seed}${name}`, [2, 3])] as const),
  [`${prefix}encoder.block1.norm.running_mean`, gaussian(seed, [2])],
]);
const teacher: State = new Map([...network('t', 'target.'), ['target.center', float32([1], [4])]]);
const beside = [{ name: 'a', network: network('a') }, { name: 'b', network: network('b') }] as const;
const flat = (state: State, prefix = '') => names.flatMap((name) => numbersOf(state.get(`${prefix}${name}`)!));

describe('the plane through three networks', () => {
  test.each([false, true])('holds them where it says, right angles: %s', (orthogonal) => {
    const { at, places } = span(teacher, beside, orthogonal);
    expect(flat(at(0, 0))).toEqual(flat(teacher, 'target.'));
    places.forEach(({ name, x, y }, k) => {
      expect(name).toBe(beside[k]!.name);
      flat(at(x, y)).forEach((value, i) => expect(value).toBeCloseTo(flat(beside[k]!.network)[i]!, 5));
    });
    const [origin, one, other] = [flat(at(0, 0)), flat(at(1, 0)), flat(at(0, 1))];
    const product = origin.reduce((sum, o, i) => sum + (one[i]! - o) * (other[i]! - o), 0);
    if (orthogonal) expect(product).toBeCloseTo(0, 4);
    else expect(places).toEqual([{ name: 'a', x: 1, y: 0 }, { name: 'b', x: 0, y: 1 }]);
    // Linear in both directions, and with the teacher's other tensors.
    const [x, y] = [-0.4, 1.7];
    flat(at(x, y)).forEach((value, i) =>
      expect(value).toBeCloseTo(origin[i]! + x * (one[i]! - origin[i]!) + y * (other[i]! - origin[i]!), 4));
    expect(at(x, y).get('target.center')).toBe(teacher.get('target.center'));
    expect(at(x, y).has('encoder.block1.norm.running_mean')).toBe(false);
  });

  test('is none where they lie on a line, or one has not moved', () => {
    const same = new Map([...teacher].map(([name, value]) => [name.replace('target.', ''), value]));
    const twice = new Map([...beside[0].network].map(([name, { shape, data }]) => {
      const from = teacher.get(`target.${name}`)!.data as Float32Array;
      return [name, float32(shape, (data as Float32Array).map((value, i) => 2 * value - from[i]!))];
    }));
    for (const second of [same, twice]) {
      expect(() => span(teacher, [beside[0], { name: 'c', network: second }], false)).toThrow('the teacher, the a and the c lie on a line');
    }
  });

  test('is looked at on even steps with a margin', () => {
    expect(ticks([0, 1, 0], 5, 0.5)).toEqual([-0.5, 0, 0.5, 1, 1.5]);
    expect(ticks([0, -2, 1], 3, 0)).toEqual([-2, -0.5, 1]);
    expect(ticks([0, 1], 21, 0.5)).toContain(1);
  });

  test('a rise is above the straight line between the ends', () => {
    expect(riseAboveEnds([0, 3, 2])).toBe(2);
    expect(riseAboveEnds([0, 0.5, 2])).toBe(0);
  });
});

describe('heat maps', () => {
  test('have a cell around every value, and marks', async () => {
    const [x, y] = [[0, 1, 2, 0, 1, 2], [5, 5, 5, 7, 7, 7]];
    const spec = heatmapChart([{ name: 'error', x, y, values: [1, 2, 3, 4, 5, 6] }], [{ name: 'here', x: 1, y: 5 }], {
      title: 'a map', xTitle: 'across', yTitle: 'up',
    });
    const svg = await chart(spec, 'light');
    expect(svg.match(/aria-roledescription="rect mark"/g)).toHaveLength(6);
    for (const text of ['>a map<', '>error<', '>across<', '>up<', '>here<']) expect(svg).toContain(text);
    // The ends of the scale.
    for (const fill of ['rgb(68, 1, 84)', 'rgb(253, 231, 37)']) expect(svg).toContain(`fill="${fill}"`);
  });

  test('by logarithms give values that have none the smallest that there is', () => {
    expect(logarithms([0, 0.01, 100, -1])).toEqual([-2, -2, 2, -2]);
    expect(logarithms([0, 0])).toEqual([0, 0]);
  });
});
