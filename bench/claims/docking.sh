#!/usr/bin/env bash
# Does confidence bootstrapping teach a docking model families of pockets that it never saw, without a true pose of theirs? For
# every seed, synthetic families to train on and others held out; a score and a confidence model of the first; poses of unseen
# complexes of the same families and of the held-out ones; then, for every held-out family by itself, bootstrapping as published
# (early times above all) and a control that is fine-tuned at late times only. What is bootstrapped is a copy of the data without
# the true poses of held-out families, which are read only to evaluate. Tiny models seldom come within 2 Å: shares below 5 Å and
# medians stand beside. Intervals are Student's over families of all seeds, differences are paired by family. At the same time real
# complexes: side chains of their proteins are cut out and learnt from, their ligands are docked among residues within POCKET Å and
# evaluated, to see that nothing fails; with so few complexes success is not expected. About 40 minutes on 2 cores; what is not done by
# LIMIT_S is left out and said.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/docking}
DATA=${DATA:-../shared/data/docking}
SEEDS=${SEEDS:-0 1 2}
FAMILIES=${FAMILIES:-12}
PER_FAMILY=${PER_FAMILY:-40}
UNSEEN=${UNSEEN:-2}
HELD_OUT=${HELD_OUT:-3}
PER_HELD_OUT=${PER_HELD_OUT:-12}
FILTER=${FILTER:-1500}
EPOCHS=${EPOCHS:-60}
CONFIDENCE_EPOCHS=${CONFIDENCE_EPOCHS:-30}
LR=${LR:-2e-3}
SAMPLES=${SAMPLES:-8}
STEPS=${STEPS:-20}
VARIANTS=${VARIANTS:-early late}
ITERATIONS=${ITERATIONS:-8}
UPDATES=${UPDATES:-60}
LATE=${LATE:-0.3}
REAL_EPOCHS=${REAL_EPOCHS:-40}
PER_PROTEIN=${PER_PROTEIN:-12}
POCKET=${POCKET:-20}
SIZES=${SIZES:-}
JOBS=${JOBS:-2}
LIMIT_S=${LIMIT_S:-2690}
END=$(($(date +%s) + LIMIT_S))
byo() {
  local left=$((END - $(date +%s)))
  timeout "$((left > 0 ? left : 1))" node bin/byo.js "$@"
}
dock() { byo dock-bootstrap "$@" --threads 1 --quiet --force; }
rm -rf "$OUT"
mkdir -p "$OUT/poses" "$OUT/models"

# SEED: data, and the same without true poses of held-out families
make_data() {
  byo synth pockets --families "$FAMILIES" --per-family "$PER_FAMILY" --unseen "$UNSEEN" --validation 0 --held-out "$HELD_OUT" \
    --per-held-out "$PER_HELD_OUT" --poses "$FILTER" --seed "$1" --quiet -o "$OUT/data-$1.st"
  node --input-type=module - "$OUT/data-$1.st" "$OUT/blind-$1.st" <<'JS'
    import { SPLIT } from './dist/core/data/images.js';
    import { complexesArtifact, complexesOf } from './dist/core/docking/complexes.js';
    import { readArtifact, writeArtifact } from './dist/core/files/artifact.js';
    const [from, to] = process.argv.slice(2);
    const artifact = await readArtifact(from);
    const set = complexesOf(artifact, from);
    const complexes = set.complexes.filter(({ split }) => split === SPLIT.test).map((complex) => ({ ...complex, poses: [] }));
    await writeArtifact(to, { ...complexesArtifact({ ...set, complexes }), recipe: artifact.recipe });
JS
}

# SEED: everything of it
synthetic() {
  local seed=$1 models=$OUT/models data=$OUT/data-$1.st family variant late
  make_data "$seed"
  # shellcheck disable=SC2086
  dock train "$data" --epochs "$EPOCHS" --lr "$LR" --seed "$seed" --log "$models/score-$seed.jsonl" -o "$models/score-$seed.st" $SIZES
  # shellcheck disable=SC2086
  dock confidence "$data" -m "$models/score-$seed.st" --samples "$SAMPLES" --steps "$STEPS" --epochs "$CONFIDENCE_EPOCHS" --lr "$LR" \
    --validate "$((UNSEEN * FAMILIES / 2))" --seed "$seed" --log "$models/confidence-$seed.jsonl" -o "$models/confidence-$seed.st" $SIZES
  draw "$seed" "$models/score-$seed.st" unseen --split validation
  draw "$seed" "$models/score-$seed.st" before --split test
  for family in $(seq 0 $((HELD_OUT - 1))); do
    for variant in $VARIANTS; do
      late=()
      if [ "$variant" = late ]; then late=(--t-max "$LATE"); fi
      dock bootstrap "$OUT/blind-$seed.st" --cluster "held-out-$family" -m "$models/score-$seed.st" --real "$data" \
        --confidence "$models/confidence-$seed.st" --samples "$SAMPLES" --steps "$STEPS" --iterations "$ITERATIONS" --updates "$UPDATES" \
        --poses 4 --seed "$seed" --log "$models/$variant-$seed-$family.jsonl" -o "$models/$variant-$seed-$family.st" "${late[@]}"
      draw "$seed" "$models/$variant-$seed-$family.st" "$variant-$family" --cluster "held-out-$family"
    done
  done
}

# SEED MODEL NAME OPTIONS: poses of a part of the data
draw() {
  dock sample "$OUT/data-$1.st" -m "$2" --confidence "$OUT/models/confidence-$1.st" --samples "$SAMPLES" --steps "$STEPS" --seed "$1" \
    -o "$OUT/poses/$3-$1.st" "${@:4}"
}

# Real complexes, by a model of side chains of their proteins
real() {
  byo dock-bootstrap prepare "$DATA" --pocket "$POCKET" --quiet -o "$OUT/real.st"
  byo dock-bootstrap prepare "$DATA" --from-proteins --per-protein "$PER_PROTEIN" --pocket "$POCKET" --quiet -o "$OUT/side-chains.st"
  # shellcheck disable=SC2086
  dock train "$OUT/side-chains.st" --preset pockets --epochs "$REAL_EPOCHS" --lr "$LR" --poses 2 -o "$OUT/models/real.st" \
    --log "$OUT/models/real.jsonl" $SIZES
  # shellcheck disable=SC2086
  dock confidence "$OUT/side-chains.st" --preset pockets -m "$OUT/models/real.st" --samples 4 --steps "$STEPS" --validate 0 \
    --epochs "$((REAL_EPOCHS / 2))" --lr "$LR" --poses 2 -o "$OUT/models/real-confidence.st" $SIZES
  dock sample "$OUT/real.st" -m "$OUT/models/real.st" --confidence "$OUT/models/real-confidence.st" --samples 10 --steps "$STEPS" \
    -o "$OUT/poses/real.st" --sdf "$OUT/real-sdf"
}

run() {
  local start=$SECONDS status
  (set -e; "$@")
  status=$?
  if [ "$status" != 0 ]; then echo "$*: not done (exit code $status; 124: within $LIMIT_S s)"; return 0; fi
  echo "$*: $((SECONDS - start)) s"
}

export OUT DATA FAMILIES PER_FAMILY UNSEEN HELD_OUT PER_HELD_OUT FILTER EPOCHS CONFIDENCE_EPOCHS LR SAMPLES STEPS VARIANTS ITERATIONS
export UPDATES LATE REAL_EPOCHS PER_PROTEIN POCKET SIZES LIMIT_S END
export -f byo dock make_data synthetic draw real run
{
  for seed in $SEEDS; do echo "synthetic $seed"; done
  if [ -d "$DATA" ]; then echo real; fi
} | xargs -P "$JOBS" -L 1 bash -c 'set -uo pipefail; run "$@"' _

node --input-type=module - "$OUT" "$SEEDS" "$HELD_OUT" "$VARIANTS" <<'END'
  import { existsSync, readFileSync } from 'node:fs';
  import { complexesOf, posesOf } from './dist/core/docking/complexes.js';
  import { rmsdQuantiles, scorePoses, selections, shares } from './dist/core/docking/evaluation.js';
  import { readArtifact } from './dist/core/files/artifact.js';
  import { seedInterval } from './dist/core/stats/intervals.js';
  const [out, seedList, heldOut, variantList] = process.argv.slice(2);
  const [seeds, variants] = [seedList, variantList].map((list) => list.split(' '));
  const families = [...Array(Number(heldOut)).keys()];

  const measure = (scored) => {
    const [random, top1] = selections(scored, [1]);
    const below = (selection, limit) => {
      const list = shares(scored, selection, ({ rmsd }, pose) => rmsd[pose] < limit);
      return list.reduce((a, b) => a + b, 0) / list.length;
    };
    const median = (selection) => rmsdQuantiles(scored, selection, [0.5])[0];
    return {
      'top-1 below 2 Å': below(top1, 2), 'top-1 below 5 Å': below(top1, 5), 'top-1 median, Å': median(top1),
      'any sample below 2 Å': below(random, 2), 'any sample below 5 Å': below(random, 5), 'any sample median, Å': median(random),
    };
  };
  const rows = { unseen: [], before: [], ...Object.fromEntries(variants.map((variant) => [variant, []])) };
  for (const seed of seeds) {
    if (!existsSync(`${out}/data-${seed}.st`)) continue;
    const { complexes, clusters } = complexesOf(await readArtifact(`${out}/data-${seed}.st`), 'data');
    // Scores by cluster, of a file of poses.
    const scoresOf = async (file) => {
      const path = `${out}/poses/${file}-${seed}.st`;
      if (!existsSync(path)) return () => undefined;
      const artifact = await readArtifact(path);
      const own = complexes.filter(({ name }) => artifact.meta.names.includes(name));
      const scored = posesOf(artifact, own, path).map((poses, i) => scorePoses(own[i], poses));
      return (wanted) => {
        const list = scored.filter((_, i) => wanted(clusters[own[i].cluster]));
        return list.length ? measure(list) : undefined;
      };
    };
    const unseen = await scoresOf('unseen');
    for (const cluster of clusters) if (cluster.startsWith('train')) rows.unseen.push(unseen((name) => name === cluster));
    const before = await scoresOf('before');
    for (const family of families) {
      rows.before.push(before((name) => name === `held-out-${family}`));
      for (const variant of variants) rows[variant].push((await scoresOf(`${variant}-${family}`))((name) => name === `held-out-${family}`));
    }
  }
  const digits = (x, signed) => `${signed && x >= 0 ? '+' : ''}${x.toFixed(2)}`;
  const interval = (list, signed = false) => {
    if (list.length === 0) return 'none';
    if (list.length === 1) return `${digits(list[0], signed)} (one family)`;
    const { estimate, low, high } = seedInterval(list, 0.95);
    return `${digits(estimate, signed)} (${digits(low, signed)} .. ${digits(high, signed)})`;
  };
  const names = Object.keys(Object.values(rows).flat().find(Boolean) ?? {});
  if (names.length === 0) console.log('no seed came as far as poses');
  for (const name of names) {
    console.log(`\n${name}`);
    const values = (row) => rows[row].flatMap((one) => (one ? [one[name]] : []));
    console.log(`  families trained on, unseen complexes   ${interval(values('unseen'))}, ${values('unseen').length} families`);
    console.log(`  held-out families before                ${interval(values('before'))}, ${values('before').length} families`);
    for (const variant of variants) {
      const pairs = rows[variant].flatMap((one, i) => (one && rows.before[i] ? [[one[name], rows.before[i][name]]] : []));
      console.log(`  bootstrapped, ${variant}`.padEnd(42)
        + `${interval(pairs.map(([after]) => after))}, difference ${interval(pairs.map(([after, earlier]) => after - earlier), true)}`);
    }
  }
  const lines = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : []);
  console.log('\nlosses of the score models in the last tenth of training, as shares of those of saying nothing; judges of unseen complexes');
  for (const seed of seeds) {
    const log = lines(`${out}/models/score-${seed}.jsonl`);
    const mean = (key) => log.slice(-Math.ceil(log.length / 10)).reduce((sum, line) => sum + line[key], 0);
    if (log.length === 0) continue;
    const losses = ['Tr', 'Rot', 'Tor'].map((factor) => `${factor.toLowerCase()} ${(mean(factor.toLowerCase()) / mean(`base${factor}`)).toFixed(2)}`);
    const { auroc, top1 } = lines(`${out}/models/confidence-${seed}.jsonl`).at(-1) ?? {};
    console.log(`  seed ${seed}: ${losses.join(', ')}; AUC ${auroc?.toFixed(2) ?? 'undefined'}, top-1 ${top1?.toFixed(2) ?? 'undefined'}`);
  }
  console.log('\ntrue poses of held-out families in what was bootstrapped:');
  for (const seed of seeds) {
    const path = `${out}/blind-${seed}.st`;
    if (!existsSync(path)) continue;
    const { complexes } = complexesOf(await readArtifact(path), path);
    console.log(`  seed ${seed}: ${complexes.reduce((sum, { poses }) => sum + poses.length, 0)} of ${complexes.length} complexes`);
  }
END

if [ -f "$OUT/poses/real.st" ]; then
  printf '\nreal complexes, %s Å around their ligands, by a model of side chains of the same proteins\n' "$POCKET"
  node bin/byo.js dock-bootstrap evaluate "$OUT/poses/real.st" --data "$OUT/real.st" --split all
elif [ ! -d "$DATA" ]; then
  echo "real complexes skipped: there is no $DATA (a folder for each complex with a protein and a ligand; DATA names it)"
fi
echo "all took $SECONDS s"
