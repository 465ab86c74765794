#!/usr/bin/env bash
# The unit tests and those of the servers on every other Python >= 3.11 that this machine has: on the PATH or by pyenv.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

version_of='import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info.releaselevel == "final" else "")'
tested=$("$python" -c "$version_of")
for minor in {11..30}; do
  version=3.$minor
  [ "$version" != "$tested" ] || continue
  for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    # a shim may be there without its Python
    [ "$("$candidate" -c "$version_of" 2>/dev/null)" = "$version" ] || continue
    make_environment ".venv-$version" "$candidate"
    echo "Python $version:"
    ".venv-$version/bin/pytest" -q -n 2 -p no:cacheprovider tests/unit tests/server
    break
  done
done
