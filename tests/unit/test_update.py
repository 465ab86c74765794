"""Results that cannot even be sent: through a runner, with a TaskClient in which something else goes wrong."""

import contextlib

import pytest

from conductor import ConductorError, TaskResult, TaskResultStatus, TaskRunner
from conductor.runner.outbox import Outbox
from conductor.testing import FakeTaskClient


class BrokenClient(FakeTaskClient):
    """Raises what no client should, for results with an output."""

    def update(self, result):
        self._break(result)
        super().update(result)

    def update_and_poll(self, result):
        self._break(result)
        return super().update_and_poll(result)

    @staticmethod
    def _break(result):
        if result.output_data:
            raise RecursionError("maximum recursion depth exceeded")


@pytest.fixture
def lost():
    return []


def test_a_result_that_cannot_be_sent_is_named_and_its_task_fails_for_good(lost, tmp_path, caplog):
    client, outbox = BrokenClient(), tmp_path / "outbox.db"
    task_id = client.add_task("t", {"n": 1})
    with TaskRunner(client, outbox=outbox, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", lambda task: task.input_data, poll_timeout=0.01)
        replacement = client.results(1)[0]
    assert (replacement.task_id, replacement.status) == (task_id, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR)
    assert "RecursionError while it was sent" in replacement.reason_for_incompletion
    ((result, error),) = lost
    assert (result.output_data, isinstance(error, ConductorError)) == ({"n": 1}, True)
    assert f"a bug kept a result from being sent (task_id={task_id!r})" in caplog.text
    with contextlib.closing(Outbox(outbox, client.server)) as next_start:
        assert next_start.next_left() is None


def test_a_task_that_was_perhaps_put_off_is_not_failed_while_it_may_run_elsewhere(lost):
    def puts_off(task):
        return TaskResult(task.task_id, task.workflow_instance_id, "IN_PROGRESS", output_data=task.input_data)

    client = BrokenClient()
    client.add_task("t", {"n": 1})
    sound = client.add_task("t")
    with TaskRunner(client, on_result_lost=lambda result, error: lost.append(result.task_id)) as runner:
        runner.start_worker("t", lambda task: puts_off(task) if task.input_data else None, poll_timeout=0.01)
        assert [result.task_id for result in client.results(1)] == [sound]
    assert lost == ["task-1"]
