#!/usr/bin/env bash
# Builds the documentation site into .build/docs. A warning is an error: a broken link or anchor, a page that no list of
# pages has, a docstring that cannot be read. Then the spelling of pages, README and docstrings is checked.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

"$python" -m sphinx --quiet --fail-on-warning --keep-going --fresh-env --builder html \
  --doctree-dir .build/doctrees docs .build/docs
# `amout` is a mistake that a page shows, `atleast` stands in a message of the server, and `nin` is an operator.
codespell --ignore-words-list amout,atleast,nin README.md CHANGELOG.md CONTRIBUTING.md docs examples conductor scripts
echo "docs: .build/docs/index.html"
