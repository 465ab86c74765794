#!/usr/bin/env bash
# From nothing to workers that run: environment, server, 20 workflows, and what to type next.
# The server is the one at CONDUCTOR_SERVER_URL, or a real one that is started here.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

if [ -z "${CONDUCTOR_SERVER_URL:-}" ]; then
  CONDUCTOR_SERVER_URL=$(scripts/conductor_server.sh start)
  started_here=1
fi
export CONDUCTOR_SERVER_URL
echo "Conductor server: $CONDUCTOR_SERVER_URL"

"$python" scripts/quickstart.py

cat <<END

What next:
  export CONDUCTOR_SERVER_URL=$CONDUCTOR_SERVER_URL
  $python examples/quickstart.py      # the two workers, until Ctrl-C
  $python examples/from_outside.py    # complete a task without a worker
  \$EDITOR examples/quickstart.py       # change a worker, run it again
END
[ -z "${started_here:-}" ] || echo "  scripts/conductor_server.sh stop    # end the server that was started for this"
