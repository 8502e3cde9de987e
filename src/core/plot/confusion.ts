import type { TopLevelSpec } from 'vega-lite';
import type { Matrix64 } from '../stats/matrix.js';
import { themes, type ThemeName } from './theme.js';

export interface ConfusionOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly theme: ThemeName;
}

/** Side of the whole matrix, and bounds of a cell's, in pixels. */
const SIDE = 480;
const CELL = { min: 24, max: 64 };

/** Longest class name; widths are estimated, and too wide, where no fonts are measured. */
const LABEL = 260;

/** Shares from here on are dark enough in the light theme, and light enough in the dark one, for text of the other colour. */
const STRONG = 0.5;

/**
 * A confusion matrix of counts [classes, classes], truth by rows, as a Vega-Lite chart: cells are coloured by their share of the
 * true class and show the count, where there is one.
 */
export function confusionChart(counts: Matrix64, classes: readonly string[], o: ConfusionOptions): TopLevelSpec {
  const { background, text, shades } = themes[o.theme];
  const size = classes.length;
  const values = classes.flatMap((truth, i) => {
    const own = counts.data.subarray(i * size, (i + 1) * size);
    const total = own.reduce((sum, n) => sum + n, 0);
    return classes.map((prediction, j) => ({ truth, prediction, count: own[j]!, share: total > 0 ? own[j]! / total : 0 }));
  });
  const cell = Math.min(CELL.max, Math.max(CELL.min, Math.round(SIDE / size)));
  const digits = String(Math.max(...counts.data)).length;
  // A digit is 0.56 of the font's size wide.
  const fontSize = Math.min(13, Math.floor((cell - 4) / (0.56 * digits)));
  const scale = { domain: [...classes], paddingInner: 0.04, paddingOuter: 0 };
  return {
    title: { text: o.title, subtitle: o.subtitle },
    width: cell * size, height: cell * size,
    data: { values },
    encoding: {
      x: {
        field: 'prediction', type: 'nominal', title: 'predicted class', scale,
        axis: { labelAngle: -45, ticks: false, domain: false, labelLimit: LABEL },
      },
      y: { field: 'truth', type: 'nominal', title: 'true class', scale, axis: { ticks: false, domain: false, labelLimit: LABEL } },
    },
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: {
            field: 'share', type: 'quantitative', scale: { domain: [0, 1], range: [...shades] },
            legend: { title: 'share of the row', titleFontWeight: 'normal', format: '.0%', gradientLength: Math.min(200, cell * size) },
          },
        },
      },
      {
        transform: [{ filter: 'datum.count > 0' }],
        mark: { type: 'text', fontSize },
        encoding: {
          text: { field: 'count', type: 'quantitative' },
          color: { condition: { test: `datum.share > ${STRONG}`, value: background }, value: text },
        },
      },
    ],
  };
}
