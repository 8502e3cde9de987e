import { defineCommand } from '../cli/command.js';
import { jsonOption } from '../cli/common.js';
import { flag } from '../cli/options.js';
import { table } from '../cli/terminal.js';
import { toFloat32, type NdArray } from '../core/array.js';
import { readArtifact, type Artifact, type Recipe, type RecipeInput } from '../core/files/artifact.js';
import { nameOf } from '../core/files/streams.js';

const options = {
  stats: flag({ local: true, help: 'minimum, maximum, mean and deviation of every tensor' }),
  ...jsonOption,
} as const;

export const inspect = defineCommand({
  name: 'inspect',
  summary: 'what a tensor file is, what it holds and how it was made',
  examples: [
    ['byo inspect encoder.st', 'kind, tensors, and the chain of commands that made it'],
    ['byo inspect encoder.st --json | jq .recipe.options.lr', 'for scripts'],
  ],
  arguments: [{ name: 'file', optional: true, help: 'tensor file; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    const artifact = await readArtifact(source);
    const { kind, schema, recipe, meta, tensors, digest } = artifact;
    const rows = [...tensors].map(([name, array]) =>
      ({ name, dtype: array.dtype, shape: array.shape, ...(o.stats && statistics(array)) }));
    if (o.json) {
      context.terminal.print(JSON.stringify({ kind, schema, digest, meta, tensors: rows, recipe }));
      return;
    }
    const { terminal } = context;
    terminal.print(`${nameOf(source)}: ${kind}, ${tensors.size} tensors, ${bytes(artifact)}`);
    terminal.print(`digest ${digest}`);
    for (const [key, value] of Object.entries(meta)) terminal.print(`${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    if (recipe) terminal.print(`\nmade by\n${recipeTree(recipe).join('\n')}`);
    const header = ['tensor', 'dtype', 'shape', ...(o.stats ? ['min', 'max', 'mean', 'std'] : [])];
    terminal.print(`\n${table(header, rows.map((row) => [
      row.name, row.dtype, `[${row.shape.join(', ')}]`, ...('mean' in row ? [row.min!, row.max!, row.mean!, row.std!] : []),
    ]))}`);
  },
});

function statistics(array: NdArray): { min: number; max: number; mean: number; std: number } {
  const { data } = toFloat32(array);
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const value of data) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  const mean = sum / data.length;
  let squares = 0;
  for (const value of data) squares += (value - mean) ** 2;
  return { min, max, mean, std: Math.sqrt(squares / data.length) };
}

function bytes({ tensors }: Artifact): string {
  const total = [...tensors.values()].reduce((n, { data }) => n + data.byteLength, 0);
  return total < 1e6 ? `${(total / 1e3).toFixed(1)} kB` : `${(total / 1e6).toFixed(1)} MB`;
}

/** The commands that made a file, the last one first, inputs indented below the command that read them. */
export function recipeTree({ command, options: given, seed, version, inputs }: Recipe, indent = ''): string[] {
  const settings = Object.entries(given).filter(([key]) => key !== 'seed').map(([key, value]) => `${key}=${String(value)}`).join(' ');
  return [
    `${indent}byo ${command}  (version ${version}${seed === undefined ? '' : `, seed ${seed}`})`,
    ...(settings ? [`${indent}  ${settings}`] : []),
    ...inputs.flatMap((input) => inputTree(input, `${indent}  `)),
  ];
}

const inputTree = ({ role, kind, name, digest, recipe }: RecipeInput, indent: string): string[] => [
  `${indent}${role}: ${[name, kind, digest.slice(0, 19)].filter(Boolean).join(' ')}`,
  ...(recipe ? recipeTree(recipe, `${indent}  `) : []),
];
