#!/usr/bin/env bash
# Does it help to pull together images of a batch that look alike? BYOL refined by CCSL and CSSL (Garg & Jain 2022, as reconstructed)
# against BYOL with as many steps, on CIFAR-10 photographs of 16x16; CCSL also with repulsion of what looks different, and after a
# warm-up. How many pairs count as alike is in the log. About 15 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/refine}
EPOCHS=${EPOCHS:-6}
WARMUP=${WARMUP:-$((EPOCHS / 3))}
. bench/claims/_common.sh

train_all "$@" <<END
vanilla      byol
ccsl         byol --refine ccsl
ccsl-warmup  byol --refine ccsl --pair-warmup $WARMUP
ccsl-repel   byol --refine ccsl --neg-weight 1
cssl         byol --refine cssl
END
variants=(vanilla ccsl ccsl-warmup ccsl-repel cssl)
for seed in $SEEDS; do score untrained "$seed" --model "$OUT/models/vanilla/$seed.st" --untrained --seed "$seed"; done
report "${variants[@]}" untrained
echo 'against plain BYOL, in points:'
compare "${variants[@]}"
echo 'gained by training, in points:'
for name in "${variants[@]}"; do compare untrained "$name"; done
echo 'share of pairs of different images that counted as alike, at the start, halfway and at the end:'
for name in "${variants[@]:1}"; do
  for seed in $SEEDS; do
    awk -v name="$name" -v seed="$seed" -F'"positives":' '{ split($2, value, ","); share[NR] = value[1] }
      END { printf "%-12s seed %s  %.3f %.3f %.3f\n", name, seed, share[1], share[int((NR + 1) / 2)], share[NR] }' "$OUT/models/$name/$seed.jsonl"
  done
done
