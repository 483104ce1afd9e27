#!/usr/bin/env bash
# Runs the demo twice in a scratch folder and reads what it left: the last line of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
# What is read here does not hang on how good the allocation is.
export GPUMARKET_DEMO_EFFORT=${GPUMARKET_DEMO_EFFORT:-quick}
scratch=$(mktemp -d)
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
fail() {
  echo "✘ demo: $1" >&2
  tail -n 40 "$scratch/log" >&2
  exit 1
}
# What must not change between two runs: neither ids nor receipts, which carry times and chance.
outcome() { cut -d, -f1,2,5-12 "$scratch/demo/awards.csv" | sort; }

tools/demo.sh "$scratch/demo" >"$scratch/log" 2>&1 || fail "it ended with status $?"
for line in "^  bids  " "^  awards  " "^  welfare  " "^  certified gap" "^  ties  " "^  revenue  " "^  intervals: " "utilisation" \
  "dearest hours" "pays USD" "first come, first served" "prices drawn from model" "look further"; do
  grep -q "$line" "$scratch/log" || fail "its summary lacks \"$line\""
done
awards=$(($(wc -l <"$scratch/demo/awards.csv") - 1))
[ "$awards" -gt 100 ] || fail "awards.csv has $awards awards"
lines=$(grep -c '^replay-2026-12-07,\|,replay-2026-12-07,' "$scratch/demo/settlement.csv" || true)
[ "$lines" -eq "$awards" ] || fail "settlement.csv has $lines lines for $awards awards"
# Adds up a column of dollars in whole micro-dollars, which a double holds exactly.
total() {
  awk -F, -v column="$2" '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i; if (!at) exit 1; next }
    $at != "" { split($at, part, "."); sum += part[1] * 1000000 + substr(part[2] "000000", 1, 6) }
    END { printf "%.0f\n", sum }' "$1"
}
paid=$(total "$scratch/demo/awards.csv" payment_usd)
settled=$(total "$scratch/demo/settlement.csv" payment_exact_usd)
[ "$paid" -gt 0 ] || fail "awards.csv charges nothing"
[ "$paid" = "$settled" ] || fail "awards.csv sums to $paid micro-dollars, settlement.csv to $settled"
outcome >"$scratch/first"
tools/demo.sh "$scratch/demo" >"$scratch/log" 2>&1 || fail "its second run ended with status $?"
outcome | cmp -s - "$scratch/first" || fail "its second run awarded otherwise"
if pgrep -f -- "-D $scratch" >/dev/null; then fail "it left a server running"; fi
echo "✔ demo: twice, $awards awards, each with its line in settlement.csv, no server left"
