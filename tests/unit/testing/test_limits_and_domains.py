"""Which waiting task is handed out, to whom, and what holds it back."""

import threading

import pytest

from conductor.testing.engine import Engine, Refusal
from conductor.testing.engine.state.clock import FakeClock


def test_no_more_run_at_once_than_the_limit_and_an_end_releases_the_next(world, build):
    world.task_def(concurrentExecLimit=2)
    for _ in range(4):
        world.start(build.simple())
    first, second = world.take(count=10)
    assert world.take() == []
    world.send(first)
    assert len(world.take(count=10)) == 1
    world.send(second, "IN_PROGRESS", callbackAfterSeconds=100)
    assert len(world.take(count=10)) == 1
    world.clock.advance(50)
    assert world.take(count=10) == []


def test_a_callback_is_waited_for_by_a_task_that_the_limit_held_back_before(world, build):
    world.task_def(concurrentExecLimit=1)
    for _ in range(2):
        world.start(build.simple())
    (first,) = world.take()
    for _ in range(3):  # each poll looks at the second one
        assert world.take() == []
        world.clock.advance(2)
    world.send(first)
    (second,) = world.take()
    world.send(second, "IN_PROGRESS", callbackAfterSeconds=100)
    assert world.take() == []
    world.clock.advance(100)
    assert len(world.take()) == 1


def test_a_limited_task_that_times_out_makes_room(world, build):
    world.task_def(concurrentExecLimit=1, responseTimeoutSeconds=30, retryDelaySeconds=1000)
    world.start(build.simple())
    world.start(build.simple())
    assert len(world.take(count=10)) == 1
    assert world.take() == []
    world.clock.advance(31)
    assert len(world.take(count=10)) == 1


def test_a_limited_task_that_is_removed_makes_room(world, build):
    world.task_def(concurrentExecLimit=1)
    removed = world.start(build.simple())
    world.start(build.simple())
    assert len(world.take(count=10)) == 1
    assert world.take() == []
    world.engine.control.remove(removed)
    assert len(world.take()) == 1


def test_the_rate_limit_is_a_sliding_window(world, build):
    world.task_def(rateLimitPerFrequency=2, rateLimitFrequencyInSeconds=10)
    for _ in range(5):
        world.start(build.simple())
    assert len(world.take(count=10)) == 2
    world.clock.advance(6)
    assert world.take(count=10) == []
    world.clock.advance(4)
    assert len(world.take(count=10)) == 2
    world.clock.advance(9)
    assert world.take(count=10) == []


def test_a_domain_is_a_queue_of_its_own_and_an_empty_one_is_another(world, build):
    world.start(build.simple(), request={"taskToDomain": {"a": "blue"}})
    assert world.take() == []
    assert world.take(domain="") == []
    assert world.engine.queues.size("a", "blue") == 1
    assert world.engine.queues.size("a", None) == 0
    (task,) = world.take(domain="blue")
    assert task["domain"] == "blue"


@pytest.mark.parametrize(
    ("listed", "served", "expected"),
    [
        ("blue,green", [], "green"),
        ("blue,green", ["blue"], "blue"),
        ("blue,green", ["blue", "green"], "blue"),
        ("blue, NO_DOMAIN", [], None),
        ("blue, NO_DOMAIN", ["blue"], "blue"),
    ],
)
def test_the_first_served_domain_is_taken_and_else_the_last(world, build, listed, served, expected):
    for domain in served:
        world.take(domain=domain)
    world.start(build.simple(), request={"taskToDomain": {"a": listed}})
    (task,) = world.take(domain=expected)
    assert task.get("domain") == expected


def test_a_domain_without_a_poll_is_not_served_at_the_beginning_of_the_epoch(build):
    engine = Engine(FakeClock(0))
    engine.metadata.register_workflow_def({"name": "wf", "tasks": [build.simple()]})
    engine.workflows.start({"name": "wf", "taskToDomain": {"a": "blue,green"}})
    assert engine.queues.size("a", "green") == 1
    engine.close()


def test_a_worker_is_active_for_10_seconds(world, build):
    world.take(domain="blue")
    world.clock.advance(10)
    world.start(build.simple(), request={"taskToDomain": {"a": "blue,green"}})
    assert len(world.take(domain="green")) == 1


def test_a_types_own_domain_comes_before_the_star(world, build):
    mapping = {"*": "all", "b": "mine"}
    world.start(build.simple(), build.simple("b"), request={"taskToDomain": mapping})
    (task,) = world.take(domain="all")
    world.send(task)
    assert len(world.take("b", domain="mine")) == 1


def test_poll_data_holds_the_last_poll_of_each_queue(world):
    world.take(worker="one")
    world.take(worker="two")
    world.take(worker="three", domain="blue")
    plain, blue = world.engine.queues.poll_data("a")
    assert (plain["workerId"], blue["workerId"]) == ("two", "three")
    assert "domain" not in plain
    assert blue["domain"] == "blue"
    assert world.engine.queues.poll_data("other") == []
    assert len(world.engine.queues.poll_data()) == 2


def test_queues_are_counted_by_name(world, build):
    world.start(build.simple(), request={"taskToDomain": {"a": "blue"}})
    world.start(build.simple())
    sizes = world.engine.queues.sizes()
    assert (sizes["a"], sizes["blue:a"], sizes["_deciderQueue"]) == (1, 1, 2)
    assert world.engine.queues.details()["a"] == {"a": {"size": 1, "uacked": 0}}


def poll_in_thread(world, count, timeout_ms):
    found = []
    thread = threading.Thread(target=lambda: found.extend(world.engine.queues.poll("a", "w", None, count, timeout_ms)))
    thread.start()
    return thread, found


def waiting(world, after=0):
    """Wait until a poll after a time has been noted, which is after it found nothing."""
    while all(poll["lastPollTime"] <= after for poll in world.engine.queues.poll_data("a")):
        pass


def test_a_long_poll_returns_with_the_first_task(world, build):
    thread, found = poll_in_thread(world, 10, 5000)
    waiting(world)
    world.start(build.simple())
    thread.join(2)
    assert len(found) == 1


def test_a_long_poll_can_hold_until_its_count_is_there(make_world, build):
    world = make_world(hold_until_count=True)
    thread, found = poll_in_thread(world, 2, 5000)
    waiting(world)
    first = world.start(build.simple())
    while world.tasks(first)[0]["status"] != "IN_PROGRESS":
        pass
    assert thread.is_alive()
    world.start(build.simple())
    thread.join(2)
    assert len(found) == 2


def test_a_long_poll_sees_a_task_that_the_clock_makes_visible(world, build):
    world.start(build.simple())
    world.run(status="IN_PROGRESS", callbackAfterSeconds=60)
    before = int(1000 * world.clock.now())
    world.clock.advance(1)
    thread, found = poll_in_thread(world, 1, 5000)
    waiting(world, before)
    world.clock.advance(60)
    thread.join(2)
    assert len(found) == 1


def test_a_long_poll_on_the_machines_clock_sees_a_delay_end(build):
    engine = Engine()
    engine.metadata.register_workflow_def({"name": "wf", "tasks": [build.simple(startDelay=1)]})
    engine.workflows.start({"name": "wf"})
    engine.clock.advance(0.98)
    assert len(engine.queues.poll("a", "w", None, 1, 2000)) == 1
    engine.close()


def test_closing_ends_a_poll_and_refuses_what_follows(world):
    refusals = []

    def poll():
        try:
            world.engine.queues.poll("a", "w", None, 1, 5000)
        except Refusal as refusal:
            refusals.append(refusal.status)

    thread = threading.Thread(target=poll)
    thread.start()
    waiting(world)
    world.engine.close()
    thread.join(2)
    assert refusals == [503]
    with pytest.raises(Refusal):
        world.engine.metadata.get_task_defs()
    world.engine.close()


def test_a_clock_goes_forward_only_and_tells_who_listens():
    clock, told = FakeClock(100), []
    clock.listen(lambda: told.append(clock.now()))
    clock.advance(5)
    assert told == [105]
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(float("nan"))


def test_a_queue_forgets_what_was_moved_or_taken_out(world, build):
    workflow_id = world.start(build.simple())
    for _ in range(500):
        world.engine.queues.requeue("a")
    queue = world.engine._state.queues.of("a", None)
    assert len(queue._waiting) + len(queue._ready) < 100
    (task,) = world.take(count=10)
    assert task["workflowInstanceId"] == workflow_id
