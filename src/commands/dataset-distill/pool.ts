import { int32, type NdArray } from '../../core/array.js';
import { compile, type CompileOptions, type Executable } from '../../core/engine/index.js';
import { DivergedError } from '../../core/errors.js';
import { initialState, type StepProgram } from '../../core/nn/index.js';
import { stream } from '../../core/random.js';
import type { State } from '../../core/train/index.js';

export interface PoolOptions {
  /** Models l. */
  readonly poolSize: number;
  /** Steps T after which a model is replaced. */
  readonly poolSteps: number;
  /** `sticky`: a replaced model's steps are not counted from 0 again, so each draw replaces it (the published code). */
  readonly poolReset: 'counter' | 'sticky';
  readonly ridge: number;
}

const SYNTHETIC = ['synthetic.images', 'synthetic.targets'] as const;

/**
 * KRR-ST's outer step and the pool of models that it draws from. `outer` reads a model's `model.encoder.*` and learns
 * `synthetic.images` and `synthetic.targets`; `inner` trains a model on them. `run` takes the model's number as input `slot`.
 * Models live on the host between their turns, so memory does not depend on how many steps are done.
 */
export class Pool implements Executable {
  private readonly outer: Executable;
  private readonly inner: Executable;
  private models: State[] = [];
  /** Of every model: its steps so far, and how often it has been replaced. */
  private steps = new Int32Array();
  private generations = new Int32Array();

  constructor(
    programs: { readonly outer: StepProgram; readonly inner: StepProgram },
    private readonly o: PoolOptions, private readonly seed: number, options: CompileOptions,
  ) {
    this.outer = compile(programs.outer, options);
    this.inner = compile(programs.inner, options);
    this.innerProgram = programs.inner;
    this.kept = [...programs.outer.variables.keys()].filter((name) => !/^(model|target)\./.test(name));
  }

  private readonly innerProgram: StepProgram;
  /** What the outer step learns and needs again: neither the teacher nor a model. */
  private readonly kept: readonly string[];

  get device() {
    return this.outer.device;
  }

  /** Gives the outer program values that no checkpoint has to keep: the teacher's weights. */
  setFixed(values: State): void {
    this.outer.setState(values);
  }

  /** Models with random weights, trained for 1 to T - 1 steps each; false where `shouldStop` cut it short. */
  async warmUp(synthetic: State, shouldStop: () => boolean, onStep: (done: number, of: number) => void): Promise<boolean> {
    const { poolSize, poolSteps } = this.o;
    this.generations = new Int32Array(poolSize);
    this.steps = Int32Array.from({ length: poolSize },
      (_, slot) => 1 + stream(this.seed, 'pool warm-up', slot).int(Math.max(1, poolSteps - 1)));
    const total = this.steps.reduce((a, b) => a + b, 0);
    let done = 0;
    for (let slot = 0; slot < poolSize; slot++) {
      this.models[slot] = this.fresh(slot);
      this.inner.setState(this.models[slot]!);
      for (let k = 0; k < this.steps[slot]!; k++) {
        await this.inner.run(feedsOf(synthetic));
        onStep(++done, total);
        if (shouldStop()) return false;
      }
      this.models[slot] = this.inner.getState();
    }
    return true;
  }

  async run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    const slot = Number(feeds.slot!.data[0]);
    this.outer.setState(this.models[slot]!);
    const outputs = await this.outer.run(feeds);
    const [loss, lambda] = [outputs.loss!, outputs.lambda!].map(({ data }) => Number(data[0]));
    if (!Number.isFinite(loss) && Number.isFinite(lambda)) {
      throw new DivergedError(`the kernel of the synthetic examples is singular with --ridge ${this.o.ridge}, which makes lambda `
        + `${lambda!.toPrecision(3)}; give a larger --ridge, such as 1e-6`);
    }
    if (this.steps[slot]! >= this.o.poolSteps) {
      this.generations[slot]! += 1;
      if (this.o.poolReset === 'counter') this.steps[slot] = 0;
      this.models[slot] = this.fresh(slot);
    } else {
      this.inner.setState(this.models[slot]!);
      await this.inner.run(feedsOf(this.outer.getState(SYNTHETIC)));
      this.models[slot] = this.inner.getState();
      this.steps[slot]! += 1;
    }
    return outputs;
  }

  runSync(): never {
    throw new Error('a step of the pool is two programs; use run');
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    this.outer.setState(values);
    if (!values.has('pool.steps')) return;
    this.steps = Int32Array.from(values.get('pool.steps')!.data as Int32Array);
    this.generations = Int32Array.from(values.get('pool.generations')!.data as Int32Array);
    this.models = Array.from(this.steps, (_, slot) => {
      const prefix = `pool.${slot}.`;
      const own = [...values].filter(([name]) => name.startsWith(prefix));
      return new Map(own.map(([name, value]) => [name.slice(prefix.length), value]));
    });
  }

  getState(names: readonly string[] = this.kept): State {
    const state = this.outer.getState(names);
    if (names !== this.kept) return state;
    state.set('pool.steps', int32([this.steps.length], this.steps.slice()));
    state.set('pool.generations', int32([this.generations.length], this.generations.slice()));
    this.models.forEach((model, slot) => {
      for (const [name, value] of model) state.set(`pool.${slot}.${name}`, value);
    });
    return state;
  }

  dispose(): void {
    this.outer.dispose();
    this.inner.dispose();
  }

  /** Random weights and an optimiser that remembers nothing; every model and every replacement its own. */
  private fresh(slot: number): State {
    return initialState(this.innerProgram, stream(this.seed, `pool ${slot}`, this.generations[slot]).int(2 ** 31));
  }
}

const feedsOf = (synthetic: State) => ({ images: synthetic.get(SYNTHETIC[0])!, targets: synthetic.get(SYNTHETIC[1])! });
