import { describe, expect, it } from 'vitest';
import type { MethodDescription } from '../../src/commands/methods.js';
import { byo } from '../support/cli.js';

const list = async (...args: string[]) => JSON.parse((await byo(['methods', '--json', ...args])).stdout) as MethodDescription[];

describe('byo methods', () => {
  it('lists what has a paper, with needs and defaults', async () => {
    const all = await list();
    const byol = all.find(({ name }) => name === 'pretrain byol');
    expect(byol).toMatchObject({ needs: 'data set of images', defaults: { lr: 0.45, 'weight-decay': 1e-6, size: null, seed: 0 } });
    expect(byol!.paper).toContain('2006.07733');
    expect(byol!.defaults).not.toHaveProperty('threads');
    expect(all.map(({ name }) => name)).not.toContain('convert');
  });

  it('picks by words of the name', async () => {
    expect((await list('byol')).map(({ name }) => name)).toEqual(['pretrain byol']);
    expect(await list('nothing-of-this-name')).toEqual([]);
  });
});
