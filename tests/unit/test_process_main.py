"""A process of a pool, seen from the other ends of its pipes."""

import math
import multiprocessing
import re

import msgspec
import pytest

from conductor import Task
from conductor.calling.process_main import GOES_ON, READY, SECONDS, Duties, serve
from support.programs import is_alive
from support.waiting import eventually

spawn = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("first", ["tasks", "orders"])
def test_what_a_function_started_ends_with_the_parent_whichever_pipe_ends_first(first):
    """The system closes the pipes of a parent that is killed one after the other."""
    tasks, its_tasks = spawn.Pipe()
    its_orders, orders = spawn.Pipe(duplex=False)
    messages, its_messages = spawn.Pipe(duplex=False)
    duties = Duties("support.process_functions", "work", "t", "me", None, (), 1_000_000)
    process = spawn.Process(target=serve, args=(its_tasks, its_orders, its_messages, duties, {}), daemon=True)
    process.start()
    for its_end in (its_tasks, its_orders, its_messages):
        its_end.close()
    assert messages.recv_bytes() == READY
    task = Task("t1", "w1", input_data={"do": "start_a_process"})
    tasks.send_bytes(GOES_ON + SECONDS.pack(math.inf) + msgspec.json.encode(task))
    started = int(re.search(rb'"process":(\d+)', tasks.recv_bytes())[1])
    assert is_alive(started)
    {"tasks": tasks, "orders": orders}[first].close()
    eventually(lambda: not is_alive(started))
    process.join()
