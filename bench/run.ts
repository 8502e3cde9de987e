import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeOperators, runtime } from '../src/core/engine/index.js';
import { UsageError } from '../src/core/errors.js';
import { writeAtomic } from '../src/core/files/atomic.js';
import { count, optionName, parseOptions, runMain } from './command-line.js';
import { bestOptions, findPython, runJson, runPeer, type Printed, type Python } from './peer.js';
import { examplesPerSecond, lossDifference, rewriteSummary, rewriteTable, table, tableRow, type Comparison } from './results.js';
import { workloads, type Workload } from './workloads/index.js';

const STEP = fileURLToPath(new URL('./step.js', import.meta.url));
const DEFAULT_ROUNDS = 3;
/** What both sides try; the peer's script has the same list. */
const THREADS = [['--threads', '2'], ['--threads', '1']] as const;
/** Enough to tell the configurations of slow steps apart. */
const SEARCH = ['--steps', '3', '--warmup', '2'] as const;
const RESULTS = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url));
const README = fileURLToPath(new URL('../../README.md', import.meta.url));

/**
 * Measures training steps in byo and in PyTorch, from the same state on the same inputs, in turns, and brings the table of
 * bench/RESULTS.md and the README's summary of it up to date; what is written around them stays:
 *
 *     node .build/bench/run.js [--only w3,w5] [--rounds 3] [--limit 600] [--quick]
 *
 * PyTorch runs in its best configuration, which bench/peers/best.py finds first (one that takes more than --limit seconds is
 * out); byo in the better of one and two threads, on the runtime's operators alone and, where `make native` built them, with its
 * own. BYO_PYTHON names the Python that has PyTorch (python3 where unset); without it byo is measured alone, and the table is
 * only printed. --quick takes tiny sizes, to see whether everything runs and agrees: its times mean nothing.
 */
async function main(args: readonly string[]): Promise<void> {
  const given = parseOptions(args, {
    only: { type: 'string' }, rounds: { type: 'string', default: String(DEFAULT_ROUNDS) }, limit: { type: 'string', default: '600' },
    quick: { type: 'boolean', default: false },
  });
  const rounds = given.quick ? 1 : count('rounds', given.rounds);
  const limit = count('limit', given.limit);
  const chosen = choose(given.only);
  const python = await findPython();
  if (!python) console.error('BYO_PYTHON (or python3) has no torch, torchvision and safetensors: byo is measured alone');

  const rows: string[] = [];
  for (const workload of chosen) {
    const folder = await mkdtemp(join(tmpdir(), 'byo-bench-'));
    try {
      rows.push(tableRow(await compare(workload, { folder, python, rounds, limit, quick: given.quick })));
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  if (given.quick) return;
  const setting = describeSetting();
  console.log(table(rows, setting));
  if (!python) return;
  const results = rewriteTable(await readFile(RESULTS, 'utf8'), rows, setting);
  const readme = rewriteSummary(await readFile(README, 'utf8'), results);
  await writeAtomic(RESULTS, [Buffer.from(results)], { force: true });
  await writeAtomic(README, [Buffer.from(readme)], { force: true });
}

function choose(only: string | undefined): readonly Workload[] {
  if (only === undefined) return workloads;
  return only.split(',').map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (!found) throw new UsageError(`--only ${name}: there is no such workload; name some of ${workloads.map((w) => w.name).join(',')}`);
    return found;
  });
}

interface Settings {
  readonly folder: string;
  readonly python: Python | undefined;
  readonly rounds: number;
  readonly limit: number;
  readonly quick: boolean;
}

async function compare(workload: Workload, { folder, python, rounds, limit, quick }: Settings): Promise<Comparison> {
  const { name, title } = workload;
  const options = quick ? [...sizeOptions(workload), '--steps', '3', '--warmup', '0'] : [];
  const measured = workload.steps === undefined ? [] : ['--steps', String(workload.steps)];
  // Steps of milliseconds depend on where the system puts threads, which changes from process to process.
  const { search, tries } = (workload.steps ?? 10) <= 10 ? { search: SEARCH, tries: 1 } : { search: measured, tries: 3 };
  const runByo = (how: { native: boolean }) => (more: readonly string[]) =>
    runJson<Printed>(process.execPath, [STEP, name, ...options, ...more], how.native ? {} : { BYO_NATIVE: 'off' });
  if (python) {
    await runPeer(python, workload, [...options, '--steps', '1', '--warmup', '0', '--dump', folder]);
    options.push('--state', join(folder, 'state.safetensors'), '--inputs', join(folder, 'inputs.safetensors'));
  }
  const side = async (how: { native: boolean }) => {
    const run = runByo(how);
    const best = quick ? THREADS[0] : await fastest(THREADS, tries, (threads) => run([...search, ...threads]));
    return { rounds: [] as Printed[], options: best, run: () => run(best) };
  };
  const byo = await side({ native: false });
  const native = nativeOperators().path === undefined ? undefined : await side({ native: true });
  const best = python && (quick ? THREADS[0] : await bestOptions(python, workload, [...options, ...search], { limit, tries }));
  const peer = best && {
    rounds: [] as Printed[], options: best, run: () => runPeer(python, workload, [...options, ...measured, ...best]),
  };
  for (let round = 0; round < rounds; round++) {
    for (const [who, one] of Object.entries({ byo, native, PyTorch: peer })) {
      if (!one) continue;
      const printed = await one.run();
      one.rounds.push(printed);
      const difference = one === peer ? lossDifference(byo.rounds[0]!, printed).toExponential(1) : undefined;
      console.error(`${name} round ${round + 1}: ${who} ${printed.median_ms} ms${difference ? `, first losses differ by ${difference}` : ''}`);
    }
  }
  const speeds = Object.entries({ byo, native, PyTorch: peer })
    .flatMap(([who, one]) => (one ? `${who} ${examplesPerSecond(one)}` : []));
  console.error(`${name}, examples a second: ${speeds.join(', ')}`);
  const command = `node .build/bench/run.js --only ${name}${rounds === DEFAULT_ROUNDS ? '' : ` --rounds ${rounds}`}`;
  return { name, title, byo, native, peer, command, versions: versionsOf(python) };
}

/** The candidate with the run of the smallest median, of some tries each. */
async function fastest(
  candidates: readonly (readonly string[])[], tries: number, run: (options: readonly string[]) => Promise<Printed>,
): Promise<readonly string[]> {
  const times = candidates.map(() => Infinity);
  for (let round = 0; round < tries; round++) {
    for (const [i, options] of candidates.entries()) times[i] = Math.min(times[i]!, (await run(options)).median_ms);
  }
  return candidates[times.indexOf(Math.min(...times))]!;
}

const sizeOptions = ({ tiny }: Workload): string[] =>
  Object.entries(tiny).flatMap(([key, size]) => [`--${optionName(key)}`, String(size)]);

const versionsOf = (python: Python | undefined): string =>
  [`ONNX Runtime ${runtime().version}`, ...(python ? [`PyTorch ${python.torch}`] : [])].join(', ');

/** What the numbers of all rows depend on, apart from the code and the versions that a row names. */
const describeSetting = (): string => `Node ${process.versions.node}; ${cpus()[0]!.model}, ${cpus().length} logical cores.`;

await runMain(main);
