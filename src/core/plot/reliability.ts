import type { TopLevelSpec } from 'vega-lite';
import type { ReliabilityBin } from '../stats/metrics.js';
import { themes, type ThemeName } from './theme.js';

export interface ReliabilityOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly theme: ThemeName;
}

const WIDTH = 540;

/**
 * A reliability diagram (Guo et al. 2017) as a Vega-Lite chart: the accuracy in each bin of confidence against the diagonal on
 * which both agree, and below it how many rows each bin has.
 */
export function reliabilityChart(bins: readonly ReliabilityBin[], o: ReliabilityOptions): TopLevelSpec {
  const { colors, muted, text, background } = themes[o.theme];
  const values = bins.filter(({ n }) => n > 0)
    .map(({ low, high, n, accuracy }) => ({ low, high, n, accuracy, middle: (low + high) / 2 }));
  const x = (axis: object) => ({
    field: 'low', type: 'quantitative' as const, scale: { domain: [0, 1], nice: false }, axis: { grid: false, format: '.1f', ...axis },
  });
  const bar = { type: 'rect' as const, stroke: background, strokeWidth: 1 };
  const diagonal = (look: object) => ({
    data: { values: [{ at: 0 }, { at: 1 }] },
    mark: { type: 'line' as const, ...look },
    encoding: { x: { field: 'at', type: 'quantitative' as const }, y: { field: 'at', type: 'quantitative' as const } },
  });
  const accuracy = {
    width: WIDTH, height: 400,
    layer: [
      {
        data: { values },
        mark: { ...bar, color: colors[0]! },
        encoding: {
          x: x({ title: null, labels: false, ticks: false }), x2: { field: 'high' },
          y: { field: 'accuracy', type: 'quantitative' as const, title: 'accuracy', scale: { domain: [0, 1] }, axis: { format: '.1f' } },
          y2: { datum: 0 },
        },
      },
      // A halo keeps the dashes visible on the bars too.
      diagonal({ color: background, strokeWidth: 4 }),
      diagonal({ color: text, strokeWidth: 2, strokeDash: [6, 4] }),
    ],
  };
  const rows = { field: 'n', type: 'quantitative' as const, title: 'rows', axis: { tickCount: 3, tickMinStep: 1 } };
  const counts = {
    width: WIDTH, height: 110, data: { values },
    layer: [
      {
        mark: { ...bar, color: muted },
        encoding: { x: x({ title: 'confidence' }), x2: { field: 'high' }, y: rows, y2: { datum: 0 } },
      },
      {
        mark: { type: 'text' as const, dy: -7, fontSize: 11, color: text },
        encoding: {
          x: { field: 'middle', type: 'quantitative' as const }, y: rows, text: { field: 'n', type: 'quantitative' as const },
        },
      },
    ],
  };
  return { title: { text: o.title, subtitle: o.subtitle }, vconcat: [accuracy, counts], spacing: 14 };
}
