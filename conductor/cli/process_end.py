"""The end of a process that has run the code of a user."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from conductor._log import logger_of

logger = logger_of(__name__)

WITHIN = 5.0
"""Seconds that threads of the user's code have to end, and so have the functions of ``atexit``."""


def run_and_end(main: Callable[[], int]) -> NoReturn:
    """Call the function, and end the process with its status within ``WITHIN`` seconds, whatever its threads do.

    Python itself waits without a limit for each thread that is no daemon.
    """
    try:
        sys.exit(main())
    except BaseException as end:  # Python shows the traceback of an error before it waits
        code = end.code if isinstance(end, SystemExit) else 1
        status = code if isinstance(code, int) else bool(code)
        with suppress(RuntimeError):  # the system has no thread left
            threading.Thread(target=_end, args=(int(status),), name="conductor-end", daemon=True).start()
        raise


def _end(status: int) -> None:
    threading.Event().wait(WITHIN)
    main = threading.main_thread()
    left = [f"thread {each.name}" for each in threading.enumerate() if not each.daemon and each is not main]
    logger.error("this process ends, although this still runs: %s", ", ".join(left) or "a function of atexit")
    with suppress(OSError, ValueError):  # it is closed, or nobody reads it
        sys.stdout.flush()
    os._exit(status)
