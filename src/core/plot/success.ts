import type { TopLevelSpec } from 'vega-lite';
import type { Interval } from '../stats/intervals.js';
import { SHAPES, themes, type ThemeName } from './theme.js';

/** Success of several models, or ways to choose, on one group of complexes. */
export interface SuccessRow {
  readonly group: string;
  /** Shares from 0 to 1, by name. */
  readonly values: ReadonlyMap<string, Interval>;
}

export interface SuccessOptions {
  readonly title: string;
  readonly subtitle: string;
  /** What the axis counts: `top-1 by confidence below 2 Å`. */
  readonly axis: string;
  readonly theme: ThemeName;
}

/** Points with their intervals, a row for each group and in it one for each name, as a Vega-Lite chart. */
export function successChart(rows: readonly SuccessRow[], { title, subtitle, axis, theme }: SuccessOptions): TopLevelSpec {
  const { colors, muted } = themes[theme];
  const names = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))];
  const values = rows.flatMap(({ group, values: own }) =>
    [...own].map(([name, { estimate, low, high }]) => ({ group, name, estimate, low, high })));
  const x = (field: string) => ({
    field, type: 'quantitative' as const, title: axis, scale: { domain: [0, 1] }, axis: { format: '.0%', tickCount: 5 },
  });
  const y = {
    field: 'group', type: 'nominal' as const, title: null, sort: rows.map(({ group }) => group), axis: { labelLimit: 260, grid: true },
  };
  const offset = { field: 'name', type: 'nominal' as const, sort: names };
  // Colour is not the only sign: shapes tell them apart in grey too.
  const look = <R>(range: R) => ({ field: 'name', type: 'nominal' as const, title: null, scale: { domain: names, range } });
  return {
    title: { text: title, subtitle },
    data: { values },
    width: 540, height: { step: 16 },
    encoding: { y, yOffset: offset },
    layer: [
      { mark: { type: 'rule', color: muted, strokeWidth: 1.5 }, encoding: { x: x('low'), x2: { field: 'high' } } },
      {
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: { x: x('estimate'), color: look(colors.slice(0, names.length)), shape: look(SHAPES.slice(0, names.length)) },
      },
    ],
  };
}
