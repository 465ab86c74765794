"""Worker functions that change what is not theirs: their input, the log, the process. Other tasks do not see it."""

import json
import logging
import signal

from conductor import task_context
from support.programs import waits_for_signals
from support.raw_faults import Delay, conductor_error
from support.spelling import either_spelling
from support.waiting import eventually

ODD_TEXT = "one\ntwo\r\x1b[31mred\x00\u2028end"


@either_spelling
def test_w14_changes_of_the_input_are_seen_by_no_other_task(server, runner, spell):
    seen = []

    def worker(task):
        seen.append((task.input_data, task.output_data, task.retry_count))
        seen[-1] = json.dumps(seen[-1])
        task.input_data["mark"] = task.output_data["mark"] = True
        if task.input_data.get("order"):
            task.input_data["order"].clear()
        raise ValueError("again")

    server.add_task("t", inputData={"order": [1]})
    server.add_tasks("t", 2, inputData=None, outputData=None)
    server.add_task("t", inputData={"order": [1]})
    runner.start_worker("t", spell(worker))
    eventually(lambda: len(server.accepted) == 4)
    assert seen[0] == seen[3]
    assert seen[1] == seen[2]
    assert server.task("t1")["inputData"] == {"order": [1]}


@either_spelling
def test_w14_a_task_that_its_function_changes_is_still_the_one_that_ends(server, runner, spell):
    def worker(task):
        task.task_id = task.workflow_instance_id = "another"
        task.response_timeout_seconds = None

    server.add_tasks("t", 2)
    runner.start_worker("t", spell(worker))
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})
    assert [result["workflowInstanceId"] for result in server.results()] == ["w1", "w2"]


def test_w14_changes_after_the_return_are_not_sent(server, runner, clock):
    output = {"items": [1]}
    server.fault("any_update", conductor_error(500, "down"), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: output)
    eventually(server.results)
    output["items"].append(2)
    clock.run_until(lambda: server.accepted, step=0.1)
    assert [result["outputData"] for result in server.results()] == [{"items": [1]}] * 2


def test_w15_every_line_of_the_runners_log_is_one_line(server, runner, caplog, capfd):
    def worker(task):
        print(ODD_TEXT)  # noqa: T201 - users do
        task_context().log(ODD_TEXT)
        if task.input_data["n"] == 1:
            raise ValueError(ODD_TEXT)
        return {ODD_TEXT: object()}

    server.fault("poll", conductor_error(500, ODD_TEXT), at=1)
    server.fault("any_update", conductor_error(500, ODD_TEXT), at=1)
    server.fault("any_update", conductor_error(400, ODD_TEXT), at=3)
    caplog.set_level(logging.DEBUG, "conductor")
    for _ in range(2):
        server.add_task("t", taskId=f"{ODD_TEXT}{_}", workflowInstanceId=ODD_TEXT, taskDefName=ODD_TEXT)
    server.add_task("t", taskType=ODD_TEXT)
    runner.start_worker("t", worker, batch_size=2)
    eventually(lambda: len(server.accepted) == 2)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("conductor")]
    assert len(messages) >= 3
    assert [message for message in messages if not message.isprintable()] == []
    assert capfd.readouterr().out.count("red") == 2


LEAKING = """
import logging, multiprocessing, sys, threading, time
from conductor import TaskRunner

end = threading.Event()

def worker(task):
    threading.Thread(target=end.wait, name="leaked-thread", daemon=False).start()
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,), name="leaked-child").start()

with TaskRunner() as runner:
    runner.start_worker("t", worker)
    delivered = runner.wait_workers()
print("waited", flush=True)
sys.stdin.readline()
end.set()
for child in multiprocessing.active_children():
    child.terminate()
sys.exit(not delivered)
"""


def test_w16_threads_and_processes_that_a_function_left_behind_are_named(server, programs):
    server.add_task("t")
    process = programs.start(LEAKING, server.url)
    eventually(lambda: server.accepted)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "waited\n"
    _, errors = process.communicate("\n", timeout=10)
    assert process.returncode == 0
    assert "leaked-thread" in errors
    assert "leaked-child" in errors


MEDDLING = """
import locale, os, signal, socket, sys
from conductor import TaskRunner

def worker(task):
    os.chdir("/")
    os.environ.clear()
    socket.setdefaulttimeout(0.001)
    locale.setlocale(locale.LC_ALL, "C")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

with TaskRunner() as runner:
    runner.start_worker("t", worker)
    sys.exit(not runner.wait_workers())
"""


def test_w19_a_function_that_changes_its_process_changes_no_timeout_and_no_signal(server, programs):
    server.fault("any_update", Delay(0.2))
    server.fault("poll", Delay(0.2))
    server.add_tasks("t", 2)
    process = programs.start(MEDDLING, server.url)
    eventually(lambda: len(server.accepted) == 2)
    assert "signal only works in main thread" in server.task("t1")["reasonForIncompletion"]
    polls = server.counts["poll"]
    eventually(lambda: server.counts["poll"] > polls)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Timeout" not in errors
    assert len(server.results()) == 2
