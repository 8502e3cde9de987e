#!/usr/bin/env bash
# Can the predictor be computed instead of trained? BYOL with the closed forms of Richemond et al. 2023 against a trained linear
# predictor (and a trained MLP), on CIFAR-10 photographs of 16x16. And what happens without: no predictor, with a slow target and
# with the online network as target, and no stop-gradient; deviation and rank of features and projections show the collapse.
# CLOSED names some of the forms. About 15 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/predictors}
EPOCHS=${EPOCHS:-7}
. bench/claims/_common.sh

read -ra closed <<< "${CLOSED:-lrp directpred directcopy ne visser ns ns2 stiefel}"
{
  for form in linear mlp "${closed[@]}"; do echo "$form byol --predictor $form"; done
  echo 'no-predictor byol --predictor none'
  echo 'no-predictor-no-ema byol --predictor none --target online'
  echo 'no-stop-gradient byol --target online --no-stop-gradient'
} | train_all "$@"
for seed in $SEEDS; do score untrained "$seed" --model "$OUT/models/linear/$seed.st" --untrained --seed "$seed"; done
report linear mlp "${closed[@]}" no-predictor no-predictor-no-ema no-stop-gradient untrained
echo 'against the trained linear predictor, in points:'
compare linear mlp "${closed[@]}"
echo 'without predictor or stop-gradient, against the trained linear predictor, in points:'
compare linear no-predictor no-predictor-no-ema no-stop-gradient
echo 'gained by training, in points:'
for name in linear "${closed[@]}"; do compare untrained "$name"; done
echo 'the matrices at the end (mean over seeds): distance to a projection, to the polar factor, stable rank, ridge / norm'
for name in linear "${closed[@]}"; do
  for seed in $SEEDS; do tail -n 1 "$OUT/models/$name/$seed.jsonl"; done | node --input-type=module -e '
    let text = "";
    for await (const chunk of process.stdin) text += chunk;
    const logs = text.trim().split("\n").map((line) => JSON.parse(line));
    const means = ["projectionDistance", "polarDistance", "stableRank", "ridgeRatio"].map((key) =>
      key in logs[0] ? (logs.reduce((total, log) => total + log[key], 0) / logs.length).toFixed(3) : "-");
    console.log(process.argv[1].padEnd(12), means.join("  "));
  ' "$name"
done
