"""Worker functions for processes: each must stand at the top of a module that a new process can import."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

from conductor import NonRetryableError, Task, TaskResult, TaskResultStatus, process_pool, task_context, worker_task


def work(task):
    """Does what the task's input says: a name from below, and its argument."""
    return DEEDS[task.input_data["do"]](task, task.input_data.get("with"))


@worker_task("decorated", executor=process_pool(1))
def decorated(task: Task):
    return {"process": os.getpid(), "name": task.input_data["name"]}


def work_as_given(task):
    """The same, as the input of a workflow says it."""
    given = task.input_data["given"]
    return DEEDS[given["do"]](task, given.get("with"))


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


def begin_and_wait(task, directory):
    """Leaves a file named after the task in the directory, and ends as soon as a file ``now`` is there."""
    (Path(directory) / task.task_id).touch()
    return wait_for(task, f"{directory}/now")


def die_when(task, directory):
    """Leaves a file ``begun`` in the directory, and dies as soon as a file ``now`` is there."""
    (Path(directory) / "begun").touch()
    wait_for(task, f"{directory}/now")
    os._exit(1)


def fail(task, text):
    task_context().log("before it failed")
    raise ValueError(text)


def tell_and_die(task, value):
    """Half of it on a thread that the function has started."""
    context = task_context()
    context.log("one")
    thread = threading.Thread(target=context.log, args=("two",))
    thread.start()
    thread.join()
    context.set_output({"done": 1})
    context.set_output({"done": 2})
    os._exit(3)


def tell_and_hang(task, path):
    task_context().log("one")
    task_context().set_output({"done": 1})
    Path(path).touch()
    threading.Event().wait(60)


def tell_slowly(task, count):
    """So many lines, for a little more than a second each ten."""
    for number in range(count):
        task_context().log(f"line {number}")
        time.sleep(0.11)


def tell_much(task, count):
    for number in range(count):
        task_context().log(str(number))


def put_off(task, seconds):
    """Forgets to return it."""
    task_context().set_output({"done": 1})
    task_context().in_progress(seconds)


def tell_time(task, value):
    context = task_context()
    return {"left": context.seconds_left(), "worker_id": context.worker_id, "deadline": context.deadline}


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


def tell(task, text):
    """Puts the text into the task's log and output."""
    task_context().log(text)
    task_context().set_output({"told": text})


def see_lifespan(task, value):
    return {"state": task_context().state}


def wait_for_flag(task, name):
    context = task_context()
    getattr(context, name).wait(20)
    return {"lost": bool(context.lost), "stopping": bool(context.stopping)}


def log_records(task, text):
    logging.getLogger("support.detailed").debug(text)
    plain = logging.getLogger("support.plain")
    plain.debug("not at this level")
    plain.info("two %d", 2, extra={"extra_number": 7, "extra_object": Path("x")})
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        plain.exception("it failed")


def log_for_ever(task, value):
    """On a thread that goes on between tasks."""

    def log():
        for number in itertools.count():
            logging.getLogger("support.mad").info("%d %s", number, "x" * 100_000)

    threading.Thread(target=log, daemon=True).start()


def log_and_die(task, text):
    logging.getLogger("support.plain").warning(text)
    os._exit(1)


def start_a_process(task, value):
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return {"process": sleeping.pid}


def leave_copy_and_die(task, value):
    """The copy has left the group of its process, which so does not end it."""
    warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
    if not os.fork():
        os.setsid()
        time.sleep(5)
        os._exit(0)
    os._exit(1)


def say(task, text):
    sys.stdout.write(text)


def refuse(text):
    """An initializer that fails."""
    raise ValueError(text)


def refuse_if(path):
    """An initializer that fails while the file is there."""
    if Path(path).exists():
        raise ValueError(f"{path} is broken")


def wait_while(path):
    """An initializer that waits while the file is there."""
    while Path(path).exists():
        time.sleep(0.01)


def note(directory):
    """An initializer that adds a letter to a file named after its process."""
    with (Path(directory) / str(os.getpid())).open("a") as file:
        file.write("x")


DEEDS = {
    deed.__name__: deed
    for deed in (
        echo,
        wait_for,
        fork,
        die,
        begin_and_wait,
        die_when,
        fail,
        tell_and_die,
        tell_and_hang,
        tell_slowly,
        tell_much,
        put_off,
        tell_time,
        fail_for_good,
        leave,
        answer_later,
        unsendable,
        see_context,
        see_lifespan,
        tell,
        wait_for_flag,
        log_records,
        log_for_ever,
        log_and_die,
        start_a_process,
        leave_copy_and_die,
        say,
    )
}
