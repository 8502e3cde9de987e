import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { columnNames } from '../../../../src/core/data/questions.js';
import { answerProbabilities, GALAXY_QUESTIONS, synthGalaxies } from '../../../../src/core/data/synth/galaxies.js';
import { drawGalaxy, type Morphology } from '../../../../src/core/data/synth/galaxy-picture.js';
import { InputError } from '../../../../src/core/errors.js';
import { stream } from '../../../../src/core/random.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const columns = columnNames(GALAXY_QUESTIONS);
const width = columns.length;
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
const mean = (values: ArrayLike<number>): number => sum(values) / values.length;

const few = synthGalaxies({ count: 400, size: 16, seed: 1, split: [0.7, 0.1, 0.2] });
const votesOf = ({ votes }: typeof few, i: number) => votes!.counts.data.subarray(i * width, (i + 1) * width);
const asked = (votes: Int32Array): number[] => GALAXY_QUESTIONS.map(({ start, end }) => sum(votes.subarray(start, end + 1)));

describe('synthGalaxies', () => {
  it('gives images, rings as labels, splits, and votes with their questions', () => {
    expect(few.images.shape).toEqual([400, 3, 16, 16]);
    expect(few.classes).toEqual(['no ring', 'ring']);
    expect(mean(few.labels!)).toBeGreaterThan(0.25);
    expect(mean(few.labels!)).toBeLessThan(0.45);
    expect([few.split![279], few.split![280], few.split![319], few.split![320]]).toEqual([0, 1, 1, 2]);
    expect(few.votes!.counts.shape).toEqual([400, 27]);
    expect(columns.some((name) => name.includes('ring'))).toBe(false);
  });

  it('depends on seed and number only: larger sets start with smaller ones, who was asked changes no image', () => {
    const [a, b] = [synthGalaxies({ count: 5, size: 16, seed: 1 }), synthGalaxies({ count: 5, size: 16, seed: 1, unasked: 0.7 })];
    expect(sha256(a.images.data)).toBe('fe477d21c2fe43a71e72a7dfade95740e1514c27b2db6a469f6974aebe18ac43');
    expect(a.images.data).toEqual(few.images.data.subarray(0, a.images.data.length));
    expect(a.votes!.counts.data).toEqual(few.votes!.counts.data.subarray(0, 5 * width));
    expect(b.images.data).toEqual(a.images.data);
    expect(synthGalaxies({ count: 5, size: 16, seed: 2 }).images.data).not.toEqual(a.images.data);
  });

  it('asks 20 to 40 volunteers, and later questions only those whose answer leads there', () => {
    for (let i = 0; i < 400; i++) {
      const votes = votesOf(few, i);
      asked(votes).forEach((n, q) => {
        const { parents } = GALAXY_QUESTIONS[q]!;
        if (parents.length === 0) expect(n >= 20 && n <= 40).toBe(true);
        else expect(n).toBe(sum(parents.map((parent) => votes[columns.indexOf(parent)]!)));
      });
    }
  });

  it('withholds the given shares of questions and images', () => {
    const set = synthGalaxies({ count: 1000, size: 16, seed: 3, unasked: 0.7, unlabelled: 0.5 });
    const whole = synthGalaxies({ count: 1000, size: 16, seed: 3 });
    const root = Array.from({ length: 1000 }, (_, i) => (asked(votesOf(set, i))[0]! > 0 ? 1 : 0));
    expect(Math.abs(mean(root) - 0.15)).toBeLessThan(0.04);
    const silent = Array.from({ length: 1000 }, (_, i) => (sum(votesOf(set, i)) === 0 ? 1 : 0));
    expect(Math.abs(mean(silent) - 0.52)).toBeLessThan(0.05);
    set.votes!.counts.data.forEach((n, at) => expect(n === 0 || n === whole.votes!.counts.data[at]).toBe(true));
  });

  it('draws votes that scatter more than independent volunteers would, as one crowd of a Dirichlet distribution does', () => {
    // Two answers with probabilities p and 1 - p: the variance of a share exceeds p (1 - p) / n by 1 + (n - 1) / 13.
    const { start } = GALAXY_QUESTIONS.find(({ name }) => name === 'merging')!;
    const ratios: number[] = [];
    for (let i = 0; i < 400; i++) {
      const n = asked(votesOf(few, i)).at(-1)!;
      const p = 0.05;
      const share = votesOf(few, i)[start]! / n;
      if (n > 10 && share < 0.5) ratios.push(((share - p) ** 2) / ((p * (1 - p) / n) * (1 + (n - 1) / 13)));
    }
    expect(ratios.length).toBeGreaterThan(250);
    expect(mean(ratios)).toBeGreaterThan(0.75);
    expect(mean(ratios)).toBeLessThan(1.25);
  });

  it('refuses counts, sizes and shares out of range', () => {
    for (const bad of [{ count: 0 }, { size: 8 }, { unasked: 1.5 }, { unlabelled: -0.1 }, { split: [0.5, 0, 0.6] as const }]) {
      expect(() => synthGalaxies({ count: 1, seed: 0, ...bad })).toThrow(InputError);
    }
  });
});

const PLAIN: Morphology = {
  kind: 'disc', axisRatio: 0.9, bulge: 0.2, bar: 0, arms: 0, ring: 0, armCount: 2, pitch: 18, merging: false,
};
const likeliest = (galaxy: Morphology, question: string): string => {
  const p = answerProbabilities(galaxy)[question]!;
  return GALAXY_QUESTIONS.find(({ name }) => name === question)!.answers[p.indexOf(Math.max(...p))]!;
};

describe('answerProbabilities', () => {
  it('sum to 1 for every question', () => {
    const others = [{ kind: 'smooth' as const }, { kind: 'artifact' as const }, { axisRatio: 0.1 }, { bar: 1, arms: 1, ring: 1 }];
    for (const features of [{}, ...others]) {
      const answers = answerProbabilities({ ...PLAIN, ...features });
      for (const { name } of GALAXY_QUESTIONS) expect(sum(answers[name]!)).toBeCloseTo(1, 12);
    }
  });

  it.each([
    [{ arms: 1 }, 'smooth-or-featured', 'featured'], [{ kind: 'smooth' as const }, 'smooth-or-featured', 'smooth'],
    [{ kind: 'artifact' as const }, 'smooth-or-featured', 'artifact'],
    [{ axisRatio: 0.1 }, 'disk-edge-on', 'yes'], [{}, 'disk-edge-on', 'no'],
    [{ bar: 1 }, 'bar', 'strong'], [{ bar: 0.4 }, 'bar', 'weak'], [{}, 'bar', 'no'],
    [{ arms: 0.9 }, 'spiral-arms', 'yes'], [{}, 'spiral-arms', 'no'],
    [{ armCount: 1 }, 'arm-count', '1'], [{ armCount: 3 }, 'arm-count', '3'], [{ armCount: 5 }, 'arm-count', 'more'],
    [{ pitch: 9 }, 'winding', 'tight'], [{ pitch: 20 }, 'winding', 'medium'], [{ pitch: 33 }, 'winding', 'loose'],
    [{ bulge: 0.6 }, 'bulge-size', 'large'], [{ bulge: 0.35 }, 'bulge-size', 'moderate'], [{ bulge: 0 }, 'bulge-size', 'none'],
    [{ axisRatio: 0.95 }, 'how-rounded', 'round'], [{ axisRatio: 0.4 }, 'how-rounded', 'cigar'],
    [{ merging: true }, 'merging', 'yes'], [{}, 'merging', 'no'],
  ])('of %j to %s: %s first', (features, question, answer) => {
    expect(likeliest({ ...PLAIN, ...features }, question)).toBe(answer);
  });
});

describe('drawGalaxy', () => {
  const SIZE = 48;
  const draw = (features: Partial<Morphology>, seed: number): Float64Array => {
    const area = SIZE * SIZE;
    const out = new Uint8Array(3 * area);
    drawGalaxy({ ...PLAIN, ...features }, SIZE, stream(seed, 'test'), out);
    return Float64Array.from({ length: area }, (_, at) => (out[at]! + out[area + at]! + out[2 * area + at]!) / 3);
  };

  it('adds a ring of light, and nothing else, where there is one', () => {
    for (let seed = 0; seed < 5; seed++) {
      const [with_, without] = [draw({ ring: 1, axisRatio: 1 }, seed), draw({ axisRatio: 1 }, seed)];
      const gain = with_.map((v, at) => v - without[at]!);
      const offset = (i: number) => (2 * i + 1) / SIZE - 1;
      const radius = gain.map((_, at) => Math.hypot(offset(at % SIZE), offset(Math.floor(at / SIZE))));
      const within = (low: number, high: number) => mean(gain.filter((_, at) => radius[at]! >= low && radius[at]! < high));
      expect(within(0, 0.12)).toBeLessThan(2);
      expect(within(0.25, 0.75)).toBeGreaterThan(6);
      expect(within(0.95, 1.4)).toBeLessThan(2);
    }
  });

  it('flattens what is seen inclined', () => {
    /** Shortest over longest extent, from the second moments of the brighter light. */
    const flattening = (axisRatio: number): number => {
      const light = draw({ axisRatio }, 4).map((v) => Math.max(0, v - 60));
      let [xx, yy, xy] = [0, 0, 0];
      light.forEach((v, at) => {
        const [x, y] = [(at % SIZE) - SIZE / 2, Math.floor(at / SIZE) - SIZE / 2];
        [xx, yy, xy] = [xx + v * x * x, yy + v * y * y, xy + v * x * y];
      });
      const root = Math.hypot(xx - yy, 2 * xy);
      return Math.sqrt((xx + yy - root) / (xx + yy + root));
    };
    expect(flattening(1)).toBeGreaterThan(0.85);
    expect(flattening(0.4)).toBeLessThan(0.6);
    expect(flattening(0.1)).toBeLessThan(0.5);
  });
});
