import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { byo, scratchFolder } from '../support/cli.js';

const cwd = scratchFolder();
const values = async (args: string[], env = {}) => {
  const { stdout, stderr } = await byo(['config', 'show', '--json', ...args], { cwd, env });
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { options: Record<string, { value: unknown; origin: string }> }).options;
};

describe('byo config show', () => {
  it('names the origin of every value, in order of precedence', async () => {
    writeFileSync(join(cwd, 'run.yaml'), 'lr: 0.3\nbatch: 32\ntau: 0.9\n');
    writeFileSync(join(cwd, 'byo.yaml'), 'tau: 0.8\nsteps: 7\nk: 3\n');
    const shown = await values(['pretrain', 'byol', '--lr', '0.1', '--config', 'run.yaml'], { BYO_BATCH: '64', BYO_LR: '0.2' });
    expect(shown.lr).toEqual({ value: 0.1, origin: 'command line' });
    expect(shown.batch).toEqual({ value: 64, origin: 'environment BYO_BATCH' });
    expect(shown.tau).toEqual({ value: 0.9, origin: 'file run.yaml' });
    expect(shown.steps).toEqual({ value: 7, origin: 'file byo.yaml' });
    expect(shown.momentum).toEqual({ value: 0.9, origin: 'default' });
    expect(shown.size).toEqual({ value: null, origin: 'default' });
  });

  it('lets one file of BYO_CONFIG serve the commands of a pipeline, but not one of --config name unknown options', async () => {
    writeFileSync(join(cwd, 'both.yaml'), 'lr: 0.3\nk: 7\n');
    expect((await values(['probe', 'knn'], { BYO_CONFIG: 'both.yaml' })).k).toEqual({ value: [7], origin: 'file both.yaml' });
    const { code, stderr } = await byo(['config', 'show', 'pretrain', 'byol', '--config', 'both.yaml'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toBe('byo: both.yaml: this command has no option k');
  });

  it('explains a command that does not exist', async () => {
    const { code, stderr } = await byo(['config', 'show', 'pretrian', 'byol'], { cwd });
    expect([code, stderr]).toEqual([2, "byo: there is no command 'pretrian'; did you mean 'pretrain'?; byo --help lists them all"]);
  });
});
