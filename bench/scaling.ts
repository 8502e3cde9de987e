import { execa } from 'execa';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, cpus, freemem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ByoError, UsageError } from '../src/core/errors.js';
import { writeAtomic } from '../src/core/files/atomic.js';
import { curvesChart } from '../src/core/plot/curves.js';
import { chart } from '../src/core/plot/vega.js';
import { optionName, parseOptions, runMain } from './command-line.js';
import { median } from './measure.js';
import { runJson } from './peer.js';
import {
  axisPanels, axisTable, largestTable, largestWidths, markdown, type Axis, type ScalingPoint, type StepResult,
} from './scaling-tables.js';

const STEP = fileURLToPath(new URL('./step.js', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../bin/byo.js', import.meta.url));
const PARTS = ['steps', 'start', 'largest'] as const;
type Part = (typeof PARTS)[number];
/** Of the memory that is free, what a run may be expected to take. */
const SHARE_OF_FREE = 0.8;

type Base = Readonly<Record<Axis, number>>;
interface Plan {
  readonly base: Readonly<Record<'w1' | 'w4', Base>>;
  readonly values: Readonly<Record<Axis, readonly number[]>>;
  readonly steps: number;
  readonly startRuns: number;
  readonly largest: {
    readonly batch: number; readonly size: number; readonly start: number; readonly step: number;
    readonly limitsGiB: readonly number[];
  };
}

const threads = [1, 2, 4, 8, 16].filter((count) => count === 1 || count <= availableParallelism());
const FULL: Plan = {
  base: { w1: { batch: 32, width: 32, size: 32, threads: 2 }, w4: { batch: 16, width: 32, size: 32, threads: 2 } },
  values: { batch: [8, 16, 32, 64], width: [16, 32, 64], size: [16, 32, 64], threads },
  steps: 5, startRuns: 11, largest: { batch: 64, size: 32, start: 16, step: 8, limitsGiB: [4, 8, 16] },
};
/** To see whether everything runs: its numbers mean nothing. */
const QUICK: Plan = {
  base: { w1: { batch: 4, width: 4, size: 8, threads: 1 }, w4: { batch: 2, width: 8, size: 8, threads: 1 } },
  values: { batch: [2, 4], width: [8, 16], size: [8, 16], threads: [1, 2] },
  steps: 2, startRuns: 2, largest: { batch: 4, size: 8, start: 4, step: 2, limitsGiB: [0.125] },
};

/**
 * How byo's training steps scale, on this machine:
 *
 *     node .build/bench/scaling.js [--only steps,start,largest] [--output .build/scaling] [--quick]
 *
 * `steps`: throughput, peak memory, time of tracing and compiling of W1 and W4 against batch, width, resolution and threads, each
 * in a process of its own. `start`: what byo takes to print its help and its version. `largest`: the widest W1 that trains in 4,
 * 8 and 16 GiB, with and without rematerialisation. Writes scaling.md, scaling.json and a plot per axis (SVG) to the folder, and
 * prints the tables.
 */
async function main(args: readonly string[]): Promise<void> {
  const given = parseOptions(args, {
    only: { type: 'string', default: PARTS.join(',') }, output: { type: 'string', default: '.build/scaling' },
    quick: { type: 'boolean', default: false },
  });
  const parts = given.only.split(',').map((name) => {
    if (PARTS.includes(name as Part)) return name as Part;
    throw new UsageError(`--only ${name}: there is no such part; name some of ${PARTS.join(',')}`);
  });
  const folder = resolve(given.output);
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeAtomic(join(folder, name), [Buffer.from(text)], { force: true });

  const plan = given.quick ? QUICK : FULL;
  const sections: string[] = [];
  const results: Record<string, unknown> = {};
  if (parts.includes('steps')) {
    const points = await measureSteps(plan);
    results.steps = points;
    for (const axis of AXES) {
      sections.push(`### Against ${axis}\n\n${axisTable(points, axis)}`);
      const spec = curvesChart(axisPanels(points, axis), {
        title: `Training steps against ${axis}`, xTitle: axis, smooth: 0, logarithmic: true, x: { logarithmic: true }, points: true,
      });
      await write(`scaling-${axis}.svg`, await chart(spec, 'light'));
    }
  }
  if (parts.includes('start')) {
    const start = await measureStart(plan.startRuns);
    results.start = start;
    sections.push(`### Start\n\n${markdown(['command', 'ms', 'range'],
      start.map(({ command, ms }) => [command, Math.round(median(ms)), `${Math.round(Math.min(...ms))} to ${Math.round(Math.max(...ms))}`]))}`);
  }
  if (parts.includes('largest')) {
    const { plain, remat, text } = await measureLargest(plan.largest);
    results.largest = { plain, remat };
    sections.push(text);
  }
  const setting = `${cpus()[0]!.model}, ${cpus().length} logical cores, Node ${process.versions.node}${given.quick ? '; --quick: no measurement' : ''}.`;
  const report = `${sections.join('\n\n')}\n\n${setting}\n`;
  await write('scaling.md', report);
  await write('scaling.json', `${JSON.stringify({ setting, ...results }, null, 1)}\n`);
  console.log(report);
}

const AXES = ['batch', 'width', 'size', 'threads'] as const satisfies readonly Axis[];

const runStep = (workload: string, sizes: Readonly<Record<string, number>>, more: readonly string[] = []): Promise<StepResult> =>
  runJson(process.execPath, [
    STEP, workload, ...Object.entries(sizes).flatMap(([key, value]) => [`--${optionName(key)}`, String(value)]), ...more,
  ]);

async function measureSteps({ base, values, steps }: Plan): Promise<ScalingPoint[]> {
  const points: ScalingPoint[] = [];
  for (const workload of ['w1', 'w4'] as const) {
    for (const axis of AXES) {
      for (const value of values[axis]) {
        const sizes = { ...base[workload], [axis]: value };
        const result = await runStep(workload, sizes, ['--steps', String(steps), '--warmup', '1']);
        console.error(`${workload} ${axis} ${value}: ${result.median_ms} ms, ${result.max_rss_mb} MB`);
        points.push({ workload, axis, value, result });
      }
    }
  }
  return points;
}

async function measureStart(runs: number): Promise<{ command: string; ms: number[] }[]> {
  const measured = [];
  for (const option of ['--version', '--help']) {
    const ms: number[] = [];
    for (let run = 0; run < runs; run++) {
      const before = performance.now();
      const { failed } = await execa(process.execPath, [PROGRAM, option], { reject: false });
      if (failed) throw new ByoError(`byo ${option} failed`);
      ms.push(performance.now() - before);
    }
    measured.push({ command: `\`byo ${option}\``, ms });
  }
  return measured;
}

async function measureLargest({ batch, size, start, step, limitsGiB }: Plan['largest']) {
  const search = (more: readonly string[]) => largestWidths({
    start, step, limitsGiB, freeMb: () => (SHARE_OF_FREE * freemem()) / 2 ** 20,
    peakMb: async (width) => {
      const { max_rss_mb } = await runStep('w1', { batch, size, width }, ['--steps', '1', '--warmup', '1', ...more]);
      console.error(`w1 width ${width} ${more.join(' ')}: ${max_rss_mb} MB`);
      return max_rss_mb;
    },
  });
  const [plain, remat] = [await search([]), await search(['--remat'])];
  const widest = Math.max(...[...plain.points, ...remat.points].map(({ width }) => width));
  const text = [
    `### The widest W1 (batch ${batch}, ${size}x${size})`, largestTable(plain.largest, remat.largest),
    ...(plain.stopped || remat.stopped ? [`Nothing wider than ${widest} was run: this machine's memory ends there.`] : []),
  ].join('\n\n');
  return { plain, remat, text };
}

await runMain(main);
