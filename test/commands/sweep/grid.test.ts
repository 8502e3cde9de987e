import { describe, expect, it } from 'vitest';
import { lookup } from '../../../src/cli/lookup.js';
import { gridRuns, parseSeeds } from '../../../src/commands/sweep/grid.js';

const command = await lookup(['pretrain', 'byol']).entry.load();

describe('seeds', () => {
  it('are ranges and lists', () => {
    expect(parseSeeds('2..5')).toEqual(['2', '3', '4', '5']);
    expect(parseSeeds('7, 0,7')).toEqual(['7', '0']);
    for (const wrong of ['', '5..2', '1..', '-1', 'a,b']) expect(() => parseSeeds(wrong)).toThrow('--seeds takes a range');
  });
});

describe('a grid', () => {
  it('is every combination, seeds fastest', () => {
    expect(gridRuns(command, 'lr=0.1,0.2 weight-decay=0', '0..1').map(({ name }) => name)).toEqual([
      'lr=0.1_weight-decay=0_seed=0', 'lr=0.1_weight-decay=0_seed=1', 'lr=0.2_weight-decay=0_seed=0', 'lr=0.2_weight-decay=0_seed=1',
    ]);
  });

  it('has options and values of the command only', () => {
    expect(() => gridRuns(command, undefined, undefined)).toThrow('a sweep needs --seeds');
    expect(() => gridRuns(command, 'weight-decai=0', undefined)).toThrow("byo pretrain byol has no option weight-decai; did you mean 'weight-decay'?");
    expect(() => gridRuns(command, 'lr=0.1,-1', undefined)).toThrow("lr of the sweep takes a number above 0, but '-1' was given");
    expect(() => gridRuns(command, 'lr', undefined)).toThrow("but 'lr' was given");
    expect(() => gridRuns(command, 'seed=1', '0..1')).toThrow('gives seed twice');
  });
});
