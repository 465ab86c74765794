"""For testing workers: a function alone, a runner without a server, and an embedded Conductor server.

``run_worker(execute, input_data)``: one function, once, and the result it would send; ``arun_worker`` is its form for
tests that are coroutines.
``DevServer()``: a Conductor in this process, on loopback, with a clock that can be advanced and faults on demand.
``FakeTaskClient()``: for ``TaskRunner``, without any HTTP. ``FakeClock``: for what takes a clock.

Nothing here is used in production, and nothing is installed into pytest unless a conftest.py asks for it with
``pytest_plugins = ["conductor.testing.pytest_plugin"]``.
"""

from conductor.testing.clock import FakeClock
from conductor.testing.dev_server import DevServer, TaskFailed
from conductor.testing.fakes import FakeTaskClient, arun_worker, run_worker

__all__ = ["DevServer", "FakeClock", "FakeTaskClient", "TaskFailed", "arun_worker", "run_worker"]
