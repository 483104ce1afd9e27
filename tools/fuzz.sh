#!/usr/bin/env bash
# `make fuzz SECONDS=60`: the instance reader under libFuzzer and AddressSanitizer. The corpus is kept in .build/fuzz/corpus, what
# crashed in .build/fuzz/found; both are tried first the next time. Ends with status 1 and the input's path if any crashes,
# takes more than 10 seconds or more than 2 GiB.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
build=.build/fuzz
rm -rf $build/seeds # some may have been deleted
mkdir -p $build/corpus $build/found $build/seeds

# Optimized, with Swift's checks and its assertions.
flags=(-O -assert-config Debug -gline-tables-only -sanitize=fuzzer,address -parse-as-library -swift-version 6 -wmo
  -I Sources/CZlib -Xcc -fmodule-map-file=Sources/CZlib/module.modulemap -I $build)
tools/compile-modules.sh $build "${flags[@]}"
swiftc "${flags[@]}" -use-ld=lld -module-name InstanceReader tools/fuzz/InstanceReader.swift $build/*.o -lz \
  -o $build/instance-reader

cp tools/fuzz/seeds/* $build/seeds/
for seed in tools/fuzz/seeds/*; do gzip -nc "$seed" >"$build/seeds/${seed##*/}.gz"; done

# The backtrace of Swift's runtime waits for a terminal that a fuzzer does not have.
status=0
SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=1 $build/instance-reader -max_total_time="$seconds" -timeout=10 \
  -rss_limit_mb=2048 -max_len=8192 -dict=tools/fuzz/instance.dict -artifact_prefix=$build/found/ -print_final_stats=1 \
  $build/corpus $build/seeds $build/found >$build/log 2>&1 || status=$?
if [ $status -ne 0 ]; then
  grep -E 'Fatal error|(Precondition|Assertion) failed|ERROR: |SUMMARY|    #[0-9]+ .*(Sources|tools)/' $build/log | head -30 >&2 || true
  found=$(sed -n 's/.*Test unit written to //p' $build/log | tail -1)
  echo "fuzz: the reader failed on ${found:-an input}; the whole output is in $build/log" >&2
  exit 1
fi
grep -E '^#[0-9]+\s+DONE|^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' $build/log
