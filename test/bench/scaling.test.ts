import { expect, test } from 'vitest';
import {
  axisPanels, axisTable, largestTable, largestWidths, memoryCurve, type ScalingPoint,
} from '../../bench/scaling-tables.js';

const point = (workload: string, axis: 'batch' | 'width', value: number, median_ms: number): ScalingPoint => ({
  workload, axis, value, result: { median_ms, max_rss_mb: 10 * value, trace_ms: 1.2345, compile_ms: 20, config: { batch: 8 } },
});
const points = [point('w1', 'batch', 8, 4), point('w1', 'width', 16, 3), point('w4', 'width', 16, 40), point('w4', 'width', 32, 160)];

test('a table has the points of its axis, with examples a second of the median step', () => {
  expect(axisTable(points, 'width').split('\n')).toEqual([
    '| workload | width | ms a step | examples a second | peak MB | tracing, ms | compiling, ms |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| W1 | 16 | 3 | 2670 | 160 | 1.23 | 20 |',
    '| W4 | 16 | 40 | 200 | 160 | 1.23 | 20 |',
    '| W4 | 32 | 160 | 50 | 320 | 1.23 | 20 |',
  ]);
  const [speed, memory] = axisPanels(points, 'width');
  expect(speed!.curves[1]).toEqual({ run: 'W4', x: [16, 32], y: [200, 50] });
  expect(memory!.curves.map(({ run, y }) => [run, y])).toEqual([['W1', [160]], ['W4', [160, 320]]]);
});

const mb = (width: number): number => 100 + 2 * width + 0.5 * width ** 2;

test('memory is a parabola of the width, and no curve that turns down', () => {
  const curve = memoryCurve([8, 16, 32].map((width) => ({ width, mb: mb(width) })));
  for (const width of [8, 16, 32, 100]) expect(curve(width)).toBeCloseTo(mb(width), 9);
  const flat = memoryCurve([{ width: 1, mb: 10 }, { width: 2, mb: 20 }, { width: 4, mb: 30 }]);
  expect(flat(8)).toBe(50);
});

test('the largest widths are those that the memory allows, measured up to the largest limit', async () => {
  const ran: number[] = [];
  const peakMb = async (width: number) => (ran.push(width), mb(width));
  const { largest, stopped } = await largestWidths({ start: 16, step: 8, limitsGiB: [1, 2], peakMb, freeMb: () => 1e6 });
  expect(ran).toEqual([16, 32, 64]);
  expect(stopped).toBe(false);
  for (const { limitGiB, width, measured } of largest) {
    expect(measured).toBe(true);
    expect(mb(width)).toBeLessThanOrEqual(1024 * limitGiB);
    expect(mb(width + 16)).toBeGreaterThan(1024 * limitGiB);
  }
});

test('nothing is run that may take more than the machine has; beyond it widths are extrapolated, and said to be', async () => {
  const free = 3000;
  const peakMb = async (width: number) => {
    expect(mb(width)).toBeLessThanOrEqual(free);
    return mb(width);
  };
  const search = { start: 8, step: 8, limitsGiB: [1, 16], peakMb, freeMb: () => free };
  const { points: run, largest, stopped } = await largestWidths(search);
  expect([stopped, run.map(({ width }) => width)]).toEqual([true, [8, 16, 32, 64]]);
  const exact = Math.floor((-2 + Math.sqrt(4 + 2 * (16 * 1024 - 100))) / 8) * 8;
  expect(largest[1]).toEqual({ limitGiB: 16, width: exact, measured: false });
  expect(largestTable(largest, [])).toContain(`| 16 GiB | ${exact} (extrapolated) | too little memory free |`);

  const none = await largestWidths({ start: 8, step: 8, limitsGiB: [1], peakMb, freeMb: () => 200 });
  expect(none).toMatchObject({ points: [{ width: 8 }], largest: [], stopped: true });
});
