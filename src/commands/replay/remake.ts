import { mkdtemp, open, rm, symlink, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lookup } from '../../cli/lookup.js';
import { runByo, shellWords } from '../../cli/program.js';
import type { Terminal } from '../../cli/terminal.js';
import { NATIVE_VARIABLE } from '../../core/engine/index.js';
import { ByoError, InputError } from '../../core/errors.js';
import { readArtifact, type Recipe, type RecipeInput } from '../../core/files/artifact.js';
import { commandLine, type PlacedInput } from './command-line.js';
import type { Finder } from './find.js';

export interface RemakeOptions {
  /** For what is made on the way. */
  readonly folder: string;
  readonly finder: Finder;
  readonly version: string;
  readonly terminal: Terminal;
  /** Inputs that are made again have to have their recorded digests. */
  readonly exact: boolean;
  readonly device: string;
  readonly threads: number | undefined;
  readonly quiet: boolean;
}

interface RunVariant {
  /** The command may well fail, which is nothing to tell. */
  readonly trial?: boolean;
  readonly descriptors?: readonly number[];
}

/**
 * Runs recipes again. `remake` writes what a recipe describes to `target`; throws InputError where an input is neither found nor
 * can be made, and ByoError where a command fails or an input comes out different.
 */
export function remaker({ folder, finder, version, terminal, exact, device, threads, quiet }: RemakeOptions): {
  remake: (recipe: Recipe, target: string) => Promise<void>;
} {
  const known = new Map<string, string>();
  // Nothing but the recipe may say what a command does: no variables of options, no configuration files.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('BYO_') || name === NATIVE_VARIABLE);
  const env = { ...Object.fromEntries(others), XDG_CONFIG_HOME: folder };

  async function run(recipe: Recipe, inputs: readonly PlacedInput[], target: string, variant: RunVariant = {}) {
    const { trial = false, descriptors = [] } = variant;
    const command = await lookup(recipe.command.split(' ')).entry.load();
    // Probes print their result; what they write is their predictions.
    const output = 'output' in command.options ? [`--output=${target}`, '--force'] : [`--predictions=${target}`];
    const local = [
      ...output, ...('device' in command.options ? [`--device=${device}`] : []),
      ...('threads' in command.options && threads !== undefined ? [`--threads=${threads}`] : []), ...(quiet || trial ? ['--quiet'] : []),
    ];
    const line = [...commandLine(command, recipe, inputs), ...local];
    terminal.detail(`byo ${shellWords(line)}`);
    return runByo(line, { cwd: folder, env, descriptors, showMessages: !trial });
  }

  async function remake(recipe: Recipe, target: string): Promise<void> {
    if (recipe.version !== version) terminal.warn(`byo ${recipe.command} was run with version ${recipe.version}; this is ${version}`);
    const decoded = recipe.inputs.find(({ kind }) => kind === undefined);
    if (decoded) return remakeFromSource(recipe, decoded, target);
    const placed: PlacedInput[] = [];
    const files: FileHandle[] = [];
    for (const input of recipe.inputs) {
      const path = await obtain(input);
      // Commands record an input's name, and none for what came through a pipe: each gets the name that it had then.
      if (input.name === undefined) files.push(await open(path));
      placed.push({ role: input.role, path: input.name === undefined ? `/dev/fd/${2 + files.length}` : await called(input.name, path) });
    }
    const { code } = await run(recipe, placed, target, { descriptors: files.map(({ fd }) => fd) });
    await Promise.all(files.map((file) => file.close()));
    if (code !== 0) throw new ByoError(`byo ${recipe.command}, run again, ended with exit code ${code}`);
  }

  /** The file under another name, by a link where it has not that name anyway. */
  async function called(name: string, path: string): Promise<string> {
    if (basename(path) === name) return path;
    const link = join(await mkdtemp(join(folder, 'link-')), name);
    await symlink(path, link);
    return link;
  }

  /** A file with the input's bytes: found, or made again. */
  async function obtain(input: RecipeInput): Promise<string> {
    const { role, digest, kind, name, recipe } = input;
    if (kind === 'stream') return findStream(input);
    const found = known.get(digest) ?? await finder.find(digest, name);
    if (found) {
      known.set(digest, found);
      terminal.detail(`${role} is ${found}`);
      return found;
    }
    const called = name ? ` (it was called ${name})` : '';
    if (!recipe) throw new InputError(`the ${kind ?? 'input'} ${digest}${called} is not there, and has no recipe; give the folder that it is in with --inputs`);
    // Its own name, which the command that reads it records.
    const target = join(await mkdtemp(join(folder, 'input-')), name ?? 'input.st');
    terminal.info(`${role}${name ? ` ${name}` : ''} is not there; making it again with byo ${recipe.command}`);
    await remake(recipe, target);
    const again = (await readArtifact(target)).digest!;
    if (again !== digest) {
      const problem = `its input ${role}${called}, made again, came out different (${again} instead of ${digest})`;
      if (exact) throw new ByoError(`${problem}; give the file itself with --inputs, or a --tolerance`);
      terminal.warn(problem);
    }
    known.set(digest, target);
    return target;
  }

  /** A stream's folder, or the pattern of its files, below the folders that --inputs name. */
  async function findStream({ digest, name }: RecipeInput): Promise<string> {
    const { streamFiles } = await import('../../core/data/stream-files.js');
    const places = name === undefined ? [] : (await finder.sources()).flatMap((source) => [source, join(source, name)]);
    for (const path of places.filter((place) => basename(place) === name)) {
      const files = await streamFiles([path], 0).catch(() => undefined);
      if (files?.recipe.digest === digest) return path;
    }
    throw new InputError(name === undefined
      ? 'it was learnt from a stream on standard input, which nothing keeps, so it cannot be made again'
      : `it was learnt from a stream (${name}) whose files are not there; give the folder that they are in with --inputs`);
  }

  /** Tries the sources that --inputs name until one decodes to the recorded digest. */
  async function remakeFromSource(recipe: Recipe, input: RecipeInput, target: string): Promise<void> {
    const sources = await finder.sources();
    const others: PlacedInput[] = [];
    for (const other of recipe.inputs.filter((one) => one !== input)) {
      const path = await obtain(other);
      others.push({ role: other.role, path: other.name === undefined ? path : await called(other.name, path) });
    }
    for (const path of sources) {
      const { code } = await run(recipe, [{ role: input.role, path }, ...others], target, { trial: true });
      if (code !== 0) continue;
      const made = (await readArtifact(target)).recipe?.inputs[0]?.digest;
      if (made === input.digest) return terminal.detail(`${input.role} are ${path}`);
      await rm(target);
    }
    const tried = sources.length ? `none of ${sources.length} sources that --inputs leads to holds them` : 'give their folder or archive with --inputs';
    throw new InputError(`byo ${recipe.command} read ${input.role} that decode to ${input.digest.slice(0, 19)}…; ${tried}`);
  }

  return { remake };
}
