#!/usr/bin/env bash
# Take one mechanism after another out of a copy of this checkout, and see which fault tests go red. Exit code 1: none.
#
#   scripts/take_out.sh             all mechanisms
#   scripts/take_out.sh drain outbox
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

exec "$python" scripts/take_out.py "$@"
