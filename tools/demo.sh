#!/usr/bin/env bash
# Clears a market from the bundled job history on a private server and leaves its files:
#   tools/demo.sh FOLDER     FOLDER/awards.csv, FOLDER/settlement.csv, FOLDER/server (stopped)
set -euo pipefail
folder=${1:?usage: tools/demo.sh FOLDER}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
gpumarket=$root/.build/release/gpumarket
# Root's server runs as the user postgres, who may have no way into the folder.
export GPUMARKET_HOME=$folder/server
if [ "$(id -u)" = 0 ] && ! runuser -u postgres -- test -x "$folder"; then GPUMARKET_HOME=/var/lib/gpumarket/demo; fi
unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGSERVICE PGSERVICEFILE
trap '"$gpumarket" server stop >/dev/null' EXIT
rm -f "$folder"/awards.csv "$folder"/settlement.csv*

"$gpumarket" replay "$root/data/history.csv" --from 2026-12-07 --days 7 --pool h100=64 --pool a100=32 \
  --reserve 0.80 --pricing vcg --effort "${GPUMARKET_DEMO_EFFORT:-standard}" --market demo

"$gpumarket" award list --market demo --csv >"$folder/awards.csv.new"
mv "$folder/awards.csv.new" "$folder/awards.csv"
"$gpumarket" settle export --market demo --format csv --round replay-2026-12-07 --out "$folder/settlement.csv"

shown=${folder#"$root"/}
home=${GPUMARKET_HOME#"$root"/}
cat <<TEXT

files: $shown/awards.csv ($(($(wc -l <"$folder/awards.csv") - 1)) awards), $shown/settlement.csv
look further, with this server's folder:
  export GPUMARKET_HOME=$home
  .build/release/gpumarket round show replay-2026-12-07 --market demo
  .build/release/gpumarket company list --market demo
  .build/release/gpumarket server stop
TEXT
