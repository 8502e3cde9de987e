import type { Panel } from '../src/core/plot/curves.js';

/** What a process of bench/step.ts prints, as far as it matters here. */
export interface StepResult {
  readonly median_ms: number;
  readonly max_rss_mb: number;
  readonly trace_ms: number;
  readonly compile_ms: number;
  readonly config: { readonly batch: number };
}

export type Axis = 'batch' | 'width' | 'size' | 'threads';

/** One measurement: a workload with one of its sizes, or the threads, set to `value` and all else at its base. */
export interface ScalingPoint {
  readonly workload: string;
  readonly axis: Axis;
  readonly value: number;
  readonly result: StepResult;
}

/** Most memory of a training run of some width. */
export interface PeakMemory {
  readonly width: number;
  readonly mb: number;
}

export interface Largest {
  readonly limitGiB: number;
  readonly width: number;
  /** False where the limit lies above all that was measured, so that the width is read off the curve beyond it. */
  readonly measured: boolean;
}

const cells = (values: readonly (string | number)[]): string => `| ${values.join(' | ')} |`;

/** A Markdown table; numbers are aligned right. */
export const markdown = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [cells(header), cells(header.map((_, i) => (typeof rows[0]?.[i] === 'number' ? '---:' : '---'))), ...rows.map(cells)].join('\n');

/** The median step's. */
export const throughput = ({ config, median_ms }: StepResult): number => (1000 * config.batch) / median_ms;

/** Three significant digits. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** Throughput, memory and the cost of tracing and compiling along one axis. */
export const axisTable = (points: readonly ScalingPoint[], axis: Axis): string =>
  markdown(['workload', axis, 'ms a step', 'examples a second', 'peak MB', 'tracing, ms', 'compiling, ms'],
    points.filter((point) => point.axis === axis).map(({ workload, value, result }) => [
      workload.toUpperCase(), value, rounded(result.median_ms), rounded(throughput(result)), result.max_rss_mb,
      rounded(result.trace_ms), rounded(result.compile_ms),
    ]));

/** Throughput and memory along one axis, a curve a workload. */
export function axisPanels(points: readonly ScalingPoint[], axis: Axis): Panel[] {
  const along = points.filter((point) => point.axis === axis);
  const curves = (y: (result: StepResult) => number) => [...new Set(along.map(({ workload }) => workload))].map((workload) => {
    const own = along.filter((point) => point.workload === workload);
    return { run: workload.toUpperCase(), x: own.map(({ value }) => value), y: own.map(({ result }) => y(result)) };
  });
  return [
    { name: 'examples a second', curves: curves(throughput) },
    { name: 'peak memory, MB', curves: curves(({ max_rss_mb }) => max_rss_mb) },
  ];
}

/**
 * Memory in MB at a width: activations grow with it and weights with its square, so a parabola through the three widest
 * measurements; a line where these bend the other way.
 */
export function memoryCurve(points: readonly PeakMemory[]): (width: number) => number {
  const [p, q, r] = points.slice(-3) as [PeakMemory, PeakMemory, PeakMemory];
  const slope = (from: PeakMemory, to: PeakMemory) => (to.mb - from.mb) / (to.width - from.width);
  const bend = Math.max(0, (slope(q, r) - slope(p, q)) / (r.width - p.width));
  return (width) => r.mb + slope(q, r) * (width - r.width) + bend * (width - r.width) * (width - q.width);
}

export interface Search {
  readonly start: number;
  /** Widths are multiples of this. */
  readonly step: number;
  readonly limitsGiB: readonly number[];
  readonly peakMb: (width: number) => Promise<number>;
  /** What the machine has left, in MB; nothing is run that is expected to take more. */
  readonly freeMb: () => number;
}

/** Measured widths are doubled; the next one may take four times as much. */
const GROWTH = 4;

/**
 * The largest width that trains within each limit. Doubles the width until the largest limit is passed or the machine's memory
 * would be (`stopped`), and reads the answer off the curve through what was measured: three widths at least, which are the
 * caller's to choose small enough.
 */
export async function largestWidths(
  { start, step, limitsGiB, peakMb, freeMb }: Search,
): Promise<{ points: PeakMemory[]; largest: Largest[]; stopped: boolean }> {
  const points: PeakMemory[] = [];
  const most = Math.max(...limitsGiB) * 1024;
  let stopped = false;
  for (let width = start; ; width *= 2) {
    const last = points.at(-1);
    const needed = points.length < 3 ? GROWTH * (last?.mb ?? 0) : memoryCurve(points)(width);
    if (needed > freeMb()) {
      stopped = true;
      break;
    }
    if (last && points.length >= 3 && last.mb > most) break;
    points.push({ width, mb: await peakMb(width) });
  }
  if (points.length < 3) return { points, largest: [], stopped };
  const curve = memoryCurve(points);
  const largest = limitsGiB.map((limitGiB) => {
    const limit = limitGiB * 1024;
    let width = 0;
    for (let next = step; curveThrough(points, curve, next) <= limit; next += step) width = next;
    return { limitGiB, width, measured: limit <= points.at(-1)!.mb };
  });
  return { points, largest, stopped };
}

/** Between measurements straight lines, beyond the widest the curve. */
function curveThrough(points: readonly PeakMemory[], beyond: (width: number) => number, width: number): number {
  const after = points.findIndex((point) => point.width >= width);
  if (after < 0) return beyond(width);
  if (after === 0) return points[0]!.mb;
  const [a, b] = [points[after - 1]!, points[after]!];
  return a.mb + ((b.mb - a.mb) * (width - a.width)) / (b.width - a.width);
}

/** `plain` and `remat` have the same limits, or none where too little memory was free. */
export const largestTable = (plain: readonly Largest[], remat: readonly Largest[]): string => {
  const shown = (found: Largest | undefined) => (found ? `${found.width}${found.measured ? '' : ' (extrapolated)'}` : 'too little memory free');
  return markdown(['memory', 'width', 'width with rematerialisation'],
    (plain.length >= remat.length ? plain : remat).map(({ limitGiB }, i) => [`${limitGiB} GiB`, shown(plain[i]), shown(remat[i])]));
};
