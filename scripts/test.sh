#!/usr/bin/env bash
# Environment, checks and all tests, four at a time (-n 0: one after the other). The tests on a
# real server start one of their own (Java >= 21 and Maven); without these they are skipped in one line, unless
# REQUIRE_REAL_SERVER=1. Without pytest arguments, the built wheel is tested too, on every Python that is there.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

scripts/check.sh

running=$(scripts/conductor_server.sh url || true)
real_server=()
if url=$(scripts/conductor_server.sh start); then
  real_server=(--real-server "$url")
  [ -n "$running" ] || trap 'scripts/conductor_server.sh stop' EXIT
elif [ $? -ne 3 ] || [ "${REQUIRE_REAL_SERVER:-}" = 1 ]; then # 3: there is no Java or no Maven
  echo "test: no real server could be started" >&2
  exit 1
else
  echo "test: SKIPPED: the tests on a real Conductor server (the reason is above)"
fi

# pytest-xdist 3.8 waits for ever for a process that takes the place of a crashed one.
pytest -q -n 4 --dist loadgroup --max-worker-restart 0 "${real_server[@]}" "$@"
[ $# -gt 0 ] || scripts/test_wheel.sh
