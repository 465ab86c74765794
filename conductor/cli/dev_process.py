"""The process of ``conductor-worker dev`` in which the workers run. A new one follows each change of a file."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import click
import msgspec

from conductor._log import printable
from conductor.cli.dev_words import Words
from conductor.cli.log_setup import log_to_stderr
from conductor.cli.modules import STDERR, STDOUT, object_named
from conductor.cli.process_end import run_and_end
from conductor.cli.worker_process import start
from conductor.definition_files import scan_definitions
from conductor.development.code_definitions import Code, code_of, register_code, register_trials
from conductor.development.start_command import Shell
from conductor.errors import ApiError, ConductorError, ConfigurationError
from conductor.metrics import MetricsCollector
from conductor.runner.task_runner import TaskRunner
from conductor.supervision.worker_process import WorkerProcess
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.worker_program.options import RunOptions


def main() -> int:
    """Arguments: "json" or "", a Shell, the folder of definitions or "", the options, "reports" or "", a number,
    the socket and the pipe. The Shell and the options are JSON.

    Returns the exit status: 0, 1 if work is left behind, 2 if the workers cannot be started.
    """
    form, shell, definitions, options, reports, _number, socket, lifeline = sys.argv[1:]
    words = Words(as_json=True, file=_only_for_json()) if form == "json" else Words(as_json=False)
    process = WorkerProcess(int(socket), int(lifeline), MetricsCollector() if reports else None)
    log_to_stderr("conductor.runner.task_log")  # each execution is shown
    with ExitStack() as stack:
        try:
            client = stack.enter_context(ApiClient())
            folder = Path(definitions) if definitions else None
            code, runner = _started(client, msgspec.json.decode(options, type=RunOptions), folder, words)
        except ConductorError as error:
            _show_place(error.__cause__)
            process.refused(str(error))
            return 2
        words.say_starts(folder, msgspec.json.decode(shell, type=Shell), code.workflows, code.workers)
        return process.work(runner)


def _only_for_json() -> TextIO | None:
    """Standard output. All else that this process and its programs write there goes to standard error from now on."""
    if sys.__stdout__ is None:  # it is closed, and its number may be that of another file
        return None
    kept = os.fdopen(os.dup(STDOUT), "w", encoding="utf-8")
    os.dup2(STDERR, STDOUT)
    return kept


def _started(client: ApiClient, options: RunOptions, definitions: Path | None, words: Words) -> tuple[Code, TaskRunner]:
    code = code_of([object_named(name) for name in options.names])
    try:
        register_code(client, code)
        wants_trials = definitions is None or not _has_problems(definitions)
        if wants_trials and (trials := register_trials(client, code.workers)):
            code = Code(code.workers, trials)
            words.say("workflows", "there is none: each worker got a workflow of one step, to try it")
    except ApiError as error:
        words.say("problem", f"the definitions of the code are not registered: {error}", "bold red")
        code = Code(code.workers, [])
    runner = start(options, client, code.workers)
    words.say("workers", ", ".join(f"{each.task_name}{_domain(each)}" for each in code.workers))
    return code, runner


def _has_problems(definitions: Path) -> bool:
    """Whether a file cannot be used. It was printed already, and the file may hold the workflow of the workers."""
    try:
        return bool(scan_definitions(definitions)[1])
    except ConfigurationError:
        return True


def _domain(worker: Worker) -> str:
    return "" if worker.domain is None else f" (domain {worker.domain})"


def _show_place(error: BaseException | None) -> None:
    """The line of a syntax error, with a mark at the place."""
    if isinstance(error, SyntaxError):
        for line in "".join(traceback.format_exception_only(error)).splitlines():
            click.echo(printable(line), err=True)


if __name__ == "__main__":
    run_and_end(main)
