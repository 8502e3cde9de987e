# What the claims about methods on photographs share. A script sets OUT and EPOCHS, sources this, gives `train_all` its variants,
# and then reports. Every run has one thread; JOBS runs go on at a time. FAMILY is pretrain or distill.
DATA=${DATA:-../shared/data/cifar10-12k.tar}
SEEDS=${SEEDS:-0 1 2}
LIMIT=${LIMIT:-10000}
SIZE=${SIZE:-16}
JOBS=${JOBS:-2}
if [ ! -f "$DATA" ]; then
  echo "skipped: there is no $DATA (12,000 CIFAR-10 images as a tar archive of class folders; DATA names it)"
  exit 0
fi
byo() { node bin/byo.js "$@"; }
FAMILY=${FAMILY:-pretrain}
rm -rf "$OUT/linear" "$OUT/knn" "$OUT/models" "$OUT/diagnose"
mkdir -p "$OUT"
byo convert "$DATA" --size "$SIZE" --limit "$LIMIT" -o "$OUT/data.st" --force --quiet

# NAME SEED OPTIONS of embed: the linear probe's hits on every test image, and what the features are like; with KNN set, hits of
# plain nearest neighbours of standardised features too
score() {
  local name=$1 seed=$2
  mkdir -p "$OUT/features/$name" "$OUT/linear/$name" "$OUT/diagnose/$name"
  byo embed "$OUT/data.st" -o "$OUT/features/$name/$seed.st" --threads 1 --force --quiet "${@:3}"
  byo probe linear "$OUT/features/$name/$seed.st" --predictions "$OUT/linear/$name/$seed.st" --threads 1 --quiet \
    --c-min 0.01 --c-max 1 --c-count 3 --tolerance 1e-3 >/dev/null
  if [ -n "${KNN:-}" ]; then
    mkdir -p "$OUT/knn/$name"
    byo probe knn "$OUT/features/$name/$seed.st" --predictions "$OUT/knn/$name/$seed.st" --threads 1 --quiet \
      --metric euclidean --weights none --scale standard >/dev/null
  fi
  byo probe diagnose "$OUT/features/$name/$seed.st" --rows 2000 --threads 1 --json --quiet > "$OUT/diagnose/$name/$seed.json"
}

# SEED NAME METHOD OPTIONS: trains and scores one variant; with UNTRAINED set, its encoder before training too, with TEACHER set
# the target network's
train() {
  local seed=$1 name=$2 method=$3 model=$OUT/models/$2/$1.st
  mkdir -p "$OUT/models/$name"
  byo "$FAMILY" "$method" "$OUT/data.st" --preset tiny --width 16 --epochs "$EPOCHS" --seed "$seed" --threads 1 --quiet \
    --log "${model%.st}.jsonl" -o "$model" "${@:4}" || { echo "$name, seed $seed: no model (exit code $?)"; return 0; }
  score "$name" "$seed" --model "$model"
  [ -z "${UNTRAINED:-}" ] || score "$name-untrained" "$seed" --model "$model" --untrained --seed "$seed"
  [ -z "${TEACHER:-}" ] || score "$name-teacher" "$seed" --model "$model" --target
}

# Lines `NAME METHOD OPTIONS` from standard input, every one for every seed; the arguments are further options of all
train_all() {
  local start=$SECONDS seed line
  export OUT EPOCHS FAMILY UNTRAINED TEACHER KNN
  export -f byo score train
  while read -r line; do
    for seed in $SEEDS; do printf '%s %s%s\n' "$seed" "$line" "${*:+ $*}"; done
  done | xargs -P "$JOBS" -L 1 bash -c 'set -euo pipefail; train "$@"' _
  echo "training and probing took $((SECONDS - start)) s"
}

# NAMES: accuracy of the linear probe with its interval over seeds and test images, by seed, and gauges of collapse: the
# deviation of unit features and their rank (RankMe), and the deviation of unit projections in the last batch
report() {
  node --input-type=module - "$OUT" "$@" <<'END'
    import { execFileSync } from 'node:child_process';
    import { existsSync, readdirSync, readFileSync } from 'node:fs';
    import { readArtifact } from './dist/core/files/artifact.js';
    const [out, ...names] = process.argv.slice(2);
    const percent = (x) => (100 * x).toFixed(1);
    const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
    console.log('variant              accuracy  interval       by seed             deviation  rank   projections');
    for (const name of names) {
      const folder = `${out}/linear/${name}`;
      if (!existsSync(folder)) { console.log(`${name.padEnd(21)}no run ended well`); continue; }
      const seeds = readdirSync(folder).map((file) => file.replace('.st', '')).sort((a, b) => a - b);
      const { plugIn, base } = JSON.parse(execFileSync('node', ['bin/byo.js', 'interval', 'multi', folder, '--json', '--quiet']));
      const hits = await Promise.all(seeds.map(async (seed) => {
        const correct = (await readArtifact(`${folder}/${seed}.st`)).tensors.get('correct').data;
        return mean(Array.from(correct, Number));
      }));
      const gauges = seeds.map((seed) => JSON.parse(readFileSync(`${out}/diagnose/${name}/${seed}.json`, 'utf8')));
      const logs = seeds.map((seed) => `${out}/models/${name}/${seed}.jsonl`).filter(existsSync)
        .map((log) => JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1)).featureStd)
        .filter((deviation) => deviation !== undefined);
      console.log([
        name.padEnd(21), percent(plugIn.base).padEnd(10), `${percent(base.low)} .. ${percent(base.high)}`.padEnd(15),
        hits.map(percent).join(' ').padEnd(20), mean(gauges.map((g) => g.collapseStd)).toFixed(4).padEnd(11),
        mean(gauges.map((g) => g.rankMe)).toFixed(1).padEnd(7), logs.length ? mean(logs).toFixed(4) : '',
      ].join(''));
    }
END
}

# BASE NAMES: differences of accuracy to a base in percentage points, paired by seed and test image; of the probe that KIND names
compare() {
  local base=$1 name hits=$OUT/${KIND:-linear}
  for name in "${@:2}"; do
    [ -d "$hits/$name" ] && [ -d "$hits/$base" ] || continue
    byo interval multi "$hits" --base "$base" --experiment "$name" --paired --json --quiet | node --input-type=module -e '
      const [name, base] = process.argv.slice(1);
      let text = "";
      for await (const chunk of process.stdin) text += chunk;
      const { plugIn, effect } = JSON.parse(text);
      const points = (x) => (100 * x).toFixed(1);
      console.log(`${name} - ${base}`.padEnd(36), points(plugIn.effect).padStart(5), `(${points(effect.low)} .. ${points(effect.high)})`);
    ' "$name" "$base"
  done
}
