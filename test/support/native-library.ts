import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(root, 'native');
const library = join(root, '.build', 'native', 'libbyo.so');

const changed = (file: string): number => statSync(file).mtimeMs;

/** The library of byo's own operators, built where it is older than its sources; undefined where there is no C++ compiler. */
export function nativeForTests(): string | undefined {
  const newest = Math.max(...readdirSync(sources).filter((name) => /\.(h|cpp|sh)$/.test(name)).map((name) => changed(join(sources, name))));
  if (existsSync(library) && changed(library) > newest) return library;
  if (spawnSync(process.env.CXX || 'c++', ['--version']).error) {
    console.error('there is no C++ compiler: tests of the native operators are left out');
    return undefined;
  }
  const { status, stderr } = spawnSync('sh', [join(sources, 'build.sh'), library], {
    encoding: 'utf8', env: { ...process.env, CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -Werror` },
  });
  if (status !== 0) throw new Error(`native/build.sh failed:\n${stderr}`);
  return library;
}
