#!/usr/bin/env bash
# Images a second of a training step in byo and in PyTorch with lightly's implementation of the method, on the same encoder, from
# the same state on the same inputs: SimSiam, SwAV and BYOL without batch statistics. PyTorch runs in its best configuration
# (NHWC or not, compiled or not, one or two threads), byo in the better of one and two threads. About 40 minutes on 2 cores.
# BYO_PYTHON names a Python with torch, torchvision, safetensors and lightly; without one byo is measured alone.
#     ROUNDS=3 LIMIT=600 bash bench/claims/throughput.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/../.."
make build
node_modules/.bin/tsc -p tsconfig.bench.json
node .build/bench/run.js --only w7,w8,w9 --rounds "${ROUNDS:-3}" --limit "${LIMIT:-600}" "$@"
