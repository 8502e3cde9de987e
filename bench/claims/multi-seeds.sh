#!/usr/bin/env bash
# Does a slower target help beyond the noise of seeds and of test images? Two values of BYOL's --tau, SEEDS seeds of each, on
# photographs of 16x16; the Multi-Bootstrap over seeds and test images, halfway and at the end. MultiBERTs (Sellam et al. 2022) in small.
set -euo pipefail
shopt -s extglob
cd "$(dirname "$0")/../.."
DATA=${DATA:-../shared/data/cifar10-12k.tar}
OUT=${OUT:-runs/multi-seeds}
SEEDS=${SEEDS:-0..24}
STEPS=${STEPS:-160}
LIMIT=${LIMIT:-2000}
if [ ! -f "$DATA" ]; then
  echo "skipped: there is no $DATA (12,000 CIFAR-10 images as a tar archive of class folders; DATA names it)"
  exit 0
fi
byo() { node bin/byo.js "$@"; }
export -f byo
mkdir -p "$OUT"
[ -f "$OUT/data.st" ] || byo convert "$DATA" --limit "$LIMIT" --size 16 -o "$OUT/data.st" --quiet
byo sweep --seeds "$SEEDS" --grid 'tau=0.9,0.99' --out "$OUT/models" -- \
  pretrain byol "$OUT/data.st" --preset tiny --encoder convnet3 --width 16 --batch 64 --steps "$STEPS" --keep-every $((STEPS / 2)) >/dev/null

# MODEL -> OUT/after-STEPS/NAME.st: what the linear probe says of every test image
score() {
  local model=$1 out=$2 steps=$3 name
  name=$(basename "$model" .st)
  local file=$out/after-$steps/${name%-"$steps"}.st
  [ -f "$file" ] && return
  byo embed --model "$model" "$out/data.st" --threads 1 --quiet |
    byo probe logistic --threads 1 --predictions "$file.part" --quiet >/dev/null
  mv "$file.part" "$file"
}
export -f score
for steps in $((STEPS / 2)) "$STEPS"; do
  mkdir -p "$OUT/after-$steps"
  models=("$OUT"/models/*seed=+([0-9]).st)
  [ "$steps" = "$STEPS" ] || models=("$OUT"/models/*-"$steps".st)
  printf '%s\n' "${models[@]}" | xargs -P 2 -I{} bash -c 'score "$@"' _ {} "$OUT" "$steps"
  echo "after $steps steps, accuracy of a logistic probe:"
  byo interval multi "$OUT/after-$steps" --base tau=0.9 --experiment tau=0.99 --ablate
done
