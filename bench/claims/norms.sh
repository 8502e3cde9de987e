#!/usr/bin/env bash
# Does BYOL need batch norm? The variants of the table of Garg & Jain 2022 on CIFAR-10 photographs of 16x16: batch norm, group and
# layer norm with and without weight standardisation, no normalisation, each against its own encoder before training and against
# batch norm. Heads have the encoder's normalisation, so that but for the first no variant sees any batch statistics (as
# Richemond et al. 2020); HEADS=batch keeps batch norm in them, as the table does. About 15 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:-runs/norms}
EPOCHS=${EPOCHS:-4}
UNTRAINED=1
. bench/claims/_common.sh

train_all "$@" <<END
batch     byol --norm batch
group+ws  byol --norm group --weight-standardization --head-norm ${HEADS:-group}
layer+ws  byol --norm layer --weight-standardization --head-norm ${HEADS:-layer}
none+ws   byol --norm none --weight-standardization --head-norm ${HEADS:-none}
group     byol --norm group --head-norm ${HEADS:-group}
layer     byol --norm layer --head-norm ${HEADS:-layer}
none      byol --norm none --head-norm ${HEADS:-none}
END
variants=(batch group+ws layer+ws none+ws group layer none)
report "${variants[@]}" "${variants[@]/%/-untrained}"
echo 'gained by training, in points:'
for name in "${variants[@]}"; do compare "$name-untrained" "$name"; done
echo 'against batch norm, in points:'
compare "${variants[@]}"
echo 'what weight standardisation adds, in points:'
for name in group layer none; do compare "$name" "$name+ws"; done
