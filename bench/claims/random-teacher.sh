#!/usr/bin/env bash
# Is a student better than the random network that it copies? Sarnthein et al. 2023 on CIFAR-10 photographs of 16x16, a ConvNet without
# normalisation (nothing but its weights changes) and one with batch norm, each against its own teacher by a linear probe and by
# nearest neighbours; students that start near their teacher, half-way and anywhere; and the control, distilled on Gaussian noise.
# About 12 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/random-teacher}
EPOCHS=${EPOCHS:-20}
LIMIT=${LIMIT:-4000}
FAMILY=distill
# The settings of the preset were chosen with seed 0.
SEEDS=${SEEDS:-3 4 5}
KNN=1
TEACHER=1
. bench/claims/_common.sh

train_all "$@" <<END
near      random-teacher --alpha 0.0001
half      random-teacher --alpha 0.5
far       random-teacher --alpha 1
noise     random-teacher --alpha 0.0001 --inputs gaussian
bn        random-teacher --alpha 0.0001 --norm batch
bn-noise  random-teacher --alpha 0.0001 --norm batch --inputs gaussian
END
variants=(near half far noise bn bn-noise)
# Random weights with measured running statistics: what of the gain with batch norm is due to the statistics alone.
for seed in $SEEDS; do
  score bn-measured "$seed" --model "$OUT/models/bn/$seed.st" --untrained --seed "$seed"
  score pixels "$seed" --pixels "$SIZE"
done
report "${variants[@]}" near-teacher bn-teacher bn-measured pixels
for kind in linear knn; do
  echo "gained over the teacher by distillation, in points ($kind):"
  for name in "${variants[@]}"; do KIND=$kind compare "$name-teacher" "$name"; done
  echo "against the student that starts near its teacher, in points ($kind):"
  KIND=$kind compare near half far noise
  KIND=$kind compare bn bn-noise
  echo "against random weights with measured statistics, and against pixels, in points ($kind):"
  KIND=$kind compare bn-measured bn bn-noise
  KIND=$kind compare pixels near bn
done
echo 'KL to the teacher at the end, mean over seeds:'
for name in "${variants[@]}"; do
  for seed in $SEEDS; do tail -n 1 "$OUT/models/$name/$seed.jsonl"; done | node --input-type=module -e '
    let text = "";
    for await (const chunk of process.stdin) text += chunk;
    const logs = text.trim().split("\n").map((line) => JSON.parse(line).kl);
    console.log(process.argv[1].padEnd(12), (logs.reduce((a, b) => a + b, 0) / logs.length).toExponential(2));
  ' "$name"
done
