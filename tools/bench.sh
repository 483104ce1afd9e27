#!/usr/bin/env bash
# `make bench`: our engine beside off-the-shelf solvers on the same instances; the table goes to docs/benchmarks.md.
# Variables: FAMILIES, SEEDS, EFFORTS, PEERS (comma-separated), GPUMARKET_PEER_TOOLS (the folder with the generator),
# GPUMARKET_ARCHIVES (the folder with the CATS and MMKP files; empty to leave them out).
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${GPUMARKET_PEER_TOOLS:-../shared/tools}
if [ ! -f "$tools/generate_instance.py" ]; then
  echo "bench: $tools/generate_instance.py is not here; set GPUMARKET_PEER_TOOLS to the folder that has it" >&2
  exit 1
fi
tools/setup-checkers.sh
mkdir -p .build/bench
results=.build/bench/results.jsonl
rm -f "$results"
python3 tools/bench/run.py --gpumarket .build/release/gpumarket --tools "$tools" --out "$results" \
  --families "${FAMILIES:-S,M,L,XL,XXL}" --seeds "${SEEDS:-1,2,3,4,5}" \
  --efforts "${EFFORTS:-quick,standard,thorough}" --peers "${PEERS-highs,scip,cpsat}"
archives=${GPUMARKET_ARCHIVES-$tools/../data}
if [ -n "$archives" ]; then
  python3 tools/bench/archives.py --gpumarket .build/release/gpumarket --tools "$tools" --data "$archives" \
    --out "$results" --peers "${PEERS-highs,scip,cpsat}"
fi
python3 tools/bench/report.py "$results" docs
