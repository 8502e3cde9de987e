#!/usr/bin/env bash
# What do latents of T-JEPA tell heads that columns do not? Five tables of the UCI repository: for every head, its score on the columns
# and on the latents of an encoder that T-JEPA trained on the same rows without their targets, with the encoder's random weights
# between them, and gradient-boosted trees beside them. And what [REG] tokens do against collapse: signs of it with them, with them as
# the published code masks them, and without. Every seed has its own split, encoder and heads; intervals are Student's over seeds,
# differences are paired. About 20 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/t-jepa}
DATA=${DATA:-../shared/data/tabular}
SEEDS=${SEEDS:-0 1 2}
TABLES=${TABLES:-adult phoneme banknote abalone housing}
HEADS=${HEADS:-linear mlp resnet dcnv2 autoint ft-transformer}
ROWS=${ROWS:-5000}
EPOCHS=${EPOCHS:-30}
HEAD_EPOCHS=${HEAD_EPOCHS:-40}
WIDTH=${WIDTH:-32}
JOBS=${JOBS:-2}
PYTHON=${BYO_PYTHON:-python3}
if [ ! -f "$DATA/phoneme.csv" ]; then
  echo "skipped: there is no $DATA/phoneme.csv (UCI tables without a header, the target in the last column; DATA names their folder)"
  exit 0
fi
byo() { node bin/byo.js "$@"; }
rm -rf "$OUT"
mkdir -p "$OUT/data" "$OUT/models" "$OUT/scores"

# NAME: the file of a table
file_of() {
  case $1 in
    adult) echo "$DATA/adult-train.csv" ;;
    banknote) echo "$DATA/banknote_authentication.csv" ;;
    *) echo "$DATA/$1.csv" ;;
  esac
}
# TABLE SEED: the table, or that many rows of it, with a split of that seed; some files have their classes one after another
split() {
  shuf --random-source=<(yes) -n "$ROWS" "$(file_of "$1")" | byo convert --format csv --no-header --test-fraction 0.25 --val-fraction 0.15 --seed "$2" --quiet \
    -o "$OUT/data/$1-$2.st"
  if "$PYTHON" -c 'import sklearn' 2> /dev/null; then
    byo export "$OUT/data/$1-$2.st" --format npz -o "$OUT/data/$1-$2.npz"
    OMP_NUM_THREADS=1 "$PYTHON" bench/peers/gbdt.py "$OUT/data/$1-$2.npz" --seed "$2" > "$OUT/scores/$1-trees-$2.jsonl"
  fi
}
# TABLE SEED MODE: an encoder
learn() {
  local batch=256
  if [ "$1" = housing ]; then batch=64; fi
  byo pretrain t-jepa "$OUT/data/$1-$2.st" --preset tiny --epochs "$EPOCHS" --batch "$batch" --reg-mode "$3" --seed "$2" --threads 1 \
    --quiet --log "$OUT/models/$1-$3-$2.jsonl" -o "$OUT/models/$1-$3-$2.st"
}
# TABLE SEED HEAD NAME OPTIONS: a score
score() {
  byo probe table "$OUT/data/$1-$2.st" --head "$3" --width "$WIDTH" --epochs "$HEAD_EPOCHS" --patience 8 --lrs 2e-3 --seed "$2" \
    --threads 1 --quiet --json "${@:5}" > "$OUT/scores/$1-$3-$4-$2.json"
}
# TABLE SEED: all of a seed
run() {
  local head mode
  split "$1" "$2"
  for mode in always upstream none; do
    learn "$1" "$2" "$mode"
    score "$1" "$2" linear "reg-$mode" --model "$OUT/models/$1-$mode-$2.st"
  done
  for head in $HEADS; do
    score "$1" "$2" "$head" columns
    score "$1" "$2" "$head" latents --model "$OUT/models/$1-always-$2.st"
  done
  score "$1" "$2" linear random --model "$OUT/models/$1-always-$2.st" --untrained
  score "$1" "$2" mlp random --model "$OUT/models/$1-always-$2.st" --untrained
}
export OUT DATA ROWS EPOCHS HEAD_EPOCHS WIDTH HEADS PYTHON
export -f byo file_of split learn score run
start=$SECONDS
for seed in $SEEDS; do for table in $TABLES; do echo "$table $seed"; done; done |
  xargs -P "$JOBS" -L 1 bash -c 'set -euo pipefail; run "$@"' _
echo "training and probing took $((SECONDS - start)) s"

node --input-type=module - "$OUT" "$TABLES" "$SEEDS" "$HEADS" <<'END'
  import { existsSync, readFileSync } from 'node:fs';
  import { seedInterval } from './dist/core/stats/intervals.js';
  const [out, ...lists] = process.argv.slice(2);
  const [tables, seeds, heads] = lists.map((list) => list.split(' '));
  const lines = (path) => readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const values = (table, head, kind) => seeds.map((seed) => lines(`${out}/scores/${table}-${head}-${kind}-${seed}.json`)[0].value);
  const digits = (x, signed) => `${signed && x >= 0 ? '+' : ''}${x.toFixed(3)}`;
  const interval = (list, signed = false) => {
    if (list.length < 2) return `${digits(list[0], signed)} (one seed)`;
    const { estimate, low, high } = seedInterval(list, 0.95);
    return `${digits(estimate, signed)} (${digits(low, signed)} .. ${digits(high, signed)})`;
  };
  const row = (cells) => console.log(cells.map((cell, i) => String(cell).padEnd(i ? 26 : 16)).join('').trimEnd());
  const minus = (a, b) => a.map((value, i) => value - b[i]);
  for (const table of tables) {
    const { metric, n } = lines(`${out}/scores/${table}-linear-columns-${seeds[0]}.json`)[0];
    console.log(`\n${table}: ${metric} on ${n.test} rows after training on ${n.train}`);
    row(['head', 'columns', 'latents', 'latents - columns', 'random latents']);
    for (const head of heads) {
      const [columns, latents] = [values(table, head, 'columns'), values(table, head, 'latents')];
      const random = existsSync(`${out}/scores/${table}-${head}-random-${seeds[0]}.json`) ? interval(values(table, head, 'random')) : '';
      row([head, interval(columns), interval(latents), interval(minus(latents, columns), true), random]);
    }
    if (existsSync(`${out}/scores/${table}-trees-${seeds[0]}.jsonl`)) {
      const trees = seeds.map((seed) => lines(`${out}/scores/${table}-trees-${seed}.jsonl`));
      trees[0].forEach(({ model }, i) => row([model.replace('HistGradient', ''), interval(trees.map((found) => found[i].value))]));
    }
    row(['[REG]', 'linear on latents', 'deviation across rows', 'effective rank', 'divergence of pairs']);
    for (const mode of ['always', 'upstream', 'none']) {
      const last = seeds.map((seed) => lines(`${out}/models/${table}-${mode}-${seed}.jsonl`).at(-1));
      row([mode, interval(values(table, 'linear', `reg-${mode}`)),
        ...['featureStd', 'featureRank', 'featureKl'].map((name) => interval(last.map((line) => line[name])))]);
    }
  }
END
