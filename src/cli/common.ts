import { flag, integer, choice, text, number } from './options.js';
import { DEVICES } from '../core/engine/device.js';

/** Options that mean the same wherever they appear. */
export const globalOptions = {
  quiet: flag({ short: 'q', local: true, help: 'print errors only' }),
  verbose: flag({ short: 'v', local: true, help: 'print more about what is being done' }),
  progress: flag({ default: true, local: true, help: 'no progress on standard error' }),
  color: choice({ choices: ['auto', 'always', 'never'], default: 'auto', local: true, help: 'colour of messages (NO_COLOR is honoured)' }),
  config: text({ placeholder: 'file', local: true, help: 'YAML file with values of options, one `name: value` a line' }),
  debug: flag({ local: true, help: 'print stack traces of errors' }),
} as const;

export const outputOptions = {
  output: text({ short: 'o', placeholder: 'file', default: '-', local: true, help: 'where to write the result; - is standard output' }),
  force: flag({ short: 'f', local: true, help: 'overwrite an existing output' }),
} as const;

export const computeOptions = {
  device: choice({ choices: DEVICES, default: 'cpu', local: true, help: 'where to compute; auto takes a GPU where one is found' }),
  threads: integer({ min: 1, local: true, help: 'threads of one operation; as many as physical cores where left out (tensorflow in pure JavaScript: 1)' }),
} as const;

export const seedOption = {
  seed: integer({ default: 0, min: 0, help: 'seed of everything random' }),
} as const;

export const jsonOption = {
  json: flag({ local: true, help: 'print one JSON object instead of a table' }),
} as const;

export const trainingOptions = {
  log: text({ placeholder: 'file', local: true, help: 'write one JSON line a step: losses, rates, throughput, memory' }),
  logEvery: integer({ default: 1, min: 1, local: true, help: 'steps between lines of the log' }),
  tensorboard: text({ placeholder: 'folder', local: true, help: 'write the same values as event files for TensorBoard' }),
  checkpoint: text({ placeholder: 'file', local: true, help: 'where to keep the state that --resume goes on from; OUTPUT.ckpt where left out' }),
  checkpointEvery: number({ default: 300, min: 0, local: true, help: 'seconds between checkpoints; 0: only on interruption' }),
  keepEvery: integer({ min: 1, local: true, help: 'keep the model of every so many steps, as OUTPUT-STEP' }),
  resume: flag({ local: true, help: 'go on from the checkpoint, if there is one' }),
} as const;
