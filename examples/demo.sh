#!/usr/bin/env bash
# The main job on the built-in images: learn an encoder without labels, then ask what it knows.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-demo-out}
mkdir -p "$OUT"
cd "$OUT"
byo() { node ../bin/byo.js "$@"; }

echo '== images: shapes in random colours, drawn by byo itself'
byo synth images --count 5000 -o shapes.st --force

echo '== pretrain: BYOL, no labels'
byo pretrain byol shapes.st --preset tiny --width 16 --batch 64 --steps 380 -o encoder.st --force --log run.jsonl

echo '== embed: the trained encoder, the same encoder untrained, and raw 8x8 pixels'
byo embed --model encoder.st shapes.st -o trained.st --force --quiet
byo embed --model encoder.st --untrained shapes.st -o untrained.st --force --quiet
byo embed --pixels 8 shapes.st -o pixels.st --force --quiet

echo '== probe: linear classifiers on frozen features, tested on images never trained on'
for features in trained untrained pixels; do
  printf '%-10s ' "$features"
  byo probe linear "$features.st" --quiet | tail -1
done

byo plot loss run.jsonl -o run.svg --force --quiet && echo "a picture of the run is in $OUT/run.svg"
byo inspect encoder.st | sed -n '1,/^$/p'
