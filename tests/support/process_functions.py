"""Worker functions for processes: each must stand at the top of a module that a new process can import."""

import os
import signal
import sys
import time
from pathlib import Path

from conductor import NonRetryableError, TaskResult, TaskResultStatus, task_context


def work(task):
    """Does what the task's input says: a name from below, and its argument."""
    return DEEDS[task.input_data["do"]](task, task.input_data.get("with"))


def echo(task, value):
    return {"value": value, "process": os.getpid(), "type": task.task_type}


def wait_for(task, path):
    """Until the file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return {"process": os.getpid()}


def fork(task, value):
    """Comes back twice. Says whether its copy has ended soon."""
    copy = os.fork()
    if not copy:
        return {"copy": True}
    for _ in range(500):
        if os.waitpid(copy, os.WNOHANG) != (0, 0):
            return {"copy": False}
        time.sleep(0.01)
    os.kill(copy, signal.SIGKILL)
    raise TimeoutError("the copy lives on")


def die(task, how):
    """An exit code, or the name of a signal."""
    if how in signal.Signals.__members__:
        os.kill(os.getpid(), signal.Signals[how])
    os._exit(how)


def die_when(task, directory):
    """Leaves a file ``begun`` in the directory, and dies as soon as a file ``now`` is there."""
    (Path(directory) / "begun").touch()
    wait_for(task, f"{directory}/now")
    os._exit(1)


def fail(task, text):
    task_context().log("before it failed")
    raise ValueError(text)


def fail_for_good(task, text):
    raise NonRetryableError(text)


def leave(task, code):
    sys.exit(code)


def answer_later(task, seconds):
    result = TaskResult.from_task(task)
    result.status = TaskResultStatus.IN_PROGRESS
    result.callback_after_seconds = seconds
    return result


def unsendable(task, value):
    return {"here": [object()]}


def see_context(task, value):
    context = task_context()
    return {"task_id": context.task_id, "stopping": bool(context.stopping), "lost": bool(context.lost)}


DEEDS = {
    deed.__name__: deed
    for deed in (echo, wait_for, fork, die, die_when, fail, fail_for_good, leave, answer_later, unsendable, see_context)
}
