"""SIGTERM in the middle of a run on a real server: every started task's result is accepted."""

import os
import signal
import subprocess
import sys

from support.waiting import eventually

SCRIPT = """
import os, sys, time
from conductor import TaskRunner

def worker(task):
    os.write(1, f"{task.task_id}\\n".encode())  # in one piece
    time.sleep(0.05)

runner = TaskRunner()
for ref in ("a", "b"):
    runner.start_worker(f"{sys.argv[1]}_{ref}", worker, batch_size=5)
sys.exit(not runner.wait_workers())
"""


def test_sigterm_in_the_middle_of_two_hundred_workflows_loses_nothing(
    tasks, workflows, runner, a_workflow, ended, server_url
):
    name = a_workflow("a", "b")
    ids = [workflows.start_workflow(name) for _ in range(200)]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, name],
        env=os.environ | {"CONDUCTOR_SERVER_URL": server_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: tasks.queue_size(f"{name}_a") < 120)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    started = output.split()
    assert len(started) == len(set(started))
    assert 80 <= len(started) < 400
    for task_id in started:
        assert tasks.get_task(task_id).status == "COMPLETED"
    executed = []
    for ref in ("a", "b"):
        runner.start_worker(f"{name}_{ref}", lambda task: executed.append(task.task_id), batch_size=10)
    for workflow_id in ids:
        assert ended(workflow_id)[0].status == "COMPLETED"
    assert len(executed) + len(started) == 400  # nothing was executed twice
