#!/usr/bin/env bash
# Does BYOL-A learn more about words and voices than its encoder knows before training, and than log-mel statistics say? 2,400 spoken
# digits of six speakers at their own 8 kHz, a quarter of the takes of everyone for testing, which pretraining does not hear. Linear
# probes tell digits, speakers, and the digits of a voice whose labels were left out (each speaker in turn). Then every augmentation
# left out in turn, and all of them. Intervals are over seeds and test sounds (multi-bootstrap); differences are paired by both.
# About 20 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/byol-a}
DATA=${DATA:-../shared/data/fsdd-2400.tar}
SEEDS=${SEEDS:-0 1 2}
EPOCHS=${EPOCHS:-40}
JOBS=${JOBS:-2}
PROBES=${PROBES:-digit speaker voice}
if [ ! -f "$DATA" ]; then
  echo "skipped: there is no $DATA (2,400 spoken digits as a tar archive of DIGIT_SPEAKER_TAKE.wav; DATA names it)"
  exit 0
fi
byo() { node bin/byo.js "$@"; }
rm -rf "$OUT"
mkdir -p "$OUT/models" "$OUT/features"
{
  echo file,digit,speaker,split
  tar -tf "$DATA" | grep '\.wav$' | sed -E 's#.*/(([0-9])_([a-z]+)_([0-9]+)\.wav)#\1,\2,\3,\4#' |
    awk -F, -v OFS=, '{ print $1, $2, $3, ($4 < 10 ? "test" : "train") }'
} > "$OUT/digits.csv"
byo convert "$DATA" --kind sounds --annotations "$OUT/digits.csv" -o "$OUT/digits.st" --quiet

# FEATURES NAME SEED: the hits of the probes
score() {
  local probe name=$2 seed=$3 options=(--threads 1 --quiet --seed "$3" --c-min 1e-3 --c-max 10 --c-count 5 --tolerance 1e-3)
  for probe in $PROBES; do
    mkdir -p "$OUT/$probe/$name"
    if [ "$probe" = voice ]; then
      hits_of_new_voices "$1" "$OUT/voice/$name/$seed.st" "${options[@]}"
    else
      byo probe linear "$1" --labels "$probe" --predictions "$OUT/$probe/$name/$seed.st" "${options[@]}" > /dev/null
    fi
  done
}
# FEATURES HITS OPTIONS: for each speaker, digits of all their sounds by a probe of the others' training sounds
hits_of_new_voices() {
  node --input-type=module - "$@" <<'END'
    import { execFileSync } from 'node:child_process';
    import { rmSync } from 'node:fs';
    import { readArtifact, writeArtifact } from './dist/core/files/artifact.js';
    const [features, hits, ...options] = process.argv.slice(2);
    const whole = await readArtifact(features);
    const speakers = whole.tensors.get('speaker').data;
    const correct = new Uint8Array(speakers.length);
    for (const speaker of new Set(speakers)) {
      const [held, found] = [`${hits}.held.st`, `${hits}.found.st`];
      const split = whole.tensors.get('split').data.map((part, i) => (speakers[i] === speaker ? 2 : part === 2 ? 3 : part));
      const rows = [...split.keys()].filter((i) => split[i] !== 3);
      const width = whole.tensors.get('features').shape[1];
      const chosen = (data, size) => data.constructor.from(
        { length: rows.length * size }, (_, k) => data[rows[Math.floor(k / size)] * size + (k % size)]);
      const tensors = new Map([
        ['features', { dtype: 'float32', shape: [rows.length, width], data: chosen(whole.tensors.get('features').data, width) }],
        ['labels', { dtype: 'int32', shape: [rows.length], data: chosen(whole.tensors.get('digit').data, 1) }],
        ['split', { dtype: 'uint8', shape: [rows.length], data: Uint8Array.from(rows, (i) => split[i]) }],
      ]);
      await writeArtifact(held, { ...whole, tensors }, { force: true });
      execFileSync('node', ['bin/byo.js', 'probe', 'linear', held, '--predictions', found, ...options], { stdio: ['ignore', 'ignore', 'inherit'] });
      const own = (await readArtifact(found)).tensors.get('correct').data;
      let at = 0;
      for (const i of rows) if (split[i] === 2) correct[i] = Number(own[at++]);
      for (const file of [held, found]) rmSync(file);
    }
    await writeArtifact(hits, { ...whole, kind: 'predictions', tensors: new Map([['correct', { dtype: 'uint8', shape: [correct.length], data: correct }]]) }, { force: true });
END
}
# SEED NAME OPTIONS: trains a variant and scores it; with all augmentations, its encoder before training too
run() {
  local seed=$1 name=$2 model=$OUT/models/$2-$1.st features=$OUT/features/$2-$1.st
  byo pretrain byol-a "$OUT/digits.st" --preset tiny --epochs "$EPOCHS" --seed "$seed" --threads 1 --quiet \
    --log "${model%.st}.jsonl" -o "$model" "${@:3}"
  byo embed "$OUT/digits.st" --model "$model" -o "$features" --threads 1 --quiet
  score "$features" "$name" "$seed"
  if [ "$name" = byol-a ]; then
    byo embed "$OUT/digits.st" --model "$model" --untrained --seed "$seed" -o "${features%.st}-untrained.st" --threads 1 --quiet
    score "${features%.st}-untrained.st" untrained "$seed"
    byo embed "$OUT/digits.st" --log-mel -o "${features%.st}-log-mel.st" --threads 1 --quiet
    score "${features%.st}-log-mel.st" log-mel "$seed"
  fi
}
export OUT EPOCHS PROBES
export -f byo score hits_of_new_voices run
variants='byol-a
no-mixup --no-mixup
no-crop --no-rrc
no-fader --no-fader
no-augmentation --no-mixup --no-rrc --no-fader'
start=$SECONDS
while read -r line; do for seed in $SEEDS; do echo "$seed $line"; done; done <<< "$variants" |
  xargs -P "$JOBS" -L 1 bash -c 'set -euo pipefail; run "$@"' _
echo "training and probing took $((SECONDS - start)) s"

node --input-type=module - "$OUT" "$PROBES" <<'END'
  import { execFileSync } from 'node:child_process';
  import { existsSync, readdirSync, readFileSync } from 'node:fs';
  const [out, probes] = process.argv.slice(2);
  const names = ['byol-a', 'untrained', 'log-mel', 'no-mixup', 'no-crop', 'no-fader', 'no-augmentation'];
  const percent = (x) => (100 * x).toFixed(1);
  const multi = (...args) => JSON.parse(execFileSync('node', ['bin/byo.js', 'interval', 'multi', ...args, '--json', '--quiet']));
  for (const probe of probes.split(' ')) {
    console.log(`\n${probe}`.padEnd(20), 'accuracy'.padEnd(24), 'byol-a - this'.padEnd(24), 'this - untrained');
    for (const name of names) {
      const { plugIn, base } = multi(`${out}/${probe}/${name}`);
      const difference = (base, experiment) => {
        if (base === experiment) return '';
        const { plugIn, effect } = multi(`${out}/${probe}`, '--base', base, '--experiment', experiment, '--paired');
        return `${percent(plugIn.effect)} (${percent(effect.low)} .. ${percent(effect.high)})`;
      };
      console.log(name.padEnd(19), `${percent(plugIn.base)} (${percent(base.low)} .. ${percent(base.high)})`.padEnd(24),
        difference(name, 'byol-a').padEnd(24), difference('untrained', name));
    }
  }
  console.log('\nthe last step (mean over seeds)'.padEnd(36), 'loss    deviation of unit projections');
  for (const name of names) {
    const logs = readdirSync(`${out}/models`).filter((file) => file.startsWith(`${name}-`) && /-\d+\.jsonl$/.test(file))
      .map((file) => JSON.parse(readFileSync(`${out}/models/${file}`, 'utf8').trim().split('\n').at(-1)));
    const mean = (key) => (logs.reduce((sum, log) => sum + log[key], 0) / logs.length).toFixed(4);
    if (logs.length) console.log(name.padEnd(35), mean('loss').padEnd(7), mean('featureStd'));
  }
END
