"""Serves until its standard input ends. Its argument: the settings as JSON. It prints its URL."""

from __future__ import annotations

import json
import sys

from benchmarks.server.settings import ServerSettings
from benchmarks.server.tasks import TaskServer

if __name__ == "__main__":
    server = TaskServer(ServerSettings(**json.loads(sys.argv[1])))
    print(server.url, flush=True)
    server.run()
