"""Test workers: a function alone, a runner without a server, and an embedded Conductor server.

``run_worker(execute, input_data)`` calls a function once, and returns the result that would be sent. ``arun_worker`` is
its form for tests that are coroutines.
``check_idempotent(execute, input_data)`` calls a function twice on one task, and raises if that makes a difference.
``acheck_idempotent`` is its form for tests that are coroutines.
``DevServer()`` is a Conductor server in this process. Tests can put its clock forward and let it make errors.
``FakeTaskClient()`` takes the place of the server for a ``TaskRunner``, without HTTP.
``FakeClock`` is a clock that stands still until the test moves it.

Nothing here is used in production. pytest loads nothing of it, unless a conftest.py asks for the plugin with
``pytest_plugins = ["conductor.testing.pytest_plugin"]``.
"""

from conductor.testing.dev_server import DevServer, TaskFailed, UnresolvedInput
from conductor.testing.engine.state.clock import FakeClock
from conductor.testing.fakes import FakeTaskClient, arun_worker, run_worker
from conductor.testing.idempotency import acheck_idempotent, check_idempotent

__all__ = [
    "DevServer",
    "FakeClock",
    "FakeTaskClient",
    "TaskFailed",
    "UnresolvedInput",
    "acheck_idempotent",
    "arun_worker",
    "check_idempotent",
    "run_worker",
]
