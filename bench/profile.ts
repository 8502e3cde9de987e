import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the nodes of one kind took. */
export interface ProfileRow {
  /** The primitive of byo's graph, the ONNX operator that computes it. */
  readonly kind: string;
  /** Nodes in a step. */
  readonly nodes: number;
  /** Milliseconds a step. */
  readonly ms: number;
  /** Of all nodes' time. */
  readonly share: number;
}

/** The events of ONNX Runtime's profile that matter here; `ts` and `dur` are microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/**
 * Runs `use` with a prefix for ONNX Runtime's profile; it disposes of its executable, which writes the file. Returns its result
 * and the profile's rows, the longest first. The first `warmup` runs do not count.
 */
export async function profiled<T>(
  warmup: number, use: (prefix: string) => Promise<T>,
): Promise<{ result: T; rows: ProfileRow[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'byo-profile-'));
  try {
    const result = await use(join(folder, 'profile'));
    const [file] = await readdir(folder);
    return { result, rows: profileRows(JSON.parse(await readFile(join(folder, file!), 'utf8')), warmup) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Node times of a profile by primitive and operator, per run. */
export function profileRows(events: readonly ProfileEvent[], warmup: number): ProfileRow[] {
  const runs = events.filter(({ name }) => name === 'model_run').sort((a, b) => a.ts - b.ts).slice(warmup);
  const kinds = new Map<string, { nodes: number; ms: number }>();
  for (const { cat, name, ts, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || !(ts >= runs[0]!.ts)) continue;
    const primitive = name.split(/[@ ]/, 1)[0]!; // nodes are named `primitive@file:line Operator number`
    const kind = `${primitive} ${args?.op_name}`;
    const total = kinds.get(kind) ?? { nodes: 0, ms: 0 };
    kinds.set(kind, { nodes: total.nodes + 1, ms: total.ms + dur / 1e3 });
  }
  const all = [...kinds.values()].reduce((sum, { ms }) => sum + ms, 0);
  return [...kinds]
    .map(([kind, { nodes, ms }]) => ({ kind, nodes: nodes / runs.length, ms: ms / runs.length, share: ms / all }))
    .sort((a, b) => b.ms - a.ms);
}

/** The rows as text, down to those of less than a thousandth. */
export function profileTable(rows: readonly ProfileRow[]): string {
  const lines = rows.filter(({ share }) => share >= 1e-3).map(({ kind, nodes, ms, share }) =>
    `${ms.toFixed(2).padStart(10)} ${(100 * share).toFixed(1).padStart(6)} % ${String(Math.round(nodes)).padStart(6)}  ${kind}`);
  return ['   ms/step    share  nodes  primitive and ONNX operator', ...lines].join('\n');
}
