import { UsageError } from '../src/core/errors.js';
import { parseDevice, runtime, type Executable } from '../src/core/engine/index.js';
import { initialState } from '../src/core/nn/index.js';
import { stream } from '../src/core/random.js';
import { count, optionName, parseOptions, positive, runMain, text } from './command-line.js';
import { dump, loadInputs, loadState } from './exchange.js';
import { measure, median, peakRssMb, timed, type Measurement } from './measure.js';
import { profiled, profileTable } from './profile.js';
import { workloads, type Workload } from './workloads/index.js';

/**
 * Runs the steps of a workload in byo and prints one JSON object, as its peer does:
 *
 *     node .build/bench/step.js w1 --steps 10 --warmup 2 --state FILE --inputs FILE --batch 64
 *
 * The options are the peer's, with --device, --remat (w1) and --profile (a table on standard error of where the time goes) in
 * the place of PyTorch's own. The same inputs serve every step.
 */
async function main([name, ...args]: readonly string[]): Promise<void> {
  const workload = workloads.find((one) => one.name === name);
  if (!workload) {
    const names = workloads.map((one) => one.name).join(', ');
    throw new UsageError(`name a workload first, one of ${names}${name ? `; '${name}' does not exist` : ''}`);
  }
  const { sizes, run, seed, profile, remat, files } = parse(workload, args);
  const onnxruntime = runtime().version; // loads the library
  const importedMb = peakRssMb();
  const [program, traceMs] = timed(() => workload.program(sizes, { remat }));
  const state = files.state ? await loadState(program, files.state, seed) : initialState(program, seed);
  const drawn = workload.inputs(sizes, (input) => stream(seed, `input ${input}`));
  const inputs = files.inputs ? await loadInputs(name!, Object.keys(drawn), files.inputs) : drawn;
  if (files.dump) await dump(files.dump, state, inputs);

  const { step, evaluated } = workload;
  const own = step && ((executable: Executable, fed: typeof inputs) => step(executable, fed, sizes));
  const how = { ...run, evaluated, ...(own && { step: own }) };
  let measurement: Measurement;
  if (profile) {
    const { result, rows } = await profiled(run.warmup, (prefix) => measure(program, state, inputs, { ...how, profile: prefix }));
    measurement = result;
    console.error(profileTable(rows));
  } else {
    measurement = await measure(program, state, inputs, how);
  }
  const { losses, stepsMs, compileMs, device } = measurement;
  console.log(JSON.stringify({
    workload: workload.name.toUpperCase(),
    median_ms: round(median(stepsMs)),
    min_ms: round(Math.min(...stepsMs)),
    steps_ms: stepsMs.map(round),
    losses: losses.slice(0, 5),
    max_rss_mb: peakRssMb(),
    import_rss_mb: importedMb,
    trace_ms: round(traceMs),
    compile_ms: round(compileMs),
    onnxruntime,
    config: { ...sizes, ...run, ...(remat && { remat }), seed, device },
  }));
}

function parse(workload: Workload, args: readonly string[]) {
  const given: Record<string, string | boolean | undefined> = parseOptions(args, {
    ...Object.fromEntries(Object.entries(workload.defaults).map(([key, size]) => [optionName(key), text(size)])),
    steps: text(workload.steps ?? 10), warmup: text(workload.warmup ?? 2), threads: text(2), seed: text(0), device: text('cpu'),
    state: { type: 'string' }, inputs: { type: 'string' }, dump: { type: 'string' },
    profile: { type: 'boolean' }, remat: { type: 'boolean' },
  });
  const remat = given.remat === true;
  if (remat && !workload.rematerialises) throw new UsageError(`${workload.name} has nothing to rematerialise; --remat is for w1`);
  const number = (key: string, min = 1) => count(optionName(key), given[optionName(key)] as string, min);
  return {
    sizes: Object.fromEntries(Object.entries(workload.defaults).map(([key, size]) =>
      [key, Number.isInteger(size) ? number(key) : positive(optionName(key), given[optionName(key)] as string)])),
    run: {
      steps: number('steps'), warmup: number('warmup', 0), threads: number('threads'), device: parseDevice(given.device as string),
    },
    seed: number('seed', 0),
    profile: given.profile === true,
    remat,
    files: { state: given.state, inputs: given.inputs, dump: given.dump } as Record<'state' | 'inputs' | 'dump', string | undefined>,
  };
}

const round = (ms: number): number => Math.round(ms * 1e3) / 1e3;

await runMain(main);
