#!/usr/bin/env bash
# Does SwAV learn from a stream that nobody curated? Tar shards of unlabelled photographs of 32x32 whose classes have a long tail
# and of which 2 % cannot be decoded, read while a small RegNetY trains; linear and k-NN probe on 2,000 test images, as many of every
# class, against the same encoder before training. And what keeps the codes from collapsing: the same run without Sinkhorn's rounds.
# About 15 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/swav-stream}
STEPS=${STEPS:-500}
COLLAPSE_STEPS=${COLLAPSE_STEPS:-100}
IMBALANCE=${IMBALANCE:-20}
LIMIT=${LIMIT:-12000}
SIZE=${SIZE:-32}
. bench/claims/_common.sh

# The first class keeps all of its images, the last one in IMBALANCE of them; names say nothing, and every 50th file is cut short.
rm -rf "$OUT/photos" "$OUT/stream" "$OUT/knn"
mkdir -p "$OUT/photos" "$OUT/stream" "$OUT/models"
tar -xf "$DATA" -C "$OUT/photos"
classes=("$OUT"/photos/cifar10/train/*/)
for k in "${!classes[@]}"; do
  keep=$(awk -v k="$k" -v last=$((${#classes[@]} - 1)) -v r="$IMBALANCE" 'BEGIN { printf "%d", 1000 * r ^ (-k / last) }')
  find "${classes[k]}" -name '*.jpg' | sort | sed -n "1,${keep}p"
done | shuf --random-source=<(yes) > "$OUT/stream/order.txt"
number=0
while read -r photo; do
  number=$((number + 1))
  printf -v file '%s/stream/shard-%02d/%05d.jpg' "$OUT" $((number / 500)) "$number"
  [ -d "${file%/*}" ] || mkdir "${file%/*}"
  if [ $((number % 50)) = 0 ]; then head -c 300 "$photo" > "$file"; else cp "$photo" "$file"; fi
done < "$OUT/stream/order.txt"
for shard in "$OUT"/stream/shard-*/; do tar -cf "${shard%/}.tar" -C "$shard" .; done
echo "stream: $number images in $(find "$OUT/stream" -name '*.tar' | wc -l) shards, $((number / 50)) of them broken"

# SEED NAME OPTIONS: trains one variant on the stream
stream() {
  mkdir -p "$OUT/models/$2"
  byo pretrain swav --stream "$OUT/stream/shard-*.tar" --size 32 --shuffle-buffer 2000 --preset tiny --encoder regnety \
    --regnet 32:16:2:6:16 --stem imagenet --lr 1 --seed "$1" --threads 1 --quiet --log "$OUT/models/$2/$1.jsonl" \
    -o "$OUT/models/$2/$1.st" "${@:3}"
}
# SEED NAME OPTIONS of embed: both probes
both() {
  score "$2" "$1" --model "$OUT/models/swav/$1.st" "${@:3}"
  mkdir -p "$OUT/knn/$2"
  byo probe knn "$OUT/features/$2/$1.st" --predictions "$OUT/knn/$2/$1.st" --threads 1 --quiet >/dev/null
}
# SEED: all of a seed
run() {
  stream "$1" swav --steps "$STEPS"
  both "$1" swav
  both "$1" untrained --untrained --seed "$1"
  stream "$1" no-sinkhorn --steps "$COLLAPSE_STEPS" --sinkhorn-iters 0
}
export OUT STEPS COLLAPSE_STEPS
export -f byo score stream both run
start=$SECONDS
printf '%s\n' $SEEDS | xargs -P "$JOBS" -I{} bash -c 'set -euo pipefail; run {}'
echo "training and probing took $((SECONDS - start)) s"

report swav untrained
for kind in linear knn; do
  echo "gained in the $kind probe by $STEPS batches of the stream:"
  byo interval multi "$OUT/$kind" --base untrained --experiment swav --paired --quiet
done

# Entropy of which prototype is nearest, as a share of log K: 1 where all are used alike, 0 where one is all.
for name in swav no-sinkhorn; do
  echo "use of the prototypes, $name, by seed, from step 1 to $COLLAPSE_STEPS:"
  for seed in $SEEDS; do
    awk -v steps="$COLLAPSE_STEPS" -F'"usageEntropy":' '{ split($2, value, ","); use[NR] = value[1] }
      END { for (q = 0; q <= 4; q++) printf " %.3f", use[1 + int((steps - 1) * q / 4)]; print "" }' "$OUT/models/$name/$seed.jsonl"
  done
done
