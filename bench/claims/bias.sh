#!/usr/bin/env bash
# Why KRR-ST's inner problem is a regression without augmentation (Lee et al. 2024, section 3): the gradient of a self-supervised outer
# loss with respect to synthetic images, through an inner step on sampled augmentations, is biased, and more samples do not help; with
# the mean squared error there is nothing to sample. First on theta = x (1 + xi), L = theta^2 / 2, whose mean gradient is x (1 + s^2)
# where that of the expected inner problem is x. Then on images: a layer of 64 ReLU units, one unrolled step of Barlow Twins on 32
# synthetic images, and as the outer loss Barlow Twins on fixed views of 64 real ones. Augmentations are drawn from a finite set, so that the
# expected inner problem and the mean of the sampled gradients are sums, with no error of their own. Takes about a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
AUGMENTATIONS=${AUGMENTATIONS:-400}
RATES=${RATES:-0.03,0.1,0.3}
SEED=${SEED:-0}
node --input-type=module - "$AUGMENTATIONS" "$RATES" "$SEED" <<'JS'
import { float32 } from './dist/core/array.js';
import { augment, BARLOW_TWINS_VIEWS, declarePlan, normalize, planInputs, planView } from './dist/core/data/augment/index.js';
import { gatherImages } from './dist/core/data/batches.js';
import { synthImages } from './dist/core/data/synth/images.js';
import { compile } from './dist/core/engine/index.js';
import { flatten, grad, input, matmul, relu, trace } from './dist/core/graph/index.js';
import { barlowTwinsLoss, meanSquaredError } from './dist/core/losses/index.js';
import { stream } from './dist/core/random.js';

const [count, rates, seed] = [Number(process.argv[2]), process.argv[3].split(',').map(Number), Number(process.argv[4])];
const mean = (vectors) => vectors[0].map((_, i) => vectors.reduce((total, v) => total + v[i], 0) / vectors.length);
const norm = (v) => Math.hypot(...v);
const distance = (a, b) => norm(a.map((x, i) => x - b[i]));
const percent = (share) => `${(100 * share).toFixed(2).padStart(7)} %`;

// --- theta = x (1 + xi)
const [x, s] = [1.5, 0.5];
console.log(`x = ${x}, s = ${s}: gradient of the expected inner problem ${x}, mean of sampled gradients x (1 + s^2) = ${x * (1 + s * s)}`);
const random = stream(seed, 'toy');
let [sum, drawn] = [0, 0];
for (const samples of [100, 10_000, 1_000_000]) {
  for (; drawn < samples; drawn++) sum += x * (1 + s * random.normal(1)[0]) ** 2;
  console.log(`  ${String(samples).padStart(8)} samples: ${(sum / samples).toFixed(4)}, bias ${((sum / samples) - x).toFixed(4)}`);
}

// --- one step of a layer on synthetic images
const [m, n, units, side] = [32, 64, 64, 8];
const dims = (batch) => ({ batch, channels: 3, height: side, width: side, size: side });
const statistics = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const pixels = 3 * side * side;
const { images } = synthImages({ count: m + n, size: side, classes: 10, seed });
const rows = (from, to) => gatherImages(images, Array.from({ length: to - from }, (_, i) => from + i));
const fed = {
  synthetic: rows(0, m), real: rows(m, m + n),
  weights: float32([units, pixels], stream(seed, 'weights').normal(units * pixels, 0, Math.sqrt(2 / pixels))),
  targets: float32([m, units], stream(seed, 'targets').normal(m * units)), wanted: float32([n, units], stream(seed, 'wanted').normal(n * units)),
};
const plans = (batch, name, k) => Object.assign({}, ...BARLOW_TWINS_VIEWS.map((view, i) =>
  planInputs(`${name}${i}`, planView(view, dims(batch), stream(seed, `${name}${i}`, k)))));
const outerViews = plans(n, 'outer', 0);
const augmentations = Array.from({ length: count }, (_, k) => plans(m, 'inner', k));

const layer = (w, images) => relu(matmul(flatten(normalize(images, statistics)), w, { tb: true }));
const views = (images, name) => BARLOW_TWINS_VIEWS.map((view, i) => augment(images, declarePlan(`${name}${i}`, view, dims(images.shape[0])), view));
const selfSupervised = (w, images, name) => barlowTwinsLoss(...views(images, name).map((view) => layer(w, view)), 0.0051).loss.mul(1 / units);
const regression = (w, images, targets) => meanSquaredError(layer(w, images), targets);

/** A program of inputs by name, run on arrays; the outputs of every run. */
function program(outputs) {
  const built = trace(() => {
    const named = {
      synthetic: input('synthetic', [m, 3, side, side]), real: input('real', [n, 3, side, side]), weights: input('weights', [units, pixels]),
      after: input('after', [units, pixels]), slope: input('slope', [units, pixels]), rate: input('rate', []),
      targets: input('targets', [m, units]), wanted: input('wanted', [n, units]),
    };
    const results = outputs(named);
    const used = [...named.synthetic.trace.nodes].filter(({ op }) => op === 'input');
    return { name: 'bias', inputs: used, state: [], outputs: new Map(Object.entries(results)) };
  });
  const executable = compile(built, { threads: 1 });
  const nothing = { after: fed.weights, slope: fed.weights, rate: float32([], [0]) };
  return async (more) => {
    const results = await executable.run({ ...fed, ...nothing, ...more });
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data)]));
  };
}

/**
 * E[d L_out(W - rate dL_in(W; xi)) / dX] against the same with the expectation of dL_in, over all augmentations xi, with the losses' gradients
 * by reverse-mode differentiation, twice.
 */
async function bias(name, inner, outer, rate, sampled) {
  const step = ({ weights, synthetic, targets, rate: by }) => {
    const loss = inner(weights, synthetic, targets);
    const [slope] = grad(loss, [weights]);
    return { loss, slope, after: weights.sub(slope.mul(by)) };
  };
  const sample = program((named) => {
    const { loss, after } = step(named);
    return { loss, after, gradient: grad(outer(after, named), [named.synthetic])[0] };
  });
  const slopeAt = program((named) => ({ slope: grad(outer(named.after, named), [named.after])[0] }));
  const through = program((named) => ({ gradient: grad(step(named).slope.mul(named.slope).sum().mul(named.rate).neg(), [named.synthetic])[0] }));

  const given = { rate: float32([], [rate]), ...outerViews };
  const runs = [];
  for (const plan of sampled) runs.push(await sample({ ...given, ...plan }));
  const after = float32([units, pixels], mean(runs.map((run) => run.after)));
  const slope = float32([units, pixels], (await slopeAt({ ...given, after })).slope);
  const expected = [];
  for (const plan of sampled) expected.push((await through({ ...given, ...plan, slope })).gradient);
  let falls = 0;
  for (const plan of sampled) falls += (await sample({ ...given, ...plan, weights: after })).loss[0] / sampled.length;
  const truth = mean(expected);
  const gradients = runs.map((run) => run.gradient);
  const average = mean(gradients);

  const [start] = mean(runs.map((run) => run.loss));
  console.log(`${name}, rate ${rate}: the inner loss goes from ${start.toFixed(4)} to ${falls.toFixed(4)}`);
  const random = stream(seed, 'samples');
  for (const samples of sampled.length > 1 ? [1, 10, 100, 1000, 10_000, 100_000] : [1]) {
    const total = new Float64Array(truth.length);
    for (let k = 0; k < samples; k++) gradients[random.int(gradients.length)].forEach((v, i) => { total[i] += v / samples; });
    console.log(`  mean of ${String(samples).padStart(7)} samples: error ${percent(distance(total, truth) / norm(truth))} of the gradient of the `
      + `expected inner problem, of which sampling ${percent(distance(total, average) / norm(truth))}`);
  }
  const share = distance(average, truth) / norm(truth);
  console.log(`  bias (the mean of all augmentations): ${percent(share)}${share === 0 ? ', exactly' : ''}`);
}

const outerSelf = (w, { real }) => selfSupervised(w, real, 'outer');
const outerRegression = (w, { real, wanted }) => regression(w, real, wanted);
for (const rate of rates) await bias('Barlow Twins', (w, images) => selfSupervised(w, images, 'inner'), outerSelf, rate, augmentations);
const augmented = (w, images, targets) => regression(w, views(images, 'inner')[0], targets);
await bias('mean squared error on augmented images', augmented, outerRegression, 1, augmentations);
await bias('mean squared error, as in KRR-ST', regression, outerRegression, 1, [{}]);
JS
