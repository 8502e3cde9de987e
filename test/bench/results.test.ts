import { expect, test } from 'vitest';
import { profileRows } from '../../bench/profile.js';
import { examplesPerSecond, lossDifference, rewriteSummary, rewriteTable, tableRow } from '../../bench/results.js';

const printed = (median_ms: number, max_rss_mb = 100, losses = [2, 1, 0.5, 9]) =>
  ({ median_ms, max_rss_mb, import_rss_mb: 50, losses, config: { batch: 64 } });

const comparison = {
  name: 'w3', title: 'a step', command: 'node .build/bench/run.js --only w3', versions: 'ONNX Runtime 1, PyTorch 2', byo: { rounds: [printed(10), printed(30, 120), printed(20)], options: ['--threads', '2'] },
  peer: { rounds: [printed(40), printed(30), printed(50, 700, [2.0002, 1, 0.5])], options: ['--compile', '--threads', '1'] },
};

test('a row gives medians over rounds, the range of their ratios, the largest memory and the difference of the losses', () => {
  expect(tableRow(comparison))
    .toBe('| W3 a step | 20.0 |  | 40.0 | **2.00** (1.00 to 4.00) |  | 120 (50) |  | 700 (50) | 0e+0 | `--threads 2` | `--compile --threads 1` '
      + '| `node .build/bench/run.js --only w3` | ONNX Runtime 1, PyTorch 2 |');
  const native = { rounds: [printed(5), printed(10), printed(8, 90, [2, 1.002, 0.5])], options: ['--threads', '1'] };
  expect(tableRow({ ...comparison, native }))
    .toBe('| W3 a step | 20.0 | 8.00 | 40.0 | **2.00** (1.00 to 4.00) | **5.00** (3.00 to 8.00) | 120 (50) | 100 (50) | 700 (50) | 0e+0 '
      + '| `--threads 2`, `--threads 1` | `--compile --threads 1` | `node .build/bench/run.js --only w3` | ONNX Runtime 1, PyTorch 2 |');
  expect(tableRow({ ...comparison, peer: undefined, versions: 'ONNX Runtime 1' }))
    .toBe('| W3 a step | 20.0 |  |  |  |  | 120 (50) |  |  |  | `--threads 2` |  | `node .build/bench/run.js --only w3` | ONNX Runtime 1 |');
});

test('examples a second are those of the median round', () => {
  expect(examplesPerSecond(comparison.byo)).toBe('3200');
});

test('losses are compared over three steps, and those of different work are an error', () => {
  expect(lossDifference(printed(1, 1, [2.002, 1, 0.5, 1]), printed(1))).toBeCloseTo(1e-3, 12);
  expect(() => lossDifference(printed(1, 1, [2.1, 1, 0.5]), printed(1))).toThrow('different work');
  expect(() => lossDifference(printed(1, 1, [NaN, 1, 0.5]), printed(1))).toThrow('different work');
});

test('a table keeps the rows of other workloads, in order, unless they were measured in another setting', () => {
  const document = 'before\n<!-- bench/run.ts writes from here -->\n<!-- to here -->\nafter\n';
  const first = rewriteTable(document, ['| W5 old |', '| W3 old |'], 'setting A');
  expect(first.startsWith('before\n') && first.endsWith('\nafter\n')).toBe(true);
  const second = rewriteTable(first, ['| W5 new |', '| DDIM new |', '| W10 new |'], 'setting A');
  expect(second.match(/^\| [A-Z].*$/gm)).toEqual(['| W3 old |', '| W5 new |', '| W10 new |', '| DDIM new |']);
  expect(rewriteTable(second, ['| KRRST new |'], 'setting A').match(/^\| [A-Z].*$/gm)!.slice(-2)).toEqual(['| DDIM new |', '| KRRST new |']);
  expect(rewriteTable(second, ['| W1 new |'], 'setting B').match(/^\| W.*$/gm)).toEqual(['| W1 new |']);
  expect(() => rewriteTable('no markers', [], '')).toThrow('has no table to rewrite');
});

test('the README has the table in short, losses too, and all else stays', () => {
  const empty = 'before\n<!-- bench/run.ts writes from here -->\n<!-- to here -->\nafter\n';
  const slower = { ...comparison, name: 'ddim', title: 'drawing', peer: { ...comparison.peer, rounds: comparison.peer.rounds.map(() => printed(10)) } };
  const results = rewriteTable(empty, [slower, comparison, { ...comparison, name: 'w2', peer: undefined }].map(tableRow), 'setting');
  const readme = rewriteSummary(empty, results);
  expect(readme.startsWith('before\n') && readme.endsWith('\nafter\n')).toBe(true);
  expect(readme.match(/^\| .*$/gm)!.slice(1)).toEqual(['| a step | 20.0 |  | 40.0 | **2.00** |  |', '| drawing | 20.0 |  | 10.0 | **0.50** |  |']);
  expect(rewriteSummary(readme, results)).toBe(readme);
  expect(() => rewriteSummary('no markers', results)).toThrow('README.md has no table to rewrite');
});

test('a profile counts the runs after the warm-up, by primitive and operator', () => {
  const run = (ts: number) => [
    { cat: 'Session', name: 'model_run', ts, dur: 9000 },
    { cat: 'Node', name: 'conv@resnet.ts:30 Conv 1_kernel_time', ts: ts + 1, dur: 3000, args: { op_name: 'Conv' } },
    { cat: 'Node', name: 'conv@resnet.ts:31 Conv 2_kernel_time', ts: ts + 2, dur: 3000, args: { op_name: 'Conv' } },
    { cat: 'Node', name: 'add Add 3_kernel_time', ts: ts + 3, dur: 2000 + ts, args: { op_name: 'Add' } },
    { cat: 'Node', name: 'add Add 3_fence_before', ts: ts + 3, dur: 7, args: { op_name: 'Add' } },
  ];
  const rows = profileRows([...run(0), ...run(1000), ...run(3000)], 1);
  expect(rows).toEqual([
    { kind: 'conv Conv', nodes: 2, ms: 6, share: 0.6 },
    { kind: 'add Add', nodes: 1, ms: 4, share: 0.4 },
  ]);
});
