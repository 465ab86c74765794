"""Real threads and real sockets, against a server that goes wrong on demand."""

import re
import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from conductor import ApiClient, HttpSettings, MetricsCollector, TaskRunner
from conductor.testing import FakeClock
from support.handlers import noting_signals
from support.programs import Programs
from support.raw_server import RawServer
from support.stub import Stub
from support.waiting import Gate, eventually

TASK_ID = re.compile(r"\btask_?id\b", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _no_thread_stays_behind():
    """Those that a runner, or the server, started in the test end with it."""
    before = set(threading.enumerate())
    yield
    ours = ("conductor-", "raw-server")
    eventually(lambda: not [t.name for t in threading.enumerate() if t not in before and t.name.startswith(ours)])


@pytest.fixture(autouse=True)
def _a_record_that_names_a_task_has_its_ids(caplog):
    """Whatever goes wrong in a test: a line about a task has attributes for formatters, and its ids in its text."""
    yield
    for record in caplog.get_records("call"):
        ids = [vars(record).get(name) for name in ("task_id", "workflow_instance_id", "task_name")]
        if record.name.startswith("conductor.") and (any(ids) or TASK_ID.search(record.msg)):
            assert None not in ids, record.getMessage()
            assert "retry_count" in vars(record)
            assert f"task_id='{ids[0]}'" in record.getMessage()


@pytest.fixture
def server():
    with RawServer(longest_wait=0.05) as server:  # a poll in flight is what the end of most tests waits for
        yield server


@pytest.fixture
def stub():
    """A scripted server."""
    with Stub() as stub:
        yield stub


@pytest.fixture
def own_handlers():
    """The numbers of the signals that came to handlers of the program's own, which it had installed before it waits."""
    with noting_signals() as came:
        yield came


@pytest.fixture
def programs():
    with Programs() as programs:
        yield programs


@pytest.fixture
def api_client(server):
    with ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client:
        yield client


@pytest.fixture
def lost():
    """What the runner gave to on_result_lost: (result, error), in order."""
    return []


@pytest.fixture
def runner(api_client, lost):
    with TaskRunner(
        api_client,
        worker_id="worker-1",
        shutdown_timeout=5,
        on_result_lost=lambda result, error: lost.append((result, error)),
    ) as runner:
        yield runner


class RecordingClock(FakeClock):
    """A FakeClock that keeps what it was asked to wait for: ``waits`` are (thread's name, seconds)."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, event, seconds):
        self.waits.append((threading.current_thread().name, seconds))
        return super().wait(event, seconds)

    def poll_waits(self):
        """The seconds that pollers waited, or wait, after a poll; without those of no length."""
        return [seconds for name, seconds in self.waits if name.startswith("conductor-poll") and seconds]

    def run_until(self, probe, step=1.0):
        """Let time run, many steps in a second, until the probe is true; returns how much has passed meanwhile."""
        started = self.now()
        give_up_at = time.monotonic() + 20
        while not probe():
            assert time.monotonic() < give_up_at, f"not within {self.now() - started} s of this clock"
            self.advance(step)
            time.sleep(0.006)  # a FakeClock's waits notice within 5 ms
        return self.now() - started


@pytest.fixture
def clock(server, runner):
    """The runner's clock, which stands still: what happens without it being moved waits for nothing."""
    clock = runner._setup.clock = RecordingClock()
    yield clock
    server.clear_faults()
    server.up()
    runner.shutdown()
    end = threading.Thread(target=runner.wait_workers)
    end.start()
    clock.run_until(lambda: not end.is_alive(), step=0.1)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def counted():
    """A function: by how much a metric has grown in this test, over all its samples with these labels."""
    registry = CollectorRegistry()
    registry.register(MetricsCollector())

    def snapshot():
        return [
            (sample.name, sample.labels, sample.value) for metric in registry.collect() for sample in metric.samples
        ]

    def total(samples, wanted, labels):
        return sum(value for name, has, value in samples if name == wanted and labels.items() <= has.items())

    before = snapshot()
    return lambda name, **labels: total(snapshot(), name, labels) - total(before, name, labels)
