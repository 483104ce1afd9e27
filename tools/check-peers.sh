#!/usr/bin/env bash
# Compares the engine with HiGHS on generated instances, where the generator and the solver are there.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${GPUMARKET_PEER_TOOLS:-../shared/tools}
if [ ! -f "$tools/peers.py" ]; then
  echo "➜ peers: skipped, $tools/peers.py is not here"
elif ! .venv/checkers/bin/python -c 'import highspy' 2>/dev/null; then
  if [ "${CI:-}" = true ]; then
    echo "✘ peers: the solver could not be installed, and CI=true" >&2
    exit 1
  fi
  echo "➜ peers: skipped, the solver could not be installed"
else
  .venv/checkers/bin/python tools/check_peers.py .build/release/gpumarket "$tools" "${1:-12}" | grep -vE '^(Running HiGHS|Includes)'
fi
