#!/usr/bin/env bash
# Compiles what reads and clears an instance in two ways that the package does not, for tools/check-builds.sh: without any
# optimisation, its assertions on, and tuned to this processor without Swift's checks.
#   leaves .build/plain/answer and .build/tuned/answer
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  local folder=.build/$1
  shift
  local flags=("$@" -parse-as-library -swift-version 6
    -I Sources/CZlib -Xcc -fmodule-map-file=Sources/CZlib/module.modulemap -I "$folder")
  tools/compile-modules.sh "$folder" "${flags[@]}"
  swiftc "${flags[@]}" -module-name Answer tools/builds/Answer.swift "$folder"/*.o -lz -o "$folder/answer"
}
compile plain -Onone -wmo
compile tuned -Ounchecked -wmo -Xcc -march=native
