import type { TopLevelSpec } from 'vega-lite';
import { SHAPES, themes, type ThemeName } from './theme.js';

export interface ScatterData {
  /** Coordinates of point i: x[i], y[i]. */
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Class number of each point; one class where left out. */
  readonly labels?: ArrayLike<number>;
  /** Names by class number. */
  readonly classes: readonly string[];
  /** The picture that each point belongs to, where there are several side by side with the same axes. */
  readonly panels?: readonly string[];
}

export interface ScatterOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Whether positions mean anything by themselves: neighbour embeddings have no axes worth reading. */
  readonly axes: boolean;
  readonly theme: ThemeName;
}

/** Points coloured by class, and shaped too where there are more classes than colours, as a Vega-Lite chart. */
export function scatterChart({ x, y, labels, classes, panels }: ScatterData, o: ScatterOptions): TopLevelSpec {
  const { colors } = themes[o.theme];
  const present = labels ? [...new Set(Array.from(labels))].sort((a, b) => a - b) : [];
  const nameOf = (label: number): string => classes[label] ?? String(label);
  const names = present.map(nameOf);
  const count = x.length;
  const axis = o.axes ? { grid: true } : { grid: false, labels: false, ticks: false, domain: false };
  const legend = { title: null, columns: Math.ceil(names.length / 24), symbolSize: 90 };
  const values = Array.from({ length: count }, (_, i) => ({
    x: x[i]!, y: y[i]!, ...(labels && { class: nameOf(labels[i]!) }), ...(panels && { panel: panels[i]! }),
  }));
  const side = panels ? 340 : 520;
  const pictures = new Set(panels).size;
  const columns = pictures < 4 ? pictures : Math.ceil(Math.sqrt(pictures));
  return {
    title: { text: o.title, subtitle: o.subtitle },
    width: side, height: side,
    data: { values },
    // Not `opacity`, for which renderers blend every point as a layer of its own: many times slower.
    mark: { type: 'point', filled: true, fillOpacity: count > 2000 ? 0.55 : 0.8, size: count > 2000 ? 14 : count > 500 ? 26 : 44 },
    encoding: {
      ...(panels && { facet: { field: 'panel', type: 'nominal', columns, sort: [...new Set(panels)], title: null } }),
      x: { field: 'x', type: 'quantitative', title: o.xTitle, scale: { zero: false }, axis },
      y: { field: 'y', type: 'quantitative', title: o.yTitle, scale: { zero: false }, axis },
      ...(labels && {
        color: {
          field: 'class', type: 'nominal', legend,
          scale: { domain: names, range: names.map((_, i) => colors[i % colors.length]!) },
        },
        shape: {
          field: 'class', type: 'nominal', legend,
          scale: { domain: names, range: names.map((_, i) => SHAPES[Math.floor(i / colors.length) % SHAPES.length]!) },
        },
      }),
    },
  };
}
