#!/usr/bin/env bash
# Measure workers on this machine: this project's, other libraries', and bare loops. Prints tables; asserts nothing.
# --quick ends within two minutes; --help tells the rest.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

exec "$python" -m benchmarks "$@"
