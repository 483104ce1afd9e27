#!/usr/bin/env bash
# The same instance and effort give the same bytes by a build without optimisation, the debug and the release build, and one
# tuned to this processor without Swift's checks.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/compile-builds.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A day whose every payment is proven, in the core; a week that no tree reaches, annealed, cooled and searched in neighbourhoods.
python3 tools/builds/book.py 12 20 >"$scratch/day.json"
python3 tools/builds/book.py 168 500 >"$scratch/week.json"
compared=0
while read -r book rule effort proven; do
  for build in debug release; do
    .build/$build/gpumarket solve "$scratch/$book.json" --pricing "$rule" --effort "$effort" --json |
      sed 's/"seconds": [0-9.]*/"seconds": 0.0/' >"$scratch/$build"
  done
  for build in plain tuned; do .build/$build/answer "$scratch/$book.json" "$rule" "$effort" >"$scratch/$build"; done
  for build in debug release tuned; do
    if ! cmp -s "$scratch/plain" "$scratch/$build"; then
      echo "✘ builds: $book, $rule, effort $effort: the $build build answers otherwise than the plain build" >&2
      diff "$scratch/plain" "$scratch/$build" | head -10 >&2
      exit 1
    fi
  done
  # Where one of these changes, what is compared is no longer what is said above.
  for line in "\"pricing\": \"$rule\"" "\"proven\": $proven"; do
    if ! grep -q "$line" "$scratch/plain"; then
      echo "✘ builds: $book, $rule, effort $effort: the answer lacks $line; choose another book or effort" >&2
      exit 1
    fi
  done
  compared=$((compared + 1))
done <<END
day core-selecting 200 true
week vcg 20 false
week none 100 false
END
echo "✔ builds: plain, debug, release and tuned give the same bytes, $compared clearings"
