#!/usr/bin/env bash
# A real Conductor server for development, recording and tests.
#
#   scripts/conductor_server.sh start [option…]   start it if it is not running; print its API URL
#   scripts/conductor_server.sh url               print the API URL of the running server; exit 1 when there is none
#   scripts/conductor_server.sh stop              stop it and remove its data
#
# Options of the server, such as --conductor.db.type=postgres, take the place of those for an SQLite file of its own.
# CONDUCTOR_SERVER_VERSION chooses another version than the one that is tested here, whose jar is pinned by its checksum.
# Standard output carries nothing but the URL. Exit 3: Java >= 21 or Maven is missing.
# The jar is kept in ${CONDUCTOR_WORKER_CACHE:-~/.cache/conductor-worker}, the state in the folder CONDUCTOR_SERVER_STATE:
# another one for each server, by default .conductor-server/ of this checkout.
set -euo pipefail

pinned=3.32.3
pinned_sha256=6b1615a5beb82bbbfa05219d0f1b84440aa8c0bef1371662803ef5588d7d507b
version=${CONDUCTOR_SERVER_VERSION:-$pinned}
ready_within=180
cd "$(dirname "$0")/.."
state=${CONDUCTOR_SERVER_STATE:-$PWD/.conductor-server}
cache=${CONDUCTOR_WORKER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/conductor-worker}
jar=$cache/conductor-server-$version-boot.jar

say() { echo "conductor_server: $*" >&2; }

find_java() {
  local candidate major
  for candidate in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java \
    /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java "$HOME"/.sdkman/candidates/java/*/bin/java; do
    [ -x "$candidate" ] || continue
    major=$("$candidate" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "${major:-0}" -ge 21 ]; then
      echo "$candidate"
      return
    fi
  done
  say "Java 21 or newer is needed to run a Conductor server; set JAVA_HOME to one."
  exit 3
}

# The jar in the cache is checked at each start, too: others may write there.
check_sum() {
  if [ "$version" != "$pinned" ]; then
    say "the checksum of version $version is not known here: its jar is taken as it comes"
  elif [ "$(sha256_of "$1")" != "$pinned_sha256" ]; then
    say "$1 is not the jar of version $version: its SHA-256 is not $pinned_sha256. It is not started; remove it."
    exit 1
  fi
}

sha256_of() {
  { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}

fetch_jar() {
  if [ -f "$jar" ]; then
    check_sum "$jar"
    return
  fi
  if ! command -v mvn >/dev/null; then
    say "Maven (mvn) is needed to fetch the Conductor server."
    exit 3
  fi
  say "fetching Conductor server $version (458 MB, once)"
  local download
  mkdir -p "$cache"
  download=$(mktemp -d "$cache/download.XXXXXX")
  if ! mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="org.conductoross:conductor-server:$version:jar:boot" -DoutputDirectory="$download" >&2; then
    rm -rf "$download"
    say "Maven could not fetch org.conductoross:conductor-server:$version:jar:boot."
    exit 1
  fi
  check_sum "$download/$(basename "$jar")"
  mv "$download/$(basename "$jar")" "$jar" # a rename: an interrupted download never looks like a jar
  rmdir "$download"
}

# The process of the pid file, unless that number is another program's by now.
running() { [ -f "$state/pid" ] && ps -p "$(cat "$state/pid")" -o args= | grep -qF "$jar"; }

wait_until_ready() {
  local url started=$SECONDS
  url=$(cat "$state/url")
  until curl -fsS -m 2 "${url%/api}/health" >/dev/null 2>&1; do
    if ! running || [ $((SECONDS - started)) -ge $ready_within ]; then
      tail -n 20 "$state/log" >&2
      say "the server was not ready within $ready_within s; the end of its log is above."
      exit 1
    fi
    sleep 0.5
  done
  echo "$url"
}

stop() {
  if running; then
    local pid
    pid=$(cat "$state/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -rf "$state"
}

start() {
  if running; then
    wait_until_ready
    return
  fi
  local java port options=("$@")
  # synchronous=OFF: the data need not outlive a crash of the machine, and a slow disk makes no test slow
  [ $# -gt 0 ] ||
    options=("--spring.datasource.url=jdbc:sqlite:conductor.db?busy_timeout=15000&journal_mode=WAL&synchronous=OFF")
  java=$(find_java)
  fetch_jar
  stop # what a killed server left behind
  mkdir -p "$state/data"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  trap stop EXIT # until it is ready, whatever ends this script ends the server too
  cd "$state/data"
  setsid "$java" -Xmx1g -jar "$jar" --server.port="$port" \
    "${options[@]}" --conductor.integrations.ai.enabled=false --conductor.scheduler.enabled=false \
    --conductor.enable.ui.serving=false --conductor.app.taskExecutionPostponeDuration=1 \
    >"$state/log" 2>&1 </dev/null &
  echo $! >"$state/pid"
  echo "http://127.0.0.1:$port/api" >"$state/url"
  say "starting Conductor server $version on port $port"
  wait_until_ready
  trap - EXIT
}

case ${1:-} in
  start) start "${@:2}" ;;
  stop) stop ;;
  url) running && cat "$state/url" ;;
  *)
    sed -n 's/^#   //p' "$0" >&2
    exit 2
    ;;
esac
