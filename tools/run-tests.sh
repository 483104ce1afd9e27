#!/usr/bin/env bash
# Runs `swift test` and shows one line for each suite, every failure, and the runner's closing line.
# The whole output stays in .build/test.log.
set -uo pipefail
cd "$(dirname "$0")/.."
log=.build/test.log
swift test --disable-xctest --skip-build "$@" >"$log" 2>&1
status=$?
grep -E "^(✔|✘|⚠|◇|[^ ]+) (Suite [^ ]+|Suite \".*\") (passed|failed)|^✘|Test run with|skipped:" "$log" |
  grep -vE "^◇" | sed 's/ after /  /'
if [ $status -ne 0 ]; then
  grep -nE "recorded an issue|Fatal error|error:|Crash|signal" "$log" | head -60
  echo "tests failed (status $status); the whole output is in $log" >&2
  tail -n 30 "$log" >&2
fi
exit $status
