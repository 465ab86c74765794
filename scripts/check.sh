#!/usr/bin/env bash
# Everything that is checked without running the tests: format, lint, types, imports, generated code, documentation.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

ruff format --quiet --check
ruff check --quiet
windows=$(mktemp) # what mypy says of the code on Windows, beside the other checks
trap 'rm -f "$windows"' EXIT
mypy --platform win32 --cache-dir .mypy_cache/win32 conductor generated/conductor_client openapi examples \
  >"$windows" 2>&1 & # the benchmarks need Linux
mypy
pyright
wait $! || failed=$?
cat "$windows"
[ -z "${failed:-}" ] || exit "$failed"
PYTHONPATH=generated lint-imports --no-cache | tail -n 8
shellcheck -x scripts/*.sh .ci/run
"$python" scripts/sync_snippets.py --check
"$python" scripts/docs_tables.py --check
"$python" scripts/served_document.py --check
scripts/docs.sh
"$python" scripts/generate_async_executors.py --check

state_of_generated() {
  git status --porcelain -- openapi generated
  find openapi generated -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 cat | cksum
}

# The generated client is what the document, the patches and the templates make, whatever the hash seed.
before=$(state_of_generated)
PYTHONHASHSEED=1 scripts/generate.sh >/dev/null
after=$(state_of_generated)
if [ "$before" != "$after" ]; then
  git status --short -- openapi generated
  echo "check: scripts/generate.sh changed the generated client; commit what it made" >&2
  exit 1
fi
if [ "${CI:-}" = true ] && [ -n "$(git status --porcelain)" ]; then
  git status --short
  echo "check: a clean checkout is not clean after the checks" >&2
  exit 1
fi
echo "check: all is well"
