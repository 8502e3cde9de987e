import { InputError } from '../errors.js';

/**
 * JSON with sorted keys and no spaces: equal values give equal text, so files and digests are reproducible.
 * Keys whose value is undefined are left out, as JSON.stringify does. Throws TypeError, naming the place, where the
 * value has no faithful JSON form (NaN, infinities, bigint, class instances).
 */
export function canonicalJson(value: unknown, place = 'value'): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${place} is ${value}, which JSON cannot hold`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => canonicalJson(item, `${place}[${i}]`)).join()}]`;
  if (isPlainObject(value)) {
    const fields = Object.keys(value).filter((key) => value[key] !== undefined).sort();
    return `{${fields.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key], `${place}.${key}`)}`).join()}}`;
  }
  throw new TypeError(`${place} is a ${typeof value} that JSON cannot hold`);
}

/** Whether a value is an object literal or a parsed JSON object: no array, no class instance, not null. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * JSON.parse for text that nobody vouches for. Throws InputError, its sentence starting with `where`, for text that is
 * not JSON, that nests deeper than `maxDepth`, or that gives a key twice (JSON.parse would keep the last silently).
 */
export function parseStrictJson(text: string, where: string, maxDepth: number): unknown {
  refuseDepthAndDuplicates(text, where, maxDepth);
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${where} is not JSON; the file is damaged or of another kind, make it again`);
  }
}

/** One pass over the brackets and strings; what is not JSON at all may pass here, JSON.parse refuses it next. */
function refuseDepthAndDuplicates(text: string, where: string, maxDepth: number): void {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{' || c === '[') {
      if (open.push(new Set()) > maxDepth) {
        throw new InputError(`${where} nests brackets more than ${maxDepth} deep, which no valid file does`);
      }
    } else if (c === '}' || c === ']') {
      open.pop();
    } else if (c === '"') {
      const start = i;
      i = closingQuote(text, start);
      const keys = open.at(-1);
      if (keys === undefined || !isFollowedByColon(text, i)) continue;
      const key = unescapeKey(text.slice(start, i + 1));
      if (keys.has(key)) throw new InputError(`${where} gives the key ${JSON.stringify(key)} twice; keep one of them`);
      keys.add(key);
    }
  }
}

/** Index of the quote that ends the string starting at `start`; the text's last index where none does. */
function closingQuote(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return Math.min(i, text.length - 1);
}

function isFollowedByColon(text: string, end: number): boolean {
  let i = end + 1;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\t' || text[i] === '\r') i++;
  return text[i] === ':';
}

/** The key that a quoted string means: "\u0061" and "a" are the same key. */
function unescapeKey(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}
