#!/usr/bin/env bash
# Check, build and test a release; with --publish, tag and upload it. docs/releasing.md tells the steps.
#
#   scripts/release.sh                     a dry run: nothing leaves this machine, and no tag is made
#   scripts/release.sh --skip-tests        a shorter dry run
#   scripts/release.sh --prepare VERSION   write the version, and give CHANGELOG.md its section; commit both
#   scripts/release.sh --publish           the whole, then push the tag and upload the files
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

exec "$python" scripts/release.py "$@"
