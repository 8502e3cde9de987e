import { curvesChart, type Curve } from '../../core/plot/curves.js';
import type { Findings, Laboratory, Step } from './laboratory.js';
import { probePixels, type Probed } from './probes.js';
import { summarize, type Row } from './table.js';

/** What a study says of a student besides its probes: KL to its teacher, distance from it, and what else it measures. */
export type Measured = Row & { readonly kl: number; readonly distance: number };

/**
 * The table of a study of students: networks by what differs between them, `axis`, with their probes and what the linear one
 * gained over the teacher's.
 */
export class Students {
  private readonly rows: Row[] = [];
  private readonly teachers = new Map<number, Probed>();

  /** @param measured names of what is measured besides KL and distance */
  constructor(
    private readonly laboratory: Laboratory, private readonly axis: string, private readonly measured: readonly string[] = [],
  ) {}

  /** Notes a seed's teacher; before its students. */
  teacher(seed: number, probed: Probed): void {
    this.teachers.set(seed, probed);
  }

  /** Notes a network at `at` of the axis. */
  add(network: string, at: number, seed: number, probed: Probed, measured: Measured): void {
    const teacher = this.teachers.get(seed)!;
    const { transferLinear } = probed;
    this.rows.push({
      network, [this.axis]: at, seed, ...probed, ...measured, gain: probed.linear - teacher.linear,
      ...(transferLinear !== undefined && { transferGain: transferLinear - teacher.transferLinear! }),
    });
  }

  /** All of it, with the pixels; networks in `still` are students that have no place on the axis. */
  async findings(title: string, { still = [], logarithmic = false }: FindingsOptions = {}): Promise<Findings> {
    const pixels = await probePixels(this.laboratory);
    const nothing: Measured = { kl: 0, distance: 0, ...Object.fromEntries(this.measured.map((name) => [name, 0])) };
    for (const [seed, teacher] of this.teachers) {
      this.add('teacher', 0, seed, teacher, nothing);
      this.add('pixels', 0, seed, pixels, nothing);
    }
    const transferred = this.laboratory.transfer ? ['transferLinear', 'transferKnn', 'transferGain'] : [];
    const values = ['linear', 'knn', 'kl', 'distance', ...this.measured, 'gain', ...transferred];
    const summary = summarize(this.rows, ['network', this.axis], values);
    const blank = (network: string): readonly string[] => {
      if (still.includes(network)) return [this.axis];
      return ['teacher', 'pixels'].includes(network) ? Object.keys({ ...nothing, [this.axis]: 0 }) : [];
    };
    return {
      points: this.rows,
      summary: summary.map((row) => ({ ...row, ...blanks(row, blank(String(row.network))) })),
      chart: this.chart(summary, ['teacher', 'pixels', ...still], title, logarithmic),
    };
  }

  /** A panel for each probe and one for KL: students over the axis, all other networks as levels. */
  private chart(summary: readonly Row[], levels: readonly string[], title: string, logarithmic: boolean) {
    const students = summary.filter(({ network }) => !levels.includes(String(network)))
      .sort((a, b) => Number(a[this.axis]) - Number(b[this.axis]));
    const x = students.map((row) => Number(row[this.axis]));
    const student = (name: string): Curve => ({ run: 'student', x, y: students.map((row) => Number(row[name])) });
    const level = (run: string, name: string): Curve => {
      const row = summary.find(({ network }) => network === run)!;
      return { run, x, y: x.map(() => Number(row[name])) };
    };
    const panel = ([name, said]: readonly [string, string]) =>
      ({ name: said, curves: [student(name), ...levels.map((run) => level(run, name))] });
    const own = [['linear', 'linear probe'], ['knn', 'knn probe']] as const;
    const transferred = [['transferLinear', 'linear, transfer'], ['transferKnn', 'knn, transfer']] as const;
    const panels = [...own, ...(this.laboratory.transfer ? transferred : [])].map(panel);
    return curvesChart([...panels, { name: 'KL', curves: [student('kl')] }], {
      title, xTitle: this.axis, smooth: 0, logarithmic: false, points: true, x: { logarithmic },
    });
  }
}

interface FindingsOptions {
  readonly still?: readonly string[];
  /** The axis is. */
  readonly logarithmic?: boolean;
}

/** Empty values in place of those that are named, and of the widths of their intervals. */
const blanks = (row: Row, names: readonly string[]): Row =>
  Object.fromEntries(names.flatMap((name) => [name, `${name}±`]).filter((name) => name in row).map((name) => [name, '']));

/** Mean KL of the last epoch of a distillation, and how far its student is from its teacher, relative to the teacher's length. */
export class LastEpoch {
  private total = 0;
  private count = 0;
  private last = 0;

  readonly step = ({ metrics, done, steps, stepsPerEpoch }: Step): void => {
    if (done <= steps - stepsPerEpoch) return;
    this.total += metrics.kl!;
    this.count += 1;
    this.last = metrics.teacherDistance!;
  };

  get measured(): Measured {
    return { kl: this.total / this.count, distance: this.last };
  }
}
