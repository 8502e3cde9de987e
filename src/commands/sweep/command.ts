import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand, type Command } from '../../cli/command.js';
import { globalOptions } from '../../cli/common.js';
import { lookup } from '../../cli/lookup.js';
import { flag, integer, text, type OptionTable } from '../../cli/options.js';
import { parseCommandLine } from '../../cli/parse.js';
import { runByo, shellWords } from '../../cli/program.js';
import { stopAtSteps } from '../../cli/signals.js';
import { physicalCores } from '../../core/engine/index.js';
import { ByoError, UsageError } from '../../core/errors.js';
import { digestOfFile } from '../../core/files/digest.js';
import { gridRuns, type Run } from './grid.js';

const options = {
  seeds: text({ placeholder: 'seeds', local: true, help: 'a range such as 0..4, or a list such as 0,2,7' }),
  grid: text({ placeholder: 'words', local: true, help: "values of options, all combinations: 'lr=0.1,0.2 tau=0.9,0.99'" }),
  out: text({ placeholder: 'folder', default: 'sweep', local: true, help: 'where the runs go; a folder of the same sweep is gone on with' }),
  workers: integer({ min: 1, local: true, help: 'runs at a time; as many as physical cores where left out' }),
  dryRun: flag({ local: true, help: 'print the command lines only' }),
} as const;

export const sweep = defineCommand({
  name: 'sweep',
  summary: 'run a command for many seeds and values, in parallel, and resumably',
  description: 'Every run writes FOLDER/NAME.st (or NAME.json, for commands that print a result), and in logs its '
    + 'steps NAME.jsonl and messages NAME.log; results.jsonl has a line for each finished run. What a failed run said is in failed. The '
    + 'same '
    + 'command line again runs what is missing only. The cores are shared among the workers, unless --threads says otherwise.',
  examples: [
    ['byo sweep --seeds 0..4 --out runs -- pretrain byol photos.st --steps 500', 'five seeds'],
    ["byo sweep --grid 'lr=0.1,0.2 tau=0.99,0.996' --seeds 0..2 -- pretrain byol photos.st", 'a grid, three seeds each'],
    ['byo plot loss runs/logs/*.jsonl -o runs.svg', 'all their losses'],
  ],
  arguments: [{ name: 'command', variadic: true, help: "the command to run, after --; sweep's own options go before it" }],
  options,
  takesCommandLine: true,
  async run({ terminal, interruption }, line, o) {
    const { entry, rest } = lookup(line);
    const command = await entry.load();
    const { given } = parseCommandLine(command, { ...command.options, ...globalOptions }, rest);
    const runs = gridRuns(command, o.grid, o.seeds);
    checkLine(command, given, runs);
    const workers = Math.min(runs.length, o.workers ?? physicalCores());
    const share = Math.max(1, Math.floor(physicalCores() / workers));
    const threads = 'threads' in command.options && given.threads === undefined ? share : undefined;
    const argumentsOf = (run: Run) => [
      ...line, ...Object.entries(run.values).map(([name, value]) => `--${name}=${value}`),
      ...(threads === undefined ? [] : [`--threads=${threads}`]), ...ownFiles(command, o.out, run),
    ];
    if (o.dryRun) {
      for (const run of runs) terminal.print(`byo ${shellWords(argumentsOf(run))}`);
      return;
    }
    await claimFolder(o.out, line, threads);

    const pending = runs.filter((run) => !existsSync(resultFile(command, o.out, run)));
    if (pending.length < runs.length) terminal.info(`${runs.length - pending.length} of ${runs.length} runs are there already`);
    const progress = await terminal.progress('sweep', runs.length, 'runs');
    stopAtSteps(terminal);
    const abort = new AbortController();
    // Ctrl-C reaches the runs by itself; SIGTERM is sent to one process only.
    process.on('SIGTERM', () => abort.abort());
    const failed = new Set<Run>();
    let done = runs.length - pending.length;
    const queue = [...pending];
    const work = async () => {
      for (let run = queue.shift(); run && interruption.signal === undefined; run = queue.shift()) {
        const worked = await execute(command, argumentsOf(run), run, o.out, abort.signal);
        if (!worked && interruption.signal === undefined) failed.add(run);
        progress.update(++done, { failed: failed.size });
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    progress.stop();
    await writeResults(command, o.out, runs);
    const first = runs.find((run) => failed.has(run));
    if (first) throw new ByoError(`${failed.size} of ${runs.length} runs failed; ${join(o.out, 'failed', `${first.name}.log`)} says why the first did`);
  },
});

/** Options that the sweep gives itself may not be in the command line too. */
function checkLine(command: Command, given: Readonly<Record<string, unknown>>, runs: readonly Run[]): void {
  if (!('output' in command.options) && !('json' in command.options)) {
    throw new UsageError(`byo ${command.name} has no result to keep; a sweep runs commands that write a file or print --json`);
  }
  const own = ['output', 'log', 'checkpoint', 'force', 'resume', ...Object.keys(runs[0]!.values)];
  const clash = own.find((name) => given[name] !== undefined);
  if (clash) throw new UsageError(`the sweep sets --${clash} for every run; leave it out of the command`);
}

const writesFile = ({ options: table }: Command): boolean => 'output' in table;
const resultFile = (command: Command, folder: string, { name }: Run): string =>
  join(folder, `${name}.${writesFile(command) ? 'st' : 'json'}`);
const logFile = (folder: string, name: string): string => join(folder, 'logs', `${name}.jsonl`);

/** Where a run writes, and that it goes on where an interrupted one stopped. */
function ownFiles({ options: table }: Command, folder: string, { name }: Run): string[] {
  const has = (option: string) => option in (table as OptionTable);
  return [
    ...(has('output') ? [`--output=${join(folder, `${name}.st`)}`] : ['--json']),
    ...(has('log') ? [`--log=${logFile(folder, name)}`] : []), ...(has('resume') ? ['--resume'] : []),
  ];
}

/** Makes the folder, or checks that it holds the same sweep: results of another command are not taken for this one's. */
async function claimFolder(folder: string, line: readonly string[], threads: number | undefined): Promise<void> {
  for (const name of ['logs', 'failed']) await mkdir(join(folder, name), { recursive: true });
  const path = join(folder, 'sweep.json');
  const made = JSON.stringify({ command: line, ...(threads !== undefined && { threads }) });
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === undefined) return writeFile(path, `${made}\n`);
  if (before.trim() !== made) {
    throw new UsageError(`${folder} holds another sweep (${before.trim()}); name another folder with --out, or remove it`);
  }
}

/** Runs one command; true where it left a result. */
async function execute(
  command: Command, args: readonly string[], run: Run, folder: string, cancel: AbortSignal,
): Promise<boolean> {
  const { code, stdout, stderr } = await runByo(args, { cancel });
  const [log, failure] = ['logs', 'failed'].map((kind) => join(folder, kind, `${run.name}.log`)) as [string, string];
  if (code !== 0) {
    await writeFile(failure, `$ byo ${shellWords(args)}\n${stderr}\nexit code ${code}\n`);
    return false;
  }
  await rm(failure, { force: true });
  await writeFile(log, `${stderr}\n`);
  if (!writesFile(command)) {
    const result = resultFile(command, folder, run);
    await writeFile(`${result}.tmp`, `${stdout}\n`);
    await rename(`${result}.tmp`, result);
  }
  return true;
}

/** Values of a log that another machine or another day would not repeat. */
const VARYING = ['examplesPerSecond', 'computeMs', 'prepareMs', 'dataMs', 'waitMs', 'memoryMb'];

/** results.jsonl: a line for each finished run, in the order of the grid whatever the order of finishing. */
async function writeResults(command: Command, folder: string, runs: readonly Run[]): Promise<void> {
  const lines = await Promise.all(runs.map(async (run) => {
    const file = resultFile(command, folder, run);
    if (!existsSync(file)) return [];
    const { name, values } = run;
    if (!writesFile(command)) {
      const result: unknown = JSON.parse(await readFile(file, 'utf8'));
      return [{ run: name, values, result }];
    }
    const log = logFile(folder, name);
    const last = existsSync(log) ? (await readFile(log, 'utf8')).trim().split('\n').at(-1)! : '{}';
    const metrics = Object.entries(JSON.parse(last) as object).filter(([name]) => !VARYING.includes(name));
    const digest = await digestOfFile(file);
    return [{ run: name, values, file: `${name}.st`, digest, last: Object.fromEntries(metrics) }];
  }));
  await writeFile(join(folder, 'results.jsonl'), lines.flat().map((line) => `${JSON.stringify(line)}\n`).join(''));
}
