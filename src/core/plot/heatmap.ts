import type { TopLevelSpec } from 'vega-lite';
import { HEAT } from './theme.js';

/** Values on a regular grid. */
export interface HeatPanel {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly values: readonly number[];
  /** Colours go by the logarithm; what is not above 0 has the colour of the smallest value that is. */
  readonly logarithmic?: boolean;
}

/** A place to point at. */
export interface HeatMark {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

export interface HeatmapOptions {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
}

const SIDE = 360;

/** Heat maps side by side, with the same places marked in each, as a Vega-Lite chart. */
export function heatmapChart(panels: readonly HeatPanel[], marks: readonly HeatMark[], o: HeatmapOptions): TopLevelSpec {
  const label = (look: object, background: boolean) => ({
    mark: {
      type: 'text' as const, align: 'left' as const, dx: 8, dy: -8, fontSize: 12, fontWeight: 'bold' as const, ...look,
      ...(background && { aria: false }),
    },
    encoding: { text: { field: 'name', type: 'nominal' as const } },
  });
  const charts = panels.map(({ name, x, y, values, logarithmic = false }) => {
    const [halfX, halfY] = [spacing(x) / 2, spacing(y) / 2];
    const shown = logarithmic ? logarithms(values) : values;
    const cells = shown.map((value, i) =>
      ({ x: x[i]! - halfX, x2: x[i]! + halfX, y: y[i]! - halfY, y2: y[i]! + halfY, value, exact: values[i]! }));
    const axis = (field: 'x' | 'y', title: string, at: readonly number[], half: number) => ({
      field, type: 'quantitative' as const, title, axis: { grid: false },
      scale: { domain: [Math.min(...at) - half, Math.max(...at) + half], nice: false, zero: false },
    });
    return {
      title: { text: name, fontSize: 13 }, width: SIDE, height: SIDE,
      encoding: { x: axis('x', o.xTitle, x, halfX), y: axis('y', o.yTitle, y, halfY) },
      layer: [
        {
          data: { values: cells },
          mark: { type: 'rect' as const },
          encoding: {
            x2: { field: 'x2' }, y2: { field: 'y2' },
            color: {
              field: 'value', type: 'quantitative' as const, scale: { range: [...HEAT], zero: false, nice: false },
              legend: {
                title: null, gradientLength: SIDE / 2, gradientOpacity: 1,
                ...(logarithmic && { labelExpr: "format(pow(10, datum.value), '.1e')" }),
              },
            },
            description: { field: 'exact', type: 'quantitative' as const },
          },
        },
        {
          data: { values: [...marks] },
          layer: [
            { mark: { type: 'point' as const, filled: true, size: 70, fill: 'white', stroke: 'black', strokeWidth: 1.5, opacity: 1 } },
            label({ fill: 'black', stroke: 'black', strokeWidth: 3 }, true), label({ fill: 'white' }, false),
          ],
        },
      ],
    };
  });
  return { title: o.title, hconcat: charts, resolve: { scale: { color: 'independent' } } };
}

/** Distance of neighbouring places on a regular grid; 1 where there is only one. */
function spacing(values: readonly number[]): number {
  const [first, second] = [...new Set(values)].sort((a, b) => a - b);
  return second === undefined ? 1 : second - first!;
}

/** log10 of values; of those that have none, that of the smallest that has. */
export function logarithms(values: readonly number[]): number[] {
  const least = Math.min(...values.filter((value) => value > 0));
  return values.map((value) => Math.log10(Math.max(value, Number.isFinite(least) ? least : 1)));
}
