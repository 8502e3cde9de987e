import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { byo, installed, scratchFolder, shell } from '../support/cli.js';

/** What goes wrong around a run: the disk, the clock, the other end of a pipe. Nothing is lost but the step under way. */
const cwd = scratchFolder();
const RUN = [
  'pretrain', 'byol', 'shapes.st', '--encoder', 'convnet3', '--width', '4', '--batch', '16', '--proj-hidden', '16', '--proj-out', '8',
  '--pred-hidden', '16', '--optimizer', 'sgd', '--lr', '0.05', '--steps', '120', '--threads', '1', '--quiet',
];
const read = (name: string) => readFile(join(cwd, name));

beforeAll(async () => {
  expect((await byo(['synth', 'images', '--count', '64', '--size', '16', '-o', 'shapes.st'], { cwd })).code).toBe(0);
  expect((await byo([...RUN, '-o', 'whole.st'], { cwd })).code).toBe(0);
});

const canMount = installed('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']);

test.skipIf(!canMount)('a disk that fills up in the middle of a run: one sentence, and the last state goes on to the same bytes', async () => {
  const { code, stdout, stderr } = await shell(`
    mkdir -p small
    export -f byo
    unshare -rm bash -c '
      mount -t tmpfs -o size=20m none small
      byo ${RUN.join(' ')} -o small/m.st --log small/m.jsonl --checkpoint-every 0.001 2> messages & run=$!
      until [ -e small/m.st.ckpt ]; do sleep 0.02; done
      cat /dev/zero > small/fill 2> /dev/null
      wait $run
      echo "exit $?"
      ls -A small | tr "\\n" " "
      rm small/fill
      byo ${RUN.join(' ')} -o small/m.st --log small/m.jsonl --resume --checkpoint-every 0.001 && cp small/m.st resumed.st && cp small/m.jsonl .
    '`, { cwd });
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stderr: '' });
  expect(stdout).toBe('exit 1\nfill m.jsonl m.st.ckpt ');
  const messages = (await read('messages')).toString();
  expect(messages).toMatch(/^byo: [^\n]*small\/m\.[^\n]*(no space|full)[^\n]*\n$/);
  expect((await read('resumed.st')).equals(await read('whole.st'))).toBe(true);
  const steps = (await read('m.jsonl')).toString().trim().split('\n').map((line) => JSON.parse(line).step as number);
  expect(steps).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
});

test('a clock that jumps back and forth changes nothing', async () => {
  const jumping = 'let n = 0; const now = Date.now; Date.now = () => now() + (n++ % 2 ? -1 : 1) * 86_400_000 * n;';
  const { code, stderr } = await byo([...RUN, '-o', 'jumped.st', '--log', 'jumped.jsonl', '--tensorboard', 'events', '--checkpoint-every', '0.01'], {
    cwd, env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(jumping)}` },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect((await read('jumped.st')).equals(await read('whole.st'))).toBe(true);
  const lines = (await read('jumped.jsonl')).toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, number>);
  expect(lines).toHaveLength(120);
  for (const { computeMs, waitMs, examplesPerSecond } of lines) {
    expect(Math.min(computeMs!, waitMs!, examplesPerSecond!)).toBeGreaterThan(0);
  }
});
