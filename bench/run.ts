import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtime } from '../src/core/engine/index.js';
import { UsageError } from '../src/core/errors.js';
import { writeAtomic } from '../src/core/files/atomic.js';
import { count, optionName, parseOptions, runMain } from './command-line.js';
import { bestOptions, findPython, runJson, runPeer, type Printed, type Python } from './peer.js';
import { lossDifference, rewriteTable, table, tableRow, type Comparison } from './results.js';
import { workloads, type Workload } from './workloads/index.js';

const STEP = fileURLToPath(new URL('./step.js', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url));

/**
 * Measures training steps in byo and in PyTorch, from the same state on the same inputs, in turns, and brings the table of
 * bench/RESULTS.md up to date:
 *
 *     node .build/bench/run.js [--only w3,w5] [--rounds 3] [--limit 600] [--quick]
 *
 * PyTorch runs in its best configuration, which bench/peers/best.py finds first; one that takes more than --limit seconds is
 * out. BYO_PYTHON names the Python that has it (python3 where unset); without PyTorch byo is measured alone, and the table is
 * only printed. --quick takes tiny sizes, to see whether everything runs and agrees: its times mean nothing.
 */
async function main(args: readonly string[]): Promise<void> {
  const given = parseOptions(args, {
    only: { type: 'string' }, rounds: { type: 'string', default: '3' }, limit: { type: 'string', default: '600' },
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
  const setting = describeSetting(python, rounds);
  console.log(table(rows, setting));
  if (!python) return;
  await writeAtomic(RESULTS, [Buffer.from(rewriteTable(await readFile(RESULTS, 'utf8'), rows, setting))], { force: true });
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
  const runByo = () => runJson<Printed>(process.execPath, [STEP, name, ...options]);
  const byo: Printed[] = [];
  if (!python) {
    for (let round = 0; round < rounds; round++) byo.push(await runByo());
    console.error(`${name}: byo ${byo.map(({ median_ms }) => median_ms).join(', ')} ms`);
    return { name, title, byo };
  }

  const [state, inputs] = [join(folder, 'state.safetensors'), join(folder, 'inputs.safetensors')];
  await runPeer(python, workload, [...options, '--steps', '1', '--warmup', '0', '--dump', folder]);
  options.push('--state', state, '--inputs', inputs);
  const best = quick ? ['--threads', '2'] : await bestOptions(python, workload, options, limit);
  const peer: Printed[] = [];
  for (let round = 0; round < rounds; round++) {
    byo.push(await runByo());
    peer.push(await runPeer(python, workload, [...options, ...best]));
    const [ours, theirs] = [byo[round]!, peer[round]!];
    console.error(`${name} round ${round + 1}: byo ${ours.median_ms} ms, PyTorch ${theirs.median_ms} ms, ` +
      `first losses differ by ${lossDifference(ours, theirs).toExponential(1)}`);
  }
  return { name, title, byo, peer: { rounds: peer, options: best } };
}

const sizeOptions = ({ tiny }: Workload): string[] =>
  Object.entries(tiny).flatMap(([key, size]) => [`--${optionName(key)}`, String(size)]);

/** What the numbers of a table depend on, apart from the code. */
function describeSetting(python: Python | undefined, rounds: number): string {
  const versions = [
    `Node ${process.versions.node}`, `ONNX Runtime ${runtime().version}`, python ? `PyTorch ${python.torch}` : 'no PyTorch',
  ];
  return `${versions.join(', ')}; byo with 2 threads; rounds: ${rounds}; ${cpus()[0]!.model}, ${cpus().length} logical cores.`;
}

await runMain(main);
