#!/usr/bin/env bash
# BYOL on 10,000 real photographs (32x32, ten classes) against the same encoder before training: linear and k-NN probe on 2,000
# test images, with the interval of the paired difference. At most 20 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data/cifar10-12k.tar}
OUT=${OUT:-runs/cifar10-byol}
EPOCHS=${EPOCHS:-23}
if [ ! -f "$DATA" ]; then
  echo "skipped: there is no $DATA (12,000 CIFAR-10 images as a tar archive of class folders; DATA names it)"
  exit 0
fi
byo() { node bin/byo.js "$@"; }
mkdir -p "$OUT"
byo convert "$DATA" -o "$OUT/cifar.st" --force
start=$SECONDS
byo pretrain byol "$OUT/cifar.st" --preset tiny --epochs "$EPOCHS" -o "$OUT/byol.st" --force --log "$OUT/byol.jsonl" "$@"
echo "pretraining took $((SECONDS - start)) s"
byo embed --model "$OUT/byol.st" "$OUT/cifar.st" -o "$OUT/trained.st" --force --quiet
byo embed --model "$OUT/byol.st" --untrained "$OUT/cifar.st" -o "$OUT/untrained.st" --force --quiet
for probe in linear knn; do
  for features in trained untrained; do
    printf '%-10s ' "$features"
    byo probe "$probe" "$OUT/$features.st" --predictions "$OUT/$features-$probe.st" --quiet | tail -1
  done
  echo "difference of $probe accuracies, paired over the test images:"
  node --input-type=module -e '
    import { readArtifact } from "./dist/core/files/artifact.js";
    import { pairedDifference } from "./dist/core/stats/intervals.js";
    const hits = async (file) => (await readArtifact(file)).tensors.get("correct").data;
    const [trained, untrained] = process.argv.slice(1);
    const { estimate, low, high } = pairedDifference(await hits(untrained), await hits(trained), { seed: 0 });
    console.log([estimate, low, high].map((x) => x.toFixed(4)).join("  "));
  ' "$OUT/trained-$probe.st" "$OUT/untrained-$probe.st"
done
