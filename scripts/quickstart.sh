#!/usr/bin/env bash
# From nothing to workers that run: environment, server, 20 workflows, and what to type next.
#
#   scripts/quickstart.sh           on the server at CONDUCTOR_SERVER_URL, else on an embedded one
#   scripts/quickstart.sh --real    on a real Conductor server, started here (Java >= 21 and Maven)
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

serve="  $python -m conductor.testing            # an embedded server at port 8080, until Ctrl-C; each program in a terminal
"
stop=""
if [ "${1:-}" = --real ]; then
  CONDUCTOR_SERVER_URL=$(scripts/conductor_server.sh start)
  serve=""
  stop="
  scripts/conductor_server.sh stop         # end the server that was started for this"
elif [ -n "${CONDUCTOR_SERVER_URL:-}" ]; then
  serve=""
else
  exec {embedded}< <(exec "$python" -m conductor.testing --port 0)
  trap 'kill $!' EXIT
  read -r CONDUCTOR_SERVER_URL <&"$embedded"
fi
export CONDUCTOR_SERVER_URL
lasting_url=$CONDUCTOR_SERVER_URL
[ -z "$serve" ] || lasting_url=http://127.0.0.1:8080/api
echo "Conductor server: $CONDUCTOR_SERVER_URL"

"$python" scripts/quickstart.py

cat <<END

What next:
$serve  export CONDUCTOR_SERVER_URL=$lasting_url
  $python examples/first_worker.py        # a worker, until Ctrl-C; then in another terminal:
  $python examples/first_workflow.py      # run a workflow that calls it, and print its output
  \$EDITOR examples/first_worker.py         # change the worker, run both again$stop
END
