#!/usr/bin/env bash
# Record cassettes/ anew from a fresh real server (the token calls from a local stand-in), then replay them.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

scripts/conductor_server.sh stop # what it still held would be in the recordings
url=$(scripts/conductor_server.sh start)
pytest -q tests/contract/test_cassettes.py --real-server "$url" --record-cassettes
pytest -q tests/contract/test_cassettes.py
