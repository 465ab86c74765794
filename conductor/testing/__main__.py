"""``python -m conductor.testing`` runs a Conductor server for development, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import threading

from conductor.errors import ConfigurationError
from conductor.settings import AuthenticationSettings
from conductor.testing.dev_server import DevServer
from conductor.testing.server.guard import is_host, is_loopback


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    options = _options(arguments)
    if options.key is None and is_host(options.host) and not is_loopback(options.host):
        text = f"--host {options.host} lets other machines connect: give --key ID:SECRET, which they then need"
        return _refused(2, text)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        key = None if options.key is None else _key(options.key)
        server = DevServer(
            options.port,
            host=options.host,
            db=options.db,
            key=key,
            names=options.name,
            page_actions=not options.no_page_actions,
            chaos=options.chaos,
        ).start()
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


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m conductor.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines connect (default: 127.0.0.1)")
    parser.add_argument("--key", metavar="ID:SECRET", help="calls need a token for this access key")
    parser.add_argument(
        "--name", action="append", default=[], help="a further host name that clients use; '*' takes all; repeatable"
    )
    parser.add_argument("--no-page-actions", action="store_true", help="the page shows, and changes nothing")
    parser.add_argument("--db", default=":memory:", metavar="FILE", help="keep everything in a file")
    parser.add_argument("--chaos", type=int, metavar="SEED", help="make faults that workers get over, by this seed")
    return parser.parse_args(arguments)


def _key(text: str) -> AuthenticationSettings:
    key_id, _, key_secret = text.partition(":")
    if not (key_id and key_secret):
        raise ConfigurationError("--key must be ID:SECRET")
    return AuthenticationSettings(key_id, key_secret)


def _refused(code: int, message: str) -> int:
    print(f"conductor.testing: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
