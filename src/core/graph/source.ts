import { readFileSync } from 'node:fs';
import { basename, join, dirname } from 'node:path';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where in a method's source a node was asked for. Line and column are those of the running (compiled) file. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Frames in these folders are the core's own, and what image methods share is no method: the line that interests a reader is
 * the first one outside them.
 */
const CORE = /[\\/](graph|nn|losses|optim|train)[\\/][^\\/]+$|[\\/]pretrain[\\/]images\.[jt]s$/;
const GRAPH = /[\\/]graph[\\/][^\\/]+$/;

/**
 * The line of the method that is building the graph right now: the first stack frame outside the core, or outside
 * `graph/` where everything is core.
 */
export function callSite(): CallSite | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  let frames: NodeJS.CallSite[] = [];
  Error.stackTraceLimit = 24;
  Error.prepareStackTrace = (_, callSites) => callSites;
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, callSite);
  if (Array.isArray(holder.stack)) frames = holder.stack as NodeJS.CallSite[];
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;

  const named = frames.filter((frame) => frame.getFileName() && !frame.getFileName()!.startsWith('node:'));
  const frame = named.find((f) => !CORE.test(f.getFileName()!)) ?? named.find((f) => !GRAPH.test(f.getFileName()!));
  if (!frame) return undefined;
  return { file: frame.getFileName()!, line: frame.getLineNumber() ?? 0, column: frame.getColumnNumber() ?? 0 };
}

const maps = new Map<string, SourceMap | undefined>();

/** `byol.ts:42`: the site in the TypeScript source, through the source map where the file has one. */
export function describeSite({ file, line, column }: CallSite): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  if (!maps.has(path)) maps.set(path, readSourceMap(path));
  const entry = maps.get(path)?.findEntry(line - 1, column - 1);
  if (entry && 'originalSource' in entry) {
    return `${basename(join(dirname(path), entry.originalSource))}:${entry.originalLine + 1}`;
  }
  return `${basename(path)}:${line}`;
}

function readSourceMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
  } catch {
    return undefined;
  }
}
