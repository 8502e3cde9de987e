import type { TopLevelSpec } from 'vega-lite';

/** Values of one run over its steps. */
export interface Curve {
  readonly run: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface Panel {
  /** Name of the value: `loss`. */
  readonly name: string;
  readonly curves: readonly Curve[];
}

export interface CurveOptions {
  readonly title: string;
  /** `step` or `epoch` */
  readonly xTitle: string;
  /** Share of the smoothed value that stays from point to point, in [0, 1); the raw values are drawn thin behind. */
  readonly smooth: number;
  readonly logarithmic: boolean;
  /** Scale of the horizontal axis, linear where left out; `descending` has its largest values on the left. */
  readonly x?: { readonly logarithmic?: boolean; readonly descending?: boolean };
  /** Marks every value, where there are few. */
  readonly points?: boolean;
}

/** More points than this make a file large and a line no better: they are averaged in groups. */
const MAX_POINTS = 1000;

/** Curves of runs, one panel a value, as a Vega-Lite chart. */
export function curvesChart(
  panels: readonly Panel[], { title, xTitle, smooth, logarithmic, x: across = {}, points = false }: CurveOptions,
): TopLevelSpec {
  const runs = [...new Set(panels.flatMap(({ curves }) => curves.map(({ run }) => run)))];
  const charts = panels.map(({ name, curves }) => {
    const thinned = curves.map(thin);
    const horizontal = {
      zero: false, nice: !across.logarithmic, type: across.logarithmic ? 'log' as const : 'linear' as const,
      reverse: across.descending === true,
    };
    const scale = { zero: false, type: logarithmic ? 'log' as const : 'linear' as const };
    const line = (values: readonly Curve[], look: object) => ({
      data: { values: values.flatMap(({ run, x, y }) => x.map((step, i) => ({ run, x: step, y: y[i]! }))) },
      mark: { type: 'line' as const, clip: true, ...look },
      encoding: {
        x: {
          field: 'x', type: 'quantitative' as const, title: xTitle, scale: horizontal,
          axis: { grid: false, tickMinStep: xTitle === 'step' ? 1 : undefined },
        },
        y: { field: 'y', type: 'quantitative' as const, title: name, scale },
        color: {
          field: 'run', type: 'nominal' as const, scale: { domain: runs }, title: null, legend: runs.length > 1 ? {} : null,
        },
        // Colour is not the only sign: dashes tell the runs apart in grey too.
        strokeDash: { field: 'run', type: 'nominal' as const, scale: { domain: runs }, legend: runs.length > 1 ? { title: null } : null },
      },
    });
    const smoother = thinned.map((curve) => ({ ...curve, y: smoothed(curve.y, smooth) }));
    const raw = smooth > 0 ? [line(thinned, { strokeWidth: 1, opacity: 0.35 })] : [];
    const layer = [...raw, line(smoother, { strokeWidth: 2, point: points })];
    return { width: 640, height: panels.length > 1 ? 200 : 360, layer };
  });
  return { title, ...(charts.length === 1 ? charts[0]! : { vconcat: charts }) };
}

/** Averages of neighbouring points, where there are too many. */
export function thin({ run, x, y }: Curve): Curve {
  const group = Math.ceil(x.length / MAX_POINTS);
  if (group <= 1) return { run, x, y };
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const groups = (values: readonly number[]) =>
    Array.from({ length: Math.ceil(values.length / group) }, (_, i) => mean(values.slice(i * group, (i + 1) * group)));
  return { run, x: groups(x), y: groups(y) };
}

/** Exponential moving average without the bias of its start (Kingma & Ba 2015, section 3). */
export function smoothed(values: readonly number[], keep: number): number[] {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}
