#!/usr/bin/env bash
# Does a ConvNet pretrained on a distilled set transfer better than one pretrained on as many real images, and than none? KRR-ST, random
# images, k-centre, distribution and gradient matching, and all of the images (the ceiling), with the targets of one Barlow Twins model,
# on CIFAR-10 photographs of 16x16: six classes are distilled; the probe and fine-tuning are on those, on the four classes that were held
# out, and on the built-in shapes, with few labels. Then the probe for other networks than the one that the set was learnt with.
# Intervals are Student's over seeds; gains are over the random subset, paired by seed. Bounded to 30 minutes on 2 cores: what is not
# done by then (LIMIT_S) is left out and said.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/krrst}
DATA=${DATA:-../shared/data/cifar10-12k.tar}
SEEDS=${SEEDS:-5}
SIZE=${SIZE:-16}
COUNT=${COUNT:-20}
STEPS=${STEPS:-1000}
DSA_STEPS=${DSA_STEPS:-200}
PRETRAIN=${PRETRAIN:-1000}
EPOCHS=${EPOCHS:-20}
LABELS=${LABELS:-200}
ENCODER=${ENCODER:-distillnet2:16}
OTHERS=${OTHERS:-resnet10:8,alexnet:8}
METHODS=${METHODS:-random,k-center,dm,dsa,krr-st,all}
LIMIT_S=${LIMIT_S:-1790}
if [ ! -f "$DATA" ]; then
  echo "skipped: there is no $DATA (12,000 CIFAR-10 images as a tar archive of class folders; DATA names it)"
  exit 0
fi
byo() { timeout "$(( LIMIT_S > SECONDS ? LIMIT_S - SECONDS : 1 ))" node bin/byo.js "$@"; }
mkdir -p "$OUT"
byo convert "$DATA" --size "$SIZE" -o "$OUT/all.st" --force --quiet
byo synth images --count 2000 --size "$SIZE" -o "$OUT/shapes.st" --force --quiet

# Classes 0 to 5 are distilled, 6 to 9 held out.
node --input-type=module - "$OUT" <<'JS'
  import { datasetArtifact, imageSetOf } from './dist/core/data/dataset.js';
  import { imagesAt } from './dist/core/data/images.js';
  import { readArtifact, writeArtifact } from './dist/core/files/artifact.js';
  const [out] = process.argv.slice(2);
  const set = imageSetOf(await readArtifact(`${out}/all.st`), 'all.st');
  for (const [name, low, high] of [['seen', 0, 6], ['unseen', 6, 10]]) {
    const rows = [...set.labels.keys()].filter((i) => set.labels[i] >= low && set.labels[i] < high);
    await writeArtifact(`${out}/${name}.st`, datasetArtifact({
      images: imagesAt(set.images, rows), labels: Int32Array.from(rows, (i) => set.labels[i] - low), skipped: [],
      ...(set.classes && { classes: set.classes.slice(low, high) }), ...(set.split && { split: Uint8Array.from(rows, (i) => set.split[i]) }),
    }), { force: true });
  }
JS
byo pretrain barlow-twins "$OUT/seen.st" --preset tiny --width 16 --epochs "$EPOCHS" --seed 0 --quiet \
  --log "$OUT/target.jsonl" -o "$OUT/target.st" --force
echo "the target model took $SECONDS s"

echo "sets of $COUNT images, $STEPS outer steps, $LABELS labels to transfer with"
compare() {
  byo dataset-distill compare "$OUT/seen.st" --target "$OUT/target.st" --labels "$LABELS" --size "$COUNT" --steps "$STEPS" \
    --dsa-steps "$DSA_STEPS" --tune-steps 100 --seeds "$SEEDS" --quiet "$@" \
    || echo "not done within $LIMIT_S s; give LIMIT_S more, or fewer SEEDS, STEPS or METHODS"
}
compare --on "$OUT/seen.st,$OUT/unseen.st,$OUT/shapes.st" --evaluate probe,finetune --encoders "$ENCODER" --methods "$METHODS" \
  --pretrain-steps "$PRETRAIN" "$@"
echo "other networks, after $SECONDS s"
compare --on "$OUT/seen.st,$OUT/unseen.st" --encoders "$OTHERS" --methods random,krr-st --pretrain-steps $((PRETRAIN / 3)) "$@"
echo "all took $SECONDS s"
