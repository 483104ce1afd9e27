#!/usr/bin/env bash
# `make bench`: our engine beside off-the-shelf solvers on the same instances; the table goes to docs/benchmarks.md.
# Variables: FAMILIES, SEEDS, PEERS (comma-separated), GPUMARKET_PEER_TOOLS (the folder with the generator).
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
  --families "${FAMILIES:-S,M,L,XL,XXL}" --seeds "${SEEDS:-1,2,3,4,5}" --peers "${PEERS-highs,scip,cpsat}"
python3 tools/bench/report.py "$results" docs
