"""For testing workers: a function alone (run_worker), or a runner without a server (FakeTaskClient).

Nothing here is used in production, and nothing is installed into pytest unless a conftest.py asks for it.
"""

from conductor.testing.kit import FakeTaskClient, run_worker

__all__ = ["FakeTaskClient", "run_worker"]
