#!/usr/bin/env bash
# What do votes on other questions do for a label that few images have? Drawn galaxies, of which half have votes of volunteers on a
# third of the questions; the label is whether there is a ring, which nobody was asked. With 10, 25 and 50 labels: the encoder
# trained directly, and pretrained on the images (BYOL), on the votes, and on both (hybrid BYOL, Walmsley et al. 2022), probed as it
# is and fine-tuned. Intervals are Student's over seeds, each the mean over draws of labels. About 20 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/hybrid}
SEEDS=${SEEDS:-0 1 2}
COUNT=${COUNT:-6000}
SIZE=${SIZE:-32}
WIDTH=${WIDTH:-16}
EPOCHS=${EPOCHS:-12}
LABELS=${LABELS:-10,25,50}
DRAWS=${DRAWS:-20}
TUNE_DRAWS=${TUNE_DRAWS:-5}
TUNE_STEPS=${TUNE_STEPS:-150}
JOBS=${JOBS:-2}
byo() { node bin/byo.js "$@"; }
rm -rf "$OUT/scores" "$OUT/models"
mkdir -p "$OUT/scores" "$OUT/models"
byo synth galaxies --count "$COUNT" --size "$SIZE" --validation 0.08 --test 0.25 -o "$OUT/galaxies.st" --force

# SEED NAME: fine-tunes the encoder of a model; NAME direct: from random weights
tune() {
  local seed=$1 name=$2 model=$OUT/models/$2-$1.st
  [ "$name" = direct ] && set -- "$@" --untrained && model=$OUT/models/byol-$seed.st
  byo probe fewshot "$OUT/galaxies.st" --model "$model" --finetune --flips all --counts "$LABELS" --draws "$TUNE_DRAWS" \
    --steps "$TUNE_STEPS" --lrs 1e-3,3e-3 --seed "$seed" --threads 1 --quiet --json "${@:3}" > "$OUT/scores/$name-tuned-$seed.jsonl"
}

# SEED NAME OPTIONS: pretrains, probes frozen features, fine-tunes
run() {
  local seed=$1 name=$2
  byo pretrain hybrid "$OUT/galaxies.st" --preset tiny --width "$WIDTH" --epochs "$EPOCHS" --seed "$seed" --threads 1 --quiet \
    --log "$OUT/models/$name-$seed.jsonl" -o "$OUT/models/$name-$seed.st" --force "${@:3}"
  byo embed --model "$OUT/models/$name-$seed.st" "$OUT/galaxies.st" --threads 1 --quiet |
    byo probe fewshot --counts "$LABELS" --classifier logistic --draws "$DRAWS" --seed "$seed" --threads 1 --quiet --json \
      > "$OUT/scores/$name-frozen-$seed.jsonl"
  tune "$seed" "$name"
  # It needs a model for the kind of encoder, but none of its weights.
  if [ "$name" = byol ]; then tune "$seed" direct; fi
}
export OUT WIDTH EPOCHS LABELS DRAWS TUNE_DRAWS TUNE_STEPS
export -f byo run tune
start=$SECONDS
for seed in $SEEDS; do
  printf '%s\n' "$seed hybrid${*:+ $*}" "$seed byol --sup-weight 0${*:+ $*}" "$seed votes --sup-weight 1e6${*:+ $*}"
done | xargs -P "$JOBS" -L 1 bash -c 'set -euo pipefail; run "$@"' _
echo "training and probing took $((SECONDS - start)) s"

node --input-type=module - "$OUT/scores" $SEEDS <<'END'
  import { readFileSync } from 'node:fs';
  import { readArtifact } from './dist/core/files/artifact.js';
  import { seedInterval } from './dist/core/stats/intervals.js';
  const [scores, ...seeds] = process.argv.slice(2);
  const read = (name, seed) => readFileSync(`${scores}/${name}-${seed}.jsonl`, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const points = (x) => (100 * x).toFixed(1);
  const interval = (values) => {
    if (values.length < 2) return `${points(values[0])} (one seed)`;
    const { estimate, low, high } = seedInterval(values, 0.95);
    return `${points(estimate)} (${points(low)} .. ${points(high)})`;
  };
  const { tensors } = await readArtifact(`${scores}/../galaxies.st`);
  const [labels, split] = ['labels', 'split'].map((name) => tensors.get(name).data);
  const test = Array.from(labels).filter((_, i) => split[i] === 2);
  const rings = test.reduce((a, b) => a + b, 0) / test.length;
  console.log(`accuracy of "is there a ring" on ${test.length} test images; ${points(Math.max(rings, 1 - rings))} without looking`);
  const names = ['direct-tuned', 'byol-frozen', 'votes-frozen', 'hybrid-frozen', 'byol-tuned', 'votes-tuned', 'hybrid-tuned'];
  const runs = Object.fromEntries(names.map((name) => [name, seeds.map((seed) => read(name, seed))]));
  const counts = runs[names[0]][0].map(({ chosen }) => chosen.labels);
  const row = (title, cell) => console.log(title.padEnd(32), counts.map((_, i) => cell(i).padEnd(24)).join(''));
  row('labels', (i) => String(counts[i]));
  for (const name of names) row(name, (i) => interval(runs[name].map((seed) => seed[i].value)));
  console.log('differences, paired by seed, in points:');
  for (const [better, base] of [
    ['hybrid-frozen', 'direct-tuned'], ['hybrid-frozen', 'byol-frozen'], ['hybrid-frozen', 'votes-frozen'],
    ['hybrid-tuned', 'direct-tuned'], ['hybrid-tuned', 'byol-tuned'], ['hybrid-tuned', 'votes-tuned'], ['byol-tuned', 'direct-tuned'],
  ]) row(`${better} - ${base}`, (i) => interval(seeds.map((_, s) => runs[better][s][i].value - runs[base][s][i].value)));
END
