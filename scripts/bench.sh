#!/usr/bin/env bash
# Measure on this machine what the project promises in figures. Prints tables; asserts nothing.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

"$python" scripts/footprint.py
"$python" scripts/dev_server_bench.py
"$python" scripts/outbox_bench.py
