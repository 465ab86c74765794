# shellcheck shell=bash
# Sourced by the other scripts: the project's virtual environment, made anew when what it is made from has changed.
# Leaves the checkout's root as the working directory and $python set; prints one line only when it has work to do.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# make_environment FOLDER PYTHON...: the locked packages and this checkout, for the first of the commands that will do.
make_environment() {
  local folder=$1 made_from base
  made_from=$(sed '/^\[tool\.ruff\]/,$d' pyproject.toml && cat requirements/dev.txt) # below are the tools' settings
  [ "$made_from" != "$(cat "$folder/made-from.txt" 2>/dev/null)" ] || return 0
  echo "environment: making $folder; its packages are downloaded, which may take some minutes" >&2
  shift
  if ! base=$(base_of "$@"); then
    echo "environment: Python 3.11 or newer is needed; set PYTHON to one." >&2
    exit 3
  fi
  rm -rf "$folder" &&
    "$base" -m venv "$folder" &&
    "$folder/bin/python" -m pip install --quiet --require-hashes --requirement requirements/dev.txt &&
    "$folder/bin/python" -m pip install --quiet --no-build-isolation --no-deps --editable . &&
    echo "$made_from" >"$folder/made-from.txt"
}

# The interpreter behind the first of the commands that is new enough: the command may be of the folder that is removed.
base_of() {
  local candidate base
  for candidate in "$@"; do
    base=$("$candidate" -c 'import sys; sys.version_info >= (3, 11) and print(sys._base_executable)' 2>/dev/null || true)
    [ -z "$base" ] || { echo "$base" && return; }
  done
  return 1
}

make_environment .venv "${PYTHON:-python3}" python3.13 python3.12 python3.11
export python=.venv/bin/python
PATH=$PWD/.venv/bin:$PATH
export PATH
