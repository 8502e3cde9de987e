import koffi from 'koffi';

export type Library = ReturnType<typeof koffi.load>;

/** Shader compilers recurse far deeper than the 128 KiB that koffi gives an asynchronous call. */
const ASYNC_STACK = 8 * 2 ** 20;

/** Held for the life of the process: koffi unloads a library whose handle is collected. */
const held: Library[] = [];

/** Loads a shared library, for good. Throws where there is none of that path, or it cannot be loaded. */
export function loadLibrary(path: string): Library {
  // Has to come before the first library.
  if (held.length === 0) koffi.config({ ...koffi.config(), async_stack_size: ASYNC_STACK });
  const library = koffi.load(path);
  held.push(library);
  return library;
}
