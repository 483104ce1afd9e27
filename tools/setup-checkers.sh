#!/usr/bin/env bash
# Makes .venv/checkers with the outside programs that tests and benchmarks compare with: beancount and the FOCUS
# validator for our exports, three off-the-shelf solvers for the engine. Quick when all is there.
# Where the package index cannot be reached it says so and succeeds: the tests that need them are then skipped. Not where
# CI=true: there it fails.
set -uo pipefail
cd "$(dirname "$0")/.."
venv=.venv/checkers
wanted="beancount==3.2.3 focus-validator==1.0.0 multimethod<2 highspy ortools pyscipopt"
stamp=$venv/installed
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

echo "setup: installing the checkers into $venv (about a minute, once)" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # one word a package
if python3 -m venv "$venv" >"$log" 2>&1 &&
  "$venv/bin/pip" install --quiet --disable-pip-version-check $wanted >>"$log" 2>&1; then
  echo "$wanted" >"$stamp"
else
  tail -n 5 "$log" >&2
  echo "setup: the checkers could not be installed; tests that need them will be skipped" >&2
  [ "${CI:-}" != true ]
fi
