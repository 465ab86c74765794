#!/usr/bin/env bash
# Write requirements/dev.txt anew: all that development installs, in one version each, with the hashes of its files.
# It holds for every Python >= 3.11, on Linux, macOS and Windows.
#
#   scripts/lock.sh             after a change of the dependencies in pyproject.toml: what is locked stays if it can
#   scripts/lock.sh --upgrade   everything as new as pyproject.toml allows
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

uv pip compile --quiet --universal --python-version 3.11 --group dev --generate-hashes \
  --no-header --no-emit-index-url --no-emit-find-links --no-annotate --output-file requirements/dev.txt "$@" pyproject.toml
