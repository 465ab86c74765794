"""The workers of ``conductor-worker run`` in this process; as a program, one of its several processes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from conductor._log import logger_of
from conductor.cli.log_setup import set_up_log
from conductor.cli.modules import object_of_option, workers_named
from conductor.cli.process_end import run_and_end
from conductor.errors import ConductorError, ConfigurationError
from conductor.metrics import MetricsCollector
from conductor.runner.task_runner import TaskRunner
from conductor.settings import HttpSettings
from conductor.supervision.worker_process import WorkerProcess
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.worker_program.options import RunOptions
from conductor.worker_program.program import Parts, started

logger = logger_of(__name__)


def start(options: RunOptions, client: ApiClient, workers: Sequence[Worker] | None = None) -> TaskRunner:
    """A runner whose workers run.

    workers: if they are not given, those that the options name.
    ConfigurationError: an object cannot be imported, or cannot work. ConductorError: other code of the user, such as
    the lifespan, has failed; its traceback is logged.
    """
    parts = Parts(
        workers_named(tuple(options.names)) if workers is None else workers,
        [object_of_option("--interceptor", name) for name in options.interceptors],
        None if options.lifespan is None else object_of_option("--lifespan", options.lifespan),
    )
    try:
        return started(options, client, parts)
    except ConfigurationError:
        raise
    except Exception as error:
        logger.exception("the workers cannot be started")
        raise ConductorError(f"the workers cannot be started: {type(error).__name__}: {error}") from error


def main() -> int:
    """Arguments: the descriptor of the lock, the options as JSON, "reports" or "", a number, the socket, and the pipe.

    Returns the exit status: 0, 1 if work is left behind, 2 if the workers cannot be started.
    """
    turn, options_text, reports, number, socket, lifeline = sys.argv[1:]
    options = msgspec.json.decode(options_text, type=RunOptions).for_place(int(number))
    collector = MetricsCollector(legacy_names=options.legacy_names) if reports else None
    process = WorkerProcess(int(socket), int(lifeline), collector)
    set_up_log(options.log_format, options.log_level, int(turn))
    with ExitStack() as stack:
        try:
            client = stack.enter_context(ApiClient(http_settings=HttpSettings(options.server)))
            runner = start(options, client)
        except ConfigurationError as error:
            process.refused(str(error))
            return 2
        except ConductorError:
            return 1
        return process.work(runner)


if __name__ == "__main__":
    run_and_end(main)
