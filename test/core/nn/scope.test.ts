import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { grad, input } from '../../../src/core/graph/index.js';
import { assign, init, initialState, linear, stepProgram, type Scope } from '../../../src/core/nn/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const program = (build: (s: Scope) => void) => stepProgram('test', (s) => {
  build(s);
  return {};
});

describe('Scope', () => {
  test('asking twice for a name gives one variable, so applying a layer twice shares its weights', async () => {
    const x = gaussian('x', [2, 3]);
    const { outputs, program: traced } = await runOnce((s) => {
      const once = linear(s.at('fc'), input('x', [2, 3]), 4);
      return { once, twice: linear(s.at('fc'), input('y', [2, 3]), 4) };
    }, { feed: { x, y: x } });
    expect([...traced.variables.keys()]).toEqual(['fc.weight', 'fc.bias']);
    expect(numbersOf(outputs.twice!)).toEqual(numbersOf(outputs.once!));
  });

  test('another shape for a known name is an error that names the variable and both shapes', () => {
    expect(() => program((s) => {
      linear(s.at('net').at('fc'), input('x', [2, 3]), 4);
      linear(s.at('net').at('fc'), input('y', [2, 5]), 4);
    })).toThrow('param: net.fc.weight is [4, 3] elsewhere, but [4, 5] here');
  });

  test('assigning another shape, or to a name that does not exist, is an error that names it', () => {
    expect(() => program((s) => {
      s.at('a').param('w', [2], init.zeros);
      s.at('a').assign('w', input('x', [3]));
    })).toThrow('assign: a.w is [2], but was assigned [3]');
    expect(() => program((s) => s.at('a').assign('w', input('x', [3])))).toThrow('assign: there is no variable a.w');
  });

  test('startingFrom copies first values, and only those', () => {
    const traced = program((s) => {
      const online = s.at('online');
      online.at('fc').param('w', [2, 3], init.normal(1));
      s.at('target').startingFrom(online).at('fc').param('w', [2, 3], init.normal(1));
      s.at('other').at('fc').param('w', [2, 3], init.normal(1));
    });
    const state = initialState(traced, 1);
    expect(state.get('target.fc.w')!.data).toEqual(state.get('online.fc.w')!.data);
    expect(state.get('other.fc.w')!.data).not.toEqual(state.get('online.fc.w')!.data);
    expect(traced.variables.get('target.fc.w')!.tensor).not.toBe(traced.variables.get('online.fc.w')!.tensor);
  });

  test('replacing puts other tensors in place of parameters, and gradients flow into them', async () => {
    const { outputs } = await runOnce((s) => {
      const w = s.param('w', [2], init.ones);
      const [variable] = s.parameters;
      const moved = w.sub(input('d', [2]));
      const loss = s.replacing(new Map([[variable!, moved]])).param('w', [2], init.ones).square().sum();
      return { loss, dw: grad(loss, [w])[0]! };
    }, { feed: { d: float32([2], [3, 5]) } });
    expect(numbersOf(outputs.loss!)).toEqual([4 + 16]);
    expect(numbersOf(outputs.dw!)).toEqual([-4, -8]);
  });

  test('parameters are those below a scope, not those of a name that starts alike', () => {
    program((s) => {
      s.at('net').param('w', [1], init.zeros);
      s.at('net').buffer('running_mean', [1], init.zeros);
      s.at('net2').param('w', [1], init.zeros);
      expect(s.at('net').parameters.map(({ name }) => name)).toEqual(['net.w']);
      expect(s.at('net').variables.map(({ name }) => name)).toEqual(['net.w', 'net.running_mean']);
      expect(s.parameters).toHaveLength(2);
    });
  });

  test('mode({ training: false }) reaches everything below', () => {
    program((s) => {
      expect(s.training).toBe(true);
      expect(s.mode({ training: false }).at('a').at('b').training).toBe(false);
    });
  });
});

describe('initialState', () => {
  const named = (...names: string[]) => program((s) => names.forEach((name) => s.param(name, [5], init.normal(1))));

  test('depends on the seed and on a name, not on the order or on other variables', () => {
    const [a, b] = [initialState(named('p', 'q', 'r'), 9), initialState(named('r', 'p'), 9)];
    expect(a.get('p')).toEqual(b.get('p'));
    expect(a.get('r')).toEqual(b.get('r'));
    expect(a.get('p')!.data).not.toEqual(a.get('q')!.data);
    expect(initialState(named('p'), 10).get('p')!.data).not.toEqual(a.get('p')!.data);
  });

  test('a copy may be asked for before its source exists', () => {
    const traced = program((s) => {
      s.at('b').startingFrom(s.at('a')).param('w', [4], init.normal(1));
      s.at('a').param('w', [4], init.normal(1));
    });
    const state = initialState(traced, 0);
    expect(state.get('b.w')!.data).toEqual(state.get('a.w')!.data);
  });
});

test('a variable that nothing is assigned to stays, one that is assigned moves', async () => {
  const { state } = await runOnce((s) => {
    const [a, b] = [s.param('a', [1], init.ones), s.param('b', [1], init.ones)];
    assign(s.parameters[0]!, a.add(b));
    return { sum: a.add(b) };
  });
  expect([numbersOf(state.get('a')!), numbersOf(state.get('b')!)]).toEqual([[2], [1]]);
});
