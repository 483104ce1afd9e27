#!/usr/bin/env bash
# Compiles the modules that read and clear an instance, each after those it imports, with other flags than the package's.
#   tools/compile-modules.sh FOLDER FLAG...   leaves FOLDER/<module>.o and .swiftmodule; what is newer than its sources stays
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
shift
mkdir -p "$folder"
stale=
[ "$(cat "$folder/flags" 2>/dev/null)" = "$*" ] || stale=yes
echo "$*" >"$folder/flags"
for module in Units Clearing Files Instances; do
  object=$folder/$module.o
  if [ -n "$stale" ] || [ ! -e "$object" ] || [ -n "$(find "Sources/$module" -newer "$object" -print -quit)" ]; then
    stale=yes
    rm -f "$object" # so that one half made is made again
    find "Sources/$module" -name '*.swift' -print0 | xargs -0 swiftc "$@" -enable-upcoming-feature ExistentialAny \
      -module-name "$module" -emit-module -emit-module-path "$folder/$module.swiftmodule" -emit-object -o "$object"
  fi
done
