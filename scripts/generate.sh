#!/usr/bin/env bash
# Generate generated/conductor_client from openapi/conductor.json: patch, generate with our templates, check, put in place.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

fail() {
  echo "generate: $*" >&2
  exit 1
}

# Templates do not survive even a patch release of the generator; another ruff formats differently.
[[ $(openapi-python-client --version) =~ (^|[^0-9.])0\.29\.1$ ]] || fail "openapi-python-client 0.29.1 is needed"
[[ $(ruff --version) == "ruff 0.17.6" ]] || fail "ruff 0.17.6 is needed"
sum=$("$python" -c 'import hashlib, pathlib; print(hashlib.sha256(pathlib.Path("openapi/conductor.json").read_bytes()).hexdigest())')
grep -qF "\"$sum\"" openapi/SOURCE.json || fail "openapi/conductor.json is not the document of openapi/SOURCE.json"

# All happens aside, so that a failure leaves the package as it was.
output=.build/generated/conductor_client
rm -rf .build/generated
mkdir -p .build/generated
"$python" openapi/patches/apply.py openapi/conductor.json .build/openapi.json
openapi-python-client generate --path .build/openapi.json --config openapi/config.yaml \
  --custom-template-path openapi/templates --meta none --output-path "$output" --fail-on-warning
rm -rf "$output/.ruff_cache"
cp openapi/templates/*.py "$output/"  # modules for which the generator has no template
rm "$output/types.py"  # its own, which nothing uses
touch "$output/py.typed"

"$python" -B openapi/check.py .build/openapi.json .build/generated
if grep -rnE "^\s*(from|import) (httpx|attrs?)\b" "$output"; then
  fail "the generated code imports what must not be a run-time dependency"
fi
files=$(find "$output" -name "*.py" | wc -l)
lines=$(find "$output" -name "*.py" -exec cat {} + | wc -l)
((files < 130 && lines < 6000)) || fail "the output has grown past 130 files or 6000 lines"

rm -rf generated/conductor_client
mkdir -p generated
mv "$output" generated/
echo "generate: $files files, $lines lines"
