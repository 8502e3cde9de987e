import type { SingleBar } from 'cli-progress';

export interface TerminalOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly progress: boolean;
  readonly color: string;
}

/** Progress of one piece of work. */
export interface Progress {
  /** `done` of the total, with a few values worth seeing; `total` where it became known on the way. */
  update(done: number, values?: Readonly<Record<string, number | string>>, total?: number): void;
  stop(): void;
}

/** Seconds between progress lines where standard error is no terminal. */
const LINE_INTERVAL = 5;

/** Messages for people, all on standard error, and results on standard output. */
export class Terminal {
  private readonly colored: boolean;

  constructor(private readonly options: TerminalOptions) {
    const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
    this.colored = options.color === 'always' || (options.color === 'auto' && !NO_COLOR
      && (Boolean(FORCE_COLOR) || (process.stderr.isTTY === true && TERM !== 'dumb')));
  }

  /** A result: a line on standard output. */
  print(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  info(message: string): void {
    if (!this.options.quiet) this.note(message);
  }

  detail(message: string): void {
    if (this.options.verbose && !this.options.quiet) this.note(this.style('2', message));
  }

  warn(message: string): void {
    if (!this.options.quiet) this.note(`${this.style('33', 'warning:')} ${message}`);
  }

  error(message: string): void {
    this.note(`${this.style('31', 'byo:')} ${message}`);
  }

  bold(text: string): string {
    return this.style('1', text);
  }

  /** A bar on a terminal, a line every few seconds elsewhere, nothing where it is not wanted. */
  async progress(label: string, total: number, unit: string): Promise<Progress> {
    const { quiet, progress } = this.options;
    if (quiet || !progress) return { update: () => {}, stop: () => {} };
    return process.stderr.isTTY ? this.bar(label, total, unit) : this.lines(label, total, unit);
  }

  private async bar(label: string, total: number, unit: string): Promise<Progress> {
    const { default: cliProgress } = await import('cli-progress');
    const bar: SingleBar = new cliProgress.SingleBar({
      stream: process.stderr, clearOnComplete: false, hideCursor: true, etaBuffer: 20,
      format: `${label} {bar} {value}/{total} ${unit} {rate} eta {eta_formatted} {values}`,
    }, cliProgress.Presets.shades_classic);
    const start = performance.now();
    bar.start(total, 0, { rate: '', values: '' });
    let first: number | undefined;
    return {
      update: (done, values, known) => {
        first ??= done;
        if (known) bar.setTotal(known);
        const rate = (done - first) / ((performance.now() - start) / 1000);
        bar.update(done, { rate: rate > 0 ? `${rate.toPrecision(3)}/s` : '', values: formatValues(values) });
      },
      stop: () => bar.stop(),
    };
  }

  private lines(label: string, total: number, unit: string): Progress {
    const start = performance.now();
    let last = start;
    let first: number | undefined;
    let shown = -1;
    let latest: [number, Readonly<Record<string, number | string>> | undefined] = [0, undefined];
    let of = total;
    const show = (now: number) => {
      const [done, values] = latest;
      if (done === shown) return;
      const rate = (done - (first ?? 0)) / ((now - start) / 1000);
      const eta = of > 0 ? ` eta ${duration((of - done) / rate)}` : '';
      const speed = rate > 0 ? ` ${rate.toPrecision(3)}/s${eta}` : '';
      this.note(`${label} ${done}${of > 0 ? `/${of}` : ''} ${unit}${speed} ${formatValues(values)}`.trimEnd());
      shown = done;
    };
    return {
      update: (done, values, known) => {
        first ??= done;
        of = known ?? of;
        latest = [done, values];
        const now = performance.now();
        if (now - last < LINE_INTERVAL * 1000) return;
        last = now;
        show(now);
      },
      stop: () => show(performance.now()),
    };
  }

  private note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  private style(code: string, text: string): string {
    return this.colored ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

const formatValues = (values: Readonly<Record<string, number | string>> = {}): string =>
  Object.entries(values).map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`).join(' ');

/** Four significant digits, for people. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : value.toPrecision(4);
}

/** `1h02m`, `3m05s`, `12s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const s = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)}h${two(Math.floor((s % 3600) / 60))}m`;
  return s >= 60 ? `${Math.floor(s / 60)}m${two(s % 60)}s` : `${s}s`;
}

/** Rows under a header, columns aligned: numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)))];
  const widths = header.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  const numeric = header.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number' || row[i] === ''));
  return cells.map((row) => row.map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd()).join('\n');
}
