#!/usr/bin/env bash
# Installs the Debian packages this project builds and tests with, where they are missing.
#   tools/setup.sh              what building and `make demo` need
#   tools/setup.sh test         also what `make test` needs: outside checkers of our exports
# Says what it installs before it does. Needs root or passwordless sudo only when something is missing.
set -euo pipefail

packages=(postgresql-15 libpq-dev libsodium-dev libcurl4-openssl-dev zlib1g-dev pkg-config openssl)
if [ "${1:-}" = test ]; then
  packages+=(postgresql-15-pgtap nginx-light hledger ledger python3-venv faketime)
fi

if ! command -v swift >/dev/null; then
  echo "setup: no Swift toolchain on PATH; install Swift 6.2 or newer (https://www.swift.org/install) and run again" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing the Debian packages ${missing[*]}" >&2
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "setup: this needs root; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo -n)
  fi
  log=$(mktemp)
  # Debian would otherwise create and start a cluster of its own, which nobody here uses.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get failed; the whole output is in $log" >&2
    exit 1
  fi
  rm -f "$log"
fi
