import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, shell } from '../support/cli.js';
import { runCommand, runJson } from '../support/command.js';
import { numbersOf } from '../support/steps.js';
import { expectFailure, filesIn, workplace } from './support.js';

const { folder, at, run } = workplace();
const SMALL = ['--hidden', '8', '--layers', '1', '--ff', '8', '--pred-width', '4', '--pred-heads', '2', '--pred-layers', '1',
  '--batch', '50', '--threads', '1', '-q'];
/** A command that fails in this process, with an error of this name. */
const refused = (command: string, args: readonly string[], name: string, message: string) =>
  expect(runCommand(command, args)).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
const tensors = async (file: string) => (await readArtifact(at(file))).tensors;

beforeAll(async () => {
  await run('synth', 'table', '--count', '300', '--numeric', '4', '--categorical', '2', '--missing', '0.05', '-o', 'table.st');
  await run('synth', 'table', '--count', '200', '--task', 'regression', '--noise', '0', '-o', 'numbers.st');
  await run('synth', 'images', '--count', '20', '--size', '8', '-o', 'images.st');
  await run('pretrain', 't-jepa', 'table.st', ...SMALL, '--steps', '6', '--checkpoint-every', '0', '-o', 'encoder.st');
});

test('from a CSV file to a score in one pipeline', async () => {
  const { code, stdout, stderr } = await shell(
    'byo synth table --count 300 --numeric 4 --categorical 2 --missing 0.05 --format csv -o t.csv'
    + ' && byo convert t.csv --split-column split | tee t.st'
    + ` | byo pretrain t-jepa ${SMALL.join(' ')} --steps 6 | byo embed --data t.st -q | tee f.st | byo probe linear -q`, { cwd: folder });
  expect(code, stderr).toBe(0);
  expect(stdout.split('\n')[1]).toMatch(/^linear +0\.\d{4} .* 210 +30 +60 /);
  expect([...await tensors('t.st')]).toEqual([...await tensors('table.st')]);
  expect([...await tensors('f.st')].map(([name, { shape }]) => [name, shape])).toEqual([
    ['features', [300, 7 * 8]], ['labels', [300]], ['split', [300]]]);
});

test('a table exported as CSV is converted to the same table', async () => {
  const { code, stderr } = await shell(
    'byo export table.st --format csv | byo convert --format csv --split-column split -q -o back.st', { cwd: folder });
  expect(code, stderr).toBe(0);
  expect([...await tensors('back.st')]).toEqual([...await tensors('table.st')]);
  await refused('export', [at('images.st'), '--format', 'csv', '-o', at('z.csv')], 'InputError', 'images.st holds no table');
});

describe('byo convert of tables', () => {
  const convert = (...args: string[]) => byo(['convert', ...args, '-o', 'x.st', '-f'], { cwd: folder });
  const text = (content: string, name = 'in.csv') => writeFile(at(name), content);

  test('says what it found, and warns of what says nothing', async () => {
    await text('age,city,same,sick\n31,Paris,1,yes\n?,Rome,1,no\n29,,1,no\n');
    const { code, stderr } = await convert('in.csv');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: column same of in\.csv is 1 in every row; it says nothing$/m);
    expect(stderr).toMatch(/^3 rows of 2 numeric and 1 categorical columns, 2 values missing; target sick: 2 classes \(no, yes\)$/m);
    const { meta, recipe } = await readArtifact(at('x.st'));
    expect(meta).toEqual({ modality: 'table', classes: ['no', 'yes'], table: {
      columns: [{ name: 'age', type: 'numeric' }, { name: 'city', type: 'categorical', categories: ['Paris', 'Rome'] }, { name: 'same', type: 'numeric' }],
      target: { name: 'sick', task: 'classification' },
    } });
    expect([recipe!.inputs, Object.keys(recipe!.options)]).toMatchObject([[{ role: 'source', name: 'in.csv' }], expect.not.arrayContaining(['fit'])]);
    expect((await run('replay', 'x.st', '--check', '--inputs', '.')).stdout).toContain('the same bytes again');
  });

  test('takes a schema, a test file, and shares; and is made again from all of them', async () => {
    await text('1,a,x\n2,b,y\n3,a,x\n4,b,y\n5,a,x\n6,b,y\n7,a,x\n8,b,y\n');
    await text('9,c,y\n', 'later.csv');
    await text('{"columns": [{"name": "n", "type": "categorical"}, {"name": "k"}, {"name": "t"}]}', 'schema.json');
    const { code, stderr } = await convert('in.csv', '--no-header', '--schema', 'schema.json', '--test', 'later.csv', '--val-fraction', '0.25');
    expect([code, stderr]).toEqual([0, expect.stringContaining('9 rows of 0 numeric and 2 categorical columns; target t: 2 classes (x, y)')]);
    const split = (await tensors('x.st')).get('split')!;
    expect([split.data[8], [...split.data].filter((part) => part === 1)]).toEqual([2, [1, 1]]);
    expect((await run('replay', 'x.st', '--check', '--inputs', '.')).stdout).toContain('the same bytes again');
  });

  test('from a pipe needs the format; --no-labels and --limit leave out', async () => {
    expectFailure(await shell('echo a,b | byo convert -o y.st', { cwd: folder }), 3, 'standard input is not a tar archive');
    await shell('printf "a,b\\n1,x\\n2,x\\n3,y\\n4,y\\n" | byo convert --format csv --limit 2 --no-labels -q -o y.st', { cwd: folder });
    expect([...await tensors('y.st')].map(([name, { data }]) => [name, [...data]])).toEqual([['numeric', [1, 3]]]);
  });

  test.each<[string, string, string[], string, string]>([
    ['ragged rows', 'a,b\n1,2\n3\n', [], 'InputError', 'in.csv is not a table of comma-separated values: Invalid Record Length'],
    ['a target that is not there', 'a,b\n1,2\n', ['--target', 'income'], 'InputError', 'in.csv has no column income, which the target should be; its columns are a, b'],
    ['a missing target', 'a,b\n1,x\n2,?\n', [], 'InputError', 'in.csv, line 3: the target b is missing'],
    ['no header', '1,2.5\n3,4\n', [], 'InputError', 'give --no-header'],
    ['shares beyond all', 'a,b\n1,2\n', ['--test-fraction', '0.6', '--val-fraction', '0.6'], 'UsageError', 'leave too little to learn from'],
    ['an option of images', 'a,b\n1,2\n', ['--size', '32'], 'UsageError', '--size is for images'],
    ['a target and no labels', 'a,b\n1,2\n', ['--no-labels', '--target', 'a'], 'UsageError', '--no-labels leaves out the target'],
  ])('refuses %s', async (_, content, options, name, message) => {
    await text(content);
    const before = await filesIn(folder);
    await refused('convert', [at('in.csv'), ...options, '-o', at('refused.st')], name, message);
    expect(await filesIn(folder)).toEqual(before);
  });
});

describe('byo pretrain t-jepa', () => {
  test('cut short, run again and resumed, gives the same bytes; and again from its recipe', async () => {
    const words = ['pretrain', 't-jepa', 'table.st', ...SMALL, '--steps', '6'];
    const cut = await byo([...words, '-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    await run(...words, '-o', 'again.st', '--checkpoint', 'cut.ckpt', '--resume');
    expect((await readArtifact(at('again.st'))).digest).toBe((await readArtifact(at('encoder.st'))).digest);
    expect((await run('replay', 'encoder.st', '--check', '--inputs', '.', '--threads', '1')).stdout).toContain('the same bytes again');
  });

  test('learns from rows that are not marked as test, or from all', async () => {
    const loud = SMALL.filter((word) => word !== '-q');
    const learn = async (...more: string[]) =>
      (await run('pretrain', 't-jepa', 'table.st', ...loud, '--steps', '1', '-f', '-o', 'x.st', ...more)).stderr;
    expect(await learn()).toMatch(/^learning from 240 of 300 rows \(those that are not marked as test\), without their targets$/m);
    expect(await learn('--rows', 'all')).toMatch(/^learning from 300 of 300 rows/m);
  });

  test('refuses images', async () => {
    const { stdout, code, stderr } = await byo(['pretrain', 't-jepa', 'images.st', '-o', 'refused.st'], { cwd: folder });
    expectFailure({ stdout, code, stderr }, 3, 'images.st holds no table; byo convert makes');
    expect(await filesIn(folder)).not.toContain('refused.st');
  });
});

describe('byo embed of tables', () => {
  const embed = async (name: string, ...args: string[]) => {
    await run('embed', ...args, '-q', '-f', '-o', name);
    return (await tensors(name)).get('features')!;
  };

  test('pools tokens, takes random weights, and the columns themselves', async () => {
    const flat = await embed('flat.st', '--model', 'encoder.st', 'table.st');
    const mean = await embed('mean.st', '--model', 'encoder.st', 'table.st', '--pool', 'mean');
    const reg = await embed('reg.st', '--model', 'encoder.st', 'table.st', '--pool', 'reg', '--batch', '7');
    expect([flat.shape, mean.shape, reg.shape]).toEqual([[300, 56], [300, 8], [300, 8]]);
    numbersOf(reg).slice(0, 8).forEach((value, i) => expect(value).toBeCloseTo(numbersOf(flat)[i]!, 5));
    const first = [0, 1, 2, 3, 4, 5, 6].map((token) => numbersOf(flat)[8 * token]!);
    expect(numbersOf(mean)[0]).toBeCloseTo(first.reduce((a, b) => a + b) / 7, 5);
    expect(numbersOf(await embed('random.st', '--model', 'encoder.st', 'table.st', '--untrained'))).not.toEqual(numbersOf(flat));
    // 4 numbers with marks for missing ones, 2 x (4 categories and a mark)
    const raw = await embed('raw.st', '--raw', 'table.st');
    expect(raw.shape).toEqual([300, 4 * 2 + 2 * 5]);
    expect(numbersOf(await embed('raw2.st', '--raw', '--model', 'encoder.st', 'table.st'))).toEqual(numbersOf(raw));
  });

  test('meets categories that are new, and refuses columns that are not there', async () => {
    await writeFile(at('new.csv'), 'x1,x2,x3,x4,kind1,kind2,y\n0.5,1,2,3,zebra,a,1\n0.5,1,2,3,,a,0\n');
    await run('convert', 'new.csv', '-q', '-o', 'new.st');
    const found = numbersOf(await embed('f-new.st', '--model', 'encoder.st', 'new.st'));
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found.slice(0, 56)).not.toEqual(found.slice(56));
    await writeFile(at('less.csv'), 'x1,x2,kind1,kind2,y\n0.5,1,a,a,1\n0.5,1,b,a,0\n');
    await run('convert', 'less.csv', '-q', '-o', 'less.st');
    await refused('embed', ['--model', at('encoder.st'), at('less.st'), '-o', at('z.st')], 'InputError',
      'less.st has no column x3, which the model takes; its columns are x1, x2, kind1, kind2');
    await refused('embed', ['--model', at('encoder.st'), at('images.st'), '-o', at('z.st')], 'InputError', 'images.st holds no table');
    await refused('export', [at('encoder.st'), '-o', at('z.onnx')], 'InputError', 'holds a model without an image encoder');
  });
});

describe('byo probe table', () => {
  const FAST = ['--batch', '64', '--width', '8', '--layers', '1', '--heads', '2', '--threads', '1'];
  const probe = async (data: string, ...more: string[]) => {
    const epochs = more.includes('--epochs') ? [] : ['--epochs', '2'];
    return (await runJson('probe table', [at(data), ...FAST, ...epochs, ...more]))[0]!;
  };

  test('scores classes from columns and from latents, frozen and trained, the same every time', async () => {
    const columns = await probe('table.st', '--head', 'resnet');
    expect(columns).toMatchObject({
      probe: 'resnet on columns', metric: 'accuracy', n: { train: 210, val: 30, test: 60 }, features: 18, classes: 2, chosen: { lr: 1e-3 },
      interval: { method: 'wilson' },
    });
    expect(await probe('table.st', '--head', 'resnet')).toEqual(columns);
    const latents = await probe('table.st', '--head', 'autoint', '--model', at('encoder.st'));
    expect(latents).toMatchObject({ probe: 'autoint on latents', features: 56 });
    const tuned = await probe('table.st', '--head', 'linear', '--model', at('encoder.st'), '--finetune', '--encoder-lr', '0.01');
    const frozen = await probe('table.st', '--head', 'linear', '--model', at('encoder.st'));
    const random = await probe('table.st', '--head', 'linear', '--model', at('encoder.st'), '--untrained');
    expect(random.sweep[0].validationLoss).not.toBe(frozen.sweep[0].validationLoss);
    expect(random.probe).toBe('linear on random latents');
    expect(tuned.probe).toBe('linear on latents, fine-tuned');
    expect(tuned.sweep[0].validationLoss).not.toBe(frozen.sweep[0].validationLoss);
  });

  test('chooses a learning rate by the validation loss, and refits for an interval', async () => {
    const report = await probe('table.st', '--lrs', '1e-5,1e-2', '--interval', 'cheap', '--resamples', '2');
    const losses = report.sweep.map(({ validationLoss }: { validationLoss: number }) => validationLoss);
    expect(report.chosen.lr).toBe(losses[0] < losses[1] ? 1e-5 : 1e-2);
    expect([report.refits.length, report.interval.method]).toEqual([2, 'cheap']);
  });

  test('predicts numbers in their own units', async () => {
    const report = await probe('numbers.st', '--head', 'mlp', '--epochs', '30', '--lrs', '1e-2');
    expect(report).toMatchObject({ metric: 'R2', probe: 'mlp on columns', interval: { method: 'percentile' }, targets: 1 });
    const { data } = (await tensors('numbers.st')).get('targets')!;
    const test = [...data].slice(-40).map(Number);
    const mean = test.reduce((a, b) => a + b) / 40;
    const variance = test.reduce((total, y) => total + (y - mean) ** 2, 0) / 40;
    expect(report.value).toBeCloseTo(1 - report.rmse ** 2 / variance, 5);
  });

  test('writes predictions of the test rows', async () => {
    await probe('table.st', '--predictions', at('p.st'));
    const { kind, tensors: found } = await readArtifact(at('p.st'));
    expect([kind, found.get('scores')!.shape]).toEqual(['predictions', [60, 2]]);
  });

  test.each<[string[], string, string]>([
    [['table.st', '--finetune'], 'UsageError', '--finetune is about an encoder; name its model with --model'],
    [['table.st', '--untrained'], 'UsageError', '--untrained is about an encoder'],
    [['table.st', '--head', 'autoint', '--width', '9', '--heads', '2'], 'UsageError', '--width 9 does not divide into --heads 2'],
    [['numbers.st', '--interval', 'wilson'], 'UsageError', '--interval wilson is for shares of right answers'],
    [['numbers.st', '--calibration'], 'UsageError', 'are for classes, but the target is a number'],
    [['images.st'], 'InputError', 'images.st holds no table'],
  ])('refuses %o', ([file, ...args], name, message) => refused('probe table', [at(file!), ...args], name, message));
});
