#!/usr/bin/env bash
# Runs the tests that were built, in lanes side by side, for most wait for servers and few keep a processor busy. Shows one
# line for each suite, every failure, and each lane's closing line.
#   tools/run-tests.sh           all of them
#   tools/run-tests.sh --quick   without faults, attacks and what runs the tool: for `make check`
# A lane's whole output stays in .build/test-LANE.log. Where CI=true, a test that was skipped for want of a program fails.
set -uo pipefail
cd "$(dirname "$0")/.."
tests=$(echo .build/debug/*PackageTests.xctest)
[ -x "$tests" ] || { echo "run-tests: no tests are built; run: swift build --build-tests" >&2; exit 1; }

# A target that is named in no lane runs in the last one.
engine='^ClearingTests\.'
faults='^FaultTests\.'
attacks='^(AttackTests|PathTests)\.'
tool='^(CommandTests|PostgresTests)\.'
declare -A lanes=([engine]="--filter $engine" [rest]="--skip $engine --skip $faults --skip $attacks --skip $tool")
if [ "${1:-}" != --quick ]; then
  lanes+=([faults]="--filter $faults" [attacks]="--filter $attacks" [tool]="--filter $tool")
fi

# What a person wants to see of a lane's output.
summary() {
  grep -E '^[^ ]+ (Suite ([^ ]+|".*") (passed|failed)|Test .* skipped:)|^✘|Test run with|^skipped:' |
    sed 's/ after /  /'
}
lane() {
  local log=.build/test-$1.log status TIMEFORMAT="➜ lane $1: %0R seconds, and of processors, without servers, %0U"
  # shellcheck disable=SC2086 # one word an option
  { time "$tests" --testing-library swift-testing ${lanes[$1]} >"$log" 2>&1; } 2>"$log.time"
  status=$?
  summary <"$log"
  cat "$log.time"
  [ $status -eq 0 ] && return
  grep -nE 'recorded an issue|Fatal error|error:|Crash|signal' "$log" | head -60
  echo "tests failed (lane $1, status $status); the whole output is in $log" >&2
  tail -n 30 "$log" >&2
  return 1
}

rm -f .build/test-*.log*
running=()
for name in "${!lanes[@]}"; do
  lane "$name" &
  running+=($!)
done
failed=0
for process in "${running[@]}"; do wait "$process" || failed=1; done
if [ "${CI:-}" = true ] && grep -hE 'skipped: ".*not installed' .build/test-*.log; then
  echo "tests failed: these were skipped for want of a program, and CI=true" >&2
  failed=1
fi
exit $failed
