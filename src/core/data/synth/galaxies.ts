import { ndarray } from '../../array.js';
import { stream, type Stream } from '../../random.js';
import type { ImageSet } from '../images.js';
import { columnNames, parseQuestions, type Question } from '../questions.js';
import { drawGalaxy, EDGE_ON, type Morphology } from './galaxy-picture.js';
import { checkShare, checkWhole, splitBy } from './images.js';

export interface SynthGalaxiesOptions {
  readonly count: number;
  /** Height and width in pixels, at least 16. */
  readonly size?: number;
  readonly seed: number;
  /** Shares of train, validation and test; left out: no splits. */
  readonly split?: readonly [number, number, number];
  /** Share of the questions, drawn for each image, that nobody was asked. */
  readonly unasked?: number;
  /** Share of the images about which nobody was asked anything. */
  readonly unlabelled?: number;
}

/** What volunteers are asked, after Galaxy Zoo DECaLS (Walmsley et al. 2022): later questions only where they make sense. */
export const GALAXY_QUESTIONS: readonly Question[] = parseQuestions([
  { name: 'smooth-or-featured', answers: ['smooth', 'featured', 'artifact'] },
  { name: 'disk-edge-on', answers: ['yes', 'no'], parents: ['smooth-or-featured_featured'] },
  { name: 'bar', answers: ['strong', 'weak', 'no'], parents: ['disk-edge-on_no'] },
  { name: 'spiral-arms', answers: ['yes', 'no'], parents: ['disk-edge-on_no'] },
  { name: 'arm-count', answers: ['1', '2', '3', '4', 'more'], parents: ['spiral-arms_yes'] },
  { name: 'winding', answers: ['tight', 'medium', 'loose'], parents: ['spiral-arms_yes'] },
  { name: 'bulge-size', answers: ['large', 'moderate', 'small', 'none'], parents: ['disk-edge-on_no'] },
  { name: 'how-rounded', answers: ['round', 'in-between', 'cigar'], parents: ['smooth-or-featured_smooth'] },
  { name: 'merging', answers: ['yes', 'no'], parents: ['smooth-or-featured_smooth', 'smooth-or-featured_featured'] },
], 'questions about galaxies');

/**
 * Galaxies with simulated volunteers, for methods that learn from votes: uint8 [count, 3, size, size], `votes` over
 * GALAXY_QUESTIONS, and as the label whether there is a ring, which no question asks. About half of the discs have one.
 *
 * 20 to 40 volunteers see each image. Everybody answers the first question, and the later ones who gave an answer that leads
 * to them. Their answers scatter around the truth by a Dirichlet-multinomial distribution: a faint bar is seen by some. Image
 * and votes of number i depend on (seed, i, size) only. Throws InputError for counts, sizes and shares out of range.
 */
export function synthGalaxies(options: SynthGalaxiesOptions): ImageSet {
  const { count, size = 64, seed, split, unasked = 0, unlabelled = 0 } = options;
  checkWhole('the number of images', count, 1, 10_000_000);
  checkWhole('the image size', size, 16, 4096);
  checkShare('the share of questions that are not asked', unasked);
  checkShare('the share of images without votes', unlabelled);
  const pixels = 3 * size * size;
  const answers = GALAXY_QUESTIONS.at(-1)!.end + 1;
  const data = new Uint8Array(count * pixels);
  const counts = new Int32Array(count * answers);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const galaxy = drawMorphology(stream(seed, 'synth/galaxies', i));
    labels[i] = galaxy.ring > 0 ? 1 : 0;
    drawGalaxy(galaxy, size, stream(seed, 'synth/galaxies picture', i), data.subarray(i * pixels, (i + 1) * pixels));
    const votes = counts.subarray(i * answers, (i + 1) * answers);
    votes.set(drawVotes(answerProbabilities(galaxy), stream(seed, 'synth/galaxies votes', i)));
    withhold(votes, { unasked, unlabelled }, stream(seed, 'synth/galaxies withheld', i));
  }
  return {
    images: ndarray('uint8', [count, 3, size, size], data),
    labels, classes: ['no ring', 'ring'],
    votes: { counts: ndarray('int32', [count, answers], counts), questions: GALAXY_QUESTIONS },
    ...(split && { split: splitBy(split, count) }),
    skipped: [],
  };
}

/** Every draw is made for every kind, so that what a galaxy is does not shift what it looks like. */
function drawMorphology(random: Stream): Morphology {
  const which = random.next();
  const kind = which < 0.24 ? 'smooth' : which < 0.96 ? 'disc' : 'artifact';
  const edgeOn = random.next() < 0.14;
  const roundness = random.between(0.4, 1);
  const inclination = random.between(0.35, 1);
  const thinness = random.between(0.08, 0.9 * EDGE_ON);
  const feature = (share: number): number => {
    const strength = random.between(0.35, 1);
    return random.next() < share ? strength : 0;
  };
  const [bar, arms, ring] = [feature(0.4), feature(0.65), feature(0.55)];
  const [bulge, pitch] = [random.between(0, 0.6), random.between(8, 34)];
  const armCount = [1, 2, 2, 2, 3, 4, 5][random.int(7)]!;
  const merging = random.next() < 0.1;
  const disc = kind === 'disc';
  const open = disc && !edgeOn;
  return {
    kind, merging: merging && kind !== 'artifact', bulge, pitch, armCount,
    axisRatio: disc ? (edgeOn ? thinness : inclination) : roundness,
    bar: open ? bar : 0, arms: open ? arms : 0, ring: open ? ring : 0,
  };
}

/** What a crowd without end would answer: the probability of each answer, by question. */
export function answerProbabilities(galaxy: Morphology): Readonly<Record<string, readonly number[]>> {
  const { kind, axisRatio, bulge, bar, arms, ring, armCount, pitch, merging } = galaxy;
  const edgeOn = kind === 'disc' && axisRatio < EDGE_ON;
  const visible = edgeOn ? 0.75 : 1 - (1 - 0.8 * arms) * (1 - 0.6 * bar) * (1 - 0.6 * ring);
  const featured = kind === 'disc' ? 0.25 + 0.65 * visible : kind === 'smooth' ? 0.1 : 0.3;
  const artifact = kind === 'artifact' ? 0.88 : 0.03;
  const spiral = arms > 0 ? 0.55 + 0.4 * arms : 0.1 + 0.15 * ring;
  return {
    'smooth-or-featured': [(1 - artifact) * (1 - featured), (1 - artifact) * featured, artifact],
    'disk-edge-on': yesNo(edgeOn ? 0.92 : 0.04),
    // Thresholds of the neighbouring answers, from the first to the last.
    bar: ordered(1 - bar, [0.4, 0.75], 0.1),
    'spiral-arms': yesNo(spiral),
    'arm-count': ordered(armCount, [1.5, 2.5, 3.5, 4.5], 0.2),
    winding: ordered(pitch, [15, 24], 2.5),
    'bulge-size': ordered(1 - bulge, [0.55, 0.75, 0.95], 0.05),
    'how-rounded': ordered(1 - axisRatio, [0.2, 0.5], 0.07),
    merging: yesNo(merging ? 0.8 : 0.05),
  };
}

const yesNo = (yes: number): number[] => [yes, 1 - yes];

/** Probabilities of answers that lie in a row, each between two thresholds that people see blurred by `width`. */
function ordered(value: number, thresholds: readonly number[], width: number): number[] {
  const below = [0, ...thresholds.map((threshold) => 1 / (1 + Math.exp((value - threshold) / width))), 1];
  return below.slice(1).map((p, i) => p - below[i]!);
}

/** How much one image's volunteers agree beyond what the truth says: the sum of the Dirichlet distribution's parameters. */
const CONCENTRATION = 12;

/** Votes for all answers, in the columns of GALAXY_QUESTIONS. */
function drawVotes(probabilities: Readonly<Record<string, readonly number[]>>, random: Stream): Int32Array {
  const votes = new Int32Array(GALAXY_QUESTIONS.at(-1)!.end + 1);
  const columns = columnNames(GALAXY_QUESTIONS);
  const volunteers = 20 + random.int(21);
  for (const { name, start, parents } of GALAXY_QUESTIONS) {
    const asked = parents.length === 0 ? volunteers : parents.reduce((sum, parent) => sum + votes[columns.indexOf(parent)]!, 0);
    votes.set(drawDirichletMultinomial(probabilities[name]!.map((p) => CONCENTRATION * p), asked, random), start);
  }
  return votes;
}

/** `n` votes by Polya's urn: an answer's chance is its parameter plus the votes that it has already. */
function drawDirichletMultinomial(parameters: readonly number[], n: number, random: Stream): Int32Array {
  const votes = new Int32Array(parameters.length);
  const total = parameters.reduce((sum, parameter) => sum + parameter, 0);
  for (let given = 0; given < n; given++) {
    let left = random.between(0, total + given);
    let answer = 0;
    while (answer < votes.length - 1 && left >= parameters[answer]! + votes[answer]!) {
      left -= parameters[answer]! + votes[answer]!;
      answer++;
    }
    votes[answer]!++;
  }
  return votes;
}

/** Sets the votes of questions to zero that nobody was asked about this image. */
function withhold(votes: Int32Array, { unasked, unlabelled }: { unasked: number; unlabelled: number }, random: Stream): void {
  if (random.next() < unlabelled) votes.fill(0);
  for (const { start, end } of GALAXY_QUESTIONS) if (random.next() < unasked) votes.fill(0, start, end + 1);
}
