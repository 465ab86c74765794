#!/usr/bin/env bash
# One fault after another against a worker: what became of its tasks, and how many results were lost. Exit code 1: some.
#
#   scripts/fault_report.sh               all faults, and what must hold besides
#   scripts/fault_report.sh --long        also what takes minutes
#   scripts/fault_report.sh reset lease   what has one of these in its name
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

PYTHONPATH=tests exec "$python" scripts/fault_report.py "$@"
