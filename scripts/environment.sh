# shellcheck shell=bash
# Sourced by the other scripts: the project's virtual environment, made anew when what it is made from has changed.
# Leaves the checkout's root as the working directory and $python set; prints one line only when it has work to do.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
python=.venv/bin/python
made_from=$(sed '/^\[tool\.ruff\]/,$d' pyproject.toml) # the dependencies; below are the tools' settings
if [ "$made_from" != "$(cat .venv/made-from.toml 2>/dev/null)" ]; then
  echo "environment: making .venv" >&2
  base=""
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      base=$candidate
      break
    fi
  done
  if [ -z "$base" ]; then
    echo "environment: Python 3.11 or newer is needed; set PYTHON to one." >&2
    exit 3
  fi
  rm -rf .venv
  "$base" -m venv .venv
  "$python" -m pip install --quiet --upgrade "pip>=25.1" # dependency groups
  "$python" -m pip install --quiet --editable . --group dev
  echo "$made_from" >.venv/made-from.toml
fi
PATH=$PWD/.venv/bin:$PATH
export PATH
