#!/usr/bin/env bash
# A year at scale: 52 weekly rounds of 1,000 awards (or AWARDS) posted, closed month by month, exported in every format
# and checked, beside psql \copy of the same rows. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
awards=${AWARDS:-1000}
gpumarket=$PWD/.build/release/gpumarket
scratch=$(mktemp -d)
chmod 755 "$scratch"
export GPUMARKET_HOME=$scratch/server
unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGSERVICE PGSERVICEFILE
trap '"$gpumarket" server stop >/dev/null; rm -rf "$scratch"' EXIT
run() { python3 tools/year/measure.py "$@"; }

"$gpumarket" migrate --slot-minutes 60 >/dev/null
conninfo=$("$gpumarket" server status | sed -n 's/^running: //p')
echo "52 rounds of $awards awards: seconds, and the most memory of one program"
run "published, posted, closed, paid" psql -qX "$conninfo" -v awards="$awards" -f tools/year/fill.sql
run "settle check: the ledger proves itself" "$gpumarket" settle check
declare -A names=([csv]=csv [json]=json [focus]=csv [focus-1.2]=csv [hledger]=journal [beancount]=beancount
  [netsuite]=csv [quickbooks]=csv [xero]=csv)
for format in csv json focus focus-1.2 hledger beancount netsuite quickbooks xero; do
  file=$scratch/$format.${names[$format]}
  run "settle export --format $format ($format)" "$gpumarket" settle export --format "$format" --all --out "$file"
  run "settle check on it, $(du -m "$file" | cut -f1) MB" "$gpumarket" settle check "$file"
done
# The same rows by the quickest way out of the database, as a yardstick.
run "psql \\copy of the charges' rows" psql -qX "$conninfo" -c \
  "\\copy (SELECT * FROM ledger.charge_lines(NULL, NULL, NULL, NULL, NULL)) TO '$scratch/copy.csv' CSV HEADER"
run "psql \\copy of the journal's rows" psql -qX "$conninfo" -c \
  "\\copy (SELECT * FROM ledger.journal(NULL, NULL, NULL, NULL, NULL)) TO '$scratch/copy.csv' CSV HEADER"
for checker in hledger ledger; do
  command -v $checker >/dev/null || { echo "  $checker is not installed"; continue; }
done
! command -v hledger >/dev/null || run "hledger check -s" hledger -f "$scratch/hledger.journal" check -s
! command -v ledger >/dev/null || run "ledger --strict --pedantic" \
  ledger --init-file /dev/null -f "$scratch/hledger.journal" --strict --pedantic bal
[ ! -x .venv/checkers/bin/bean-check ] || run "bean-check" .venv/checkers/bin/bean-check "$scratch/beancount.beancount"
if [ -x .venv/checkers/bin/focus-validator ]; then
  # It ends with 0 whatever it finds; its words decide.
  libraries=$(echo "$PWD"/.venv/checkers/lib/python*/site-packages)
  run "focus-validator 1.0" bash -c "cd '$libraries' && '$PWD/.venv/checkers/bin/focus-validator' \
    --data-file '$scratch/focus.csv' --validate-version 1.0 | grep -q 'Validation succeeded.'"
fi
