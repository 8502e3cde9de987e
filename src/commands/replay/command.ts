import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { computeOptions, globalOptions } from '../../cli/common.js';
import { endOnSignals } from '../../cli/program.js';
import { flag, number, text, texts } from '../../cli/options.js';
import { ByoError, InputError, UsageError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf, readInput, writeOutput } from '../../core/files/streams.js';
import { difference } from './compare.js';
import { finder } from './find.js';
import { remaker } from './remake.js';

const options = {
  inputs: texts({ placeholder: 'path', local: true, help: "where to look for the inputs: folders, searched through, or files; the file's own folder where left out" }),
  check: flag({ local: true, help: 'compare with the file instead of writing; exits with 1 where anything differs' }),
  tolerance: number({ min: 0, local: true, help: 'with --check: how far elements may be apart, for another device, version or set of operators (make native); the bytes have to be equal where left out' }),
  output: text({ short: 'o', placeholder: 'file', local: true, help: 'where to write the result; - is standard output, the default without --check' }),
  force: flag({ short: 'f', local: true, help: 'overwrite an existing output' }),
  device: { ...computeOptions.device, help: 'where to compute; results agree byte for byte on one device only' },
  threads: computeOptions.threads,
  quiet: globalOptions.quiet,
} as const;

export const replay = defineCommand({
  name: 'replay',
  summary: 'make a tensor file again from its recipe, or check that it comes out the same',
  description: 'Every file of byo records the command, options and inputs that made it. Inputs are recognised by their digests, '
    + 'whatever they are called now; those that are not found are made again from their own recipes. Images that byo convert '
    + 'read are recognised by what was decoded: give their folder or archive, or a folder that holds it, with --inputs.',
  examples: [
    ['byo replay encoder.st --check', 'make it again and compare: exits with 1 at the first difference'],
    ['byo replay features.st --inputs data,models -o again.st', 'with the inputs somewhere below two folders'],
    ['byo replay encoder.st --check --device webgpu --tolerance 1e-3', 'on another device, within a tolerance'],
  ],
  arguments: [{ name: 'file', optional: true, help: 'tensor file; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    if (o.tolerance !== undefined && !o.check) throw new UsageError('--tolerance goes with --check; give both');
    const output = o.output ?? (o.check ? undefined : '-');
    if (output !== undefined) await checkOutput(output, { force: o.force });
    const { terminal } = context;
    const original = await readArtifact(source);
    const { recipe } = original;
    if (!recipe) throw new InputError(`${nameOf(source)} has no recipe, so nothing says how it was made; files that byo wrote have one`);
    if (original.kind === 'checkpoint') {
      throw new InputError(`${nameOf(source)} is the checkpoint of an unfinished run; byo ${recipe.command} --resume goes on from it`);
    }

    const folder = await mkdtemp(join(tmpdir(), 'byo-replay-'));
    endOnSignals();
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const flat = o.inputs || source === '-' ? [] : [dirname(source)];
    const { remake } = remaker({
      folder, finder: await finder(o.inputs ?? [], flat), version: context.version, terminal, exact: o.tolerance === undefined,
      device: o.device, threads: o.threads, quiet: o.quiet,
    });
    const made = join(folder, basename(source === '-' ? 'output.st' : source));
    await remake(recipe, made);
    if (output !== undefined) await writeOutput(output, [await readInput(made)], { force: o.force });
    if (!o.check) return;
    const again = await readArtifact(made);
    const differs = difference(original, again, o.tolerance);
    if (differs) throw new ByoError(`${nameOf(source)} does not come out the same: ${differs}`);
    const how = original.digest === again.digest ? `the same bytes again, ${again.digest}` : `the same within ${o.tolerance}`;
    terminal.print(`${nameOf(source)}: ${how}`);
  },
});
