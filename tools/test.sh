#!/usr/bin/env bash
# `make test`: what needs the processor beside what waits. Ends with the seconds that each stage took.
#   lint and the checkers' environment   beside the debug build
#   the tests                            beside the release build, the demo, the peers and the comparison of builds
set -uo pipefail
cd "$(dirname "$0")/.."
logs=.build/stages
mkdir -p $logs
rm -f $logs/*

# stage NAME COMMAND...: runs it, shows what it said once it ends, and notes its seconds: by the clock, and of processors.
stage() {
  local name=$1 status
  shift
  local TIMEFORMAT="$name|%0R|%0U|%0S"
  { time "$@" >"$logs/$name.log" 2>&1; } 2>"$logs/$name.time"
  status=$?
  cat "$logs/$name.log"
  [ $status -eq 0 ] || { echo "✘ $name failed with status $status" >&2; touch "$logs/failed"; }
  return $status
}
finish() {
  echo
  {
    echo "stage|seconds|CPU"
    cat $logs/*.time 2>/dev/null | awk -F'|' '{ print $1 "|" $2 "|" $3 + $4 }' | sort -t'|' -k2,2nr
    echo "in all|$SECONDS|"
  } | column -t -s'|'
  [ ! -e $logs/failed ]
  exit
}

tools/setup.sh test || exit 1
stage "lint" swift format lint --strict -r Sources Tests Package.swift &
lint=$!
stage "checkers' environment" tools/setup-checkers.sh &
checkers=$!
stage "debug build" swift build --build-tests -q --explicit-target-dependency-import-check error || finish
wait $lint $checkers
[ ! -e $logs/failed ] || finish

stage "tests" tools/run-tests.sh &
stage "engine's builds" tools/compile-builds.sh &
builds=$!
if stage "release build" swift build -c release --product gpumarket -q; then
  stage "demo" tools/check-demo.sh &
  stage "peers" tools/check-peers.sh
  wait $builds && stage "same bytes" tools/check-builds.sh
fi
wait
finish
