#!/usr/bin/env bash
# Build the wheel and test it on every Python >= 3.11 that this machine has, on the PATH or by pyenv. The sources of the
# packages are in none of the folders that the tests run in: an import finds the installed wheel or nothing.
#
#   scripts/test_wheel.sh            each Python tries the wheel alone; all but the main one run the unit and server tests
#   scripts/test_wheel.sh --built    the same with the wheel in dist/
#
# The Pythons run at the same time, and each prints its lines at its end: many tests wait, and use no processor.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

version_of='import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info.releaselevel == "final" else "")'

main() {
  local wheel main_version minor index
  [ "${1:-}" = --built ] || "$python" scripts/build.py
  twine check --strict dist/*.whl dist/*.tar.gz
  wheel=$(echo "$PWD"/dist/*.whl)
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  copy_without_sources "$folder/checkout"
  write_constraints
  main_version=$("$python" -c "$version_of")
  try_wheel "$python" "$main_version" "$wheel"
  for minor in {11..30}; do
    [ "3.$minor" = "$main_version" ] || find_python "3.$minor"
  done
  [ -n "$newest" ] || echo "test_wheel: SKIPPED: the coverage, and the tests on other Pythons: there is no other one"
  for index in "${!versions[@]}"; do
    test_on "${versions[index]}" "${pythons[index]}" "$wheel" >"$folder/${versions[index]}.log" 2>&1 &
    processes+=($!)
  done
  await_all
}

versions=() pythons=() processes=() newest=""

# find_python VERSION: newer than the one before.
find_python() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    # a shim may be there without its Python
    [ "$("$candidate" -c "$version_of" 2>/dev/null)" = "$1" ] || continue
    versions+=("$1") pythons+=("$candidate") newest=$1
    return
  done
}

# Wait for all, and print what each of them has printed. Fails if one has failed.
await_all() {
  local index failed=()
  for index in "${!versions[@]}"; do
    wait "${processes[index]}" || failed+=("${versions[index]}")
    cat "$folder/${versions[index]}.log"
  done
  [ ${#failed[@]} = 0 ] || {
    echo "test_wheel: failed on Python ${failed[*]}" >&2
    return 1
  }
}

# test_on VERSION PYTHON WHEEL
test_on() {
  local version=$1 command=$2 wheel=$3
  try_wheel "$command" "$version" "$wheel"
  make_environment ".venv-$version" "$command"
  ".venv-$version/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
  run_tests "$PWD/.venv-$version/bin/python" "$version"
}

# try_wheel PYTHON VERSION WHEEL: a new environment with the wheel and its dependencies; then with the extra for the command,
# which a newcomer meets in docs/command-dev.md.
try_wheel() {
  local environment=$folder/$2
  "$1" -m venv "$environment"
  install_into "$environment" "$3"
  (cd "$folder" && "$environment/bin/python" "$folder/checkout/scripts/try_wheel.py")
  install_into "$environment" "$3$(extras_of_page)"
  (cd "$folder" && "$environment/bin/python" "$folder/checkout/scripts/follow_dev_page.py")
}

# install_into ENVIRONMENT WHEEL
install_into() { "$1/bin/python" -m pip install --quiet --constraint "$folder/constraints.txt" "$2"; }

# "[cli,dev-server]", as the line for pip of docs/command-dev.md has them.
extras_of_page() { sed -n "s/^pip install 'conductor-worker\(\[.*\]\)'\$/\1/p" docs/command-dev.md; }

# The locked versions. Without their hashes: pip would ask for the wheel's, too.
write_constraints() { sed '/^ *--hash/d; s/ \\$//' requirements/dev.txt >"$folder/constraints.txt"; }

copy_without_sources() {
  mkdir "$1"
  git ls-files -z --cached --others --exclude-standard -- . ':!conductor' ':!generated' |
    tar --create --null --files-from - | tar --extract --directory "$1"
}

# run_tests PYTHON VERSION: in a checkout of its own, because others run at the same time.
run_tests() (
  copy_without_sources "$folder/checkout-$2"
  cd "$folder/checkout-$2"
  "$1" -c 'import conductor, sys; print(f"{sys.version}: {conductor.__file__}"); assert "site-packages" in conductor.__file__'
  local coverage=()
  # Python 3.12 and later can count lines without a cost. Before, counting doubles the time of the tests.
  [ "$2" != "$newest" ] || coverage=(--cov=conductor --cov-report=)
  COVERAGE_CORE=sysmon "$1" -m pytest -q -n 2 --max-worker-restart 0 -p no:cacheprovider -m "not sources" \
    "${coverage[@]}" tests/unit tests/server
)

main "$@"
