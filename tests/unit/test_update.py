"""Results that cannot even be sent: through a runner, with a TaskClient in which something else goes wrong."""

import contextlib

import pytest

from conductor import ConductorError, TaskResult, TaskResultStatus, TaskRunner
from conductor.runner.outbox import Outbox
from conductor.testing import FakeTaskClient


class BrokenClient(FakeTaskClient):
    """Raises what no client should, for results with an output."""

    def update(self, result):
        if result.output_data:
            raise RecursionError("maximum recursion depth exceeded")
        super().update(result)

    def update_and_poll(self, result):
        self.update(result)
        return super().update_and_poll(result)


@pytest.mark.parametrize("status", ["COMPLETED", "IN_PROGRESS"])
def test_a_result_that_cannot_be_sent_is_named_and_its_task_fails_for_good(status, tmp_path, caplog):
    client, lost = BrokenClient(), []

    def worker(task):
        return TaskResult(task.task_id, task.workflow_instance_id, status, output_data=task.input_data)

    outbox = tmp_path / "outbox.db"
    task_id = client.add_task("t", {"n": 1})
    with TaskRunner(client, outbox=outbox, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", worker, poll_timeout=0.01)
        replacement = client.results(1)[0]
    assert (replacement.task_id, replacement.status) == (task_id, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR)
    assert "RecursionError while it was sent" in replacement.reason_for_incompletion
    ((result, error),) = lost
    assert (result.output_data, isinstance(error, ConductorError)) == ({"n": 1}, True)
    assert f"a bug kept a result from being sent (task_id={task_id!r})" in caplog.text
    with contextlib.closing(Outbox(outbox, client.server)) as next_start:
        assert next_start.next_left() is None
