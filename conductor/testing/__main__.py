"""``python -m conductor.testing``: a Conductor server for development, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import threading

from conductor.errors import ConfigurationError
from conductor.testing.dev_server import DevServer


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m conductor.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines connect (default: 127.0.0.1)")
    parser.add_argument("--db", default=":memory:", metavar="FILE", help="keep everything in a file")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = DevServer(options.port, host=options.host, db=options.db).start()
    except ConfigurationError as error:
        return _refused(2, str(error))
    except sqlite3.Error as error:
        return _refused(2, f"--db {options.db}: {error}")
    except OSError as error:
        return _refused(1, f"cannot listen on {options.host}:{options.port}: {error}")
    with server:
        print(server.url, flush=True)  # noqa: T201
        print(f"the page for the browser: {server.url.removesuffix('api')}   (Ctrl-C ends it)", flush=True)  # noqa: T201
        stop.wait()
    return 0


def _refused(code: int, message: str) -> int:
    print(f"conductor.testing: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
