"""Polled tasks that are odd somewhere: as long as their ids and their input can be read, the function runs."""

import json
from dataclasses import replace

import pytest

from conductor import process_pool
from support import process_functions
from support.document import members, others, sample, schemas
from support.raw_faults import Edit
from support.waiting import eventually

COMPLETED, FAILED = "COMPLETED", "FAILED"
MISSING = object()
KEPT = {"taskType": "t", "taskDefName": "t", "externalInputPayloadStoragePath": MISSING}
KEPT |= {"externalOutputPayloadStoragePath": MISSING}
IDS = ("taskId", "workflowInstanceId")
DEFINITIONS = {"taskDefinition": "TaskDef", "workflowTask": "WorkflowTask"}


def changes():
    """Names and changes of a whole task: each member null, missing, or as each other type, and those of definitions."""
    for member, schema in members("Task").items():
        if member not in IDS:
            for odd in [None, MISSING, *others(schema)]:
                yield f"{member}={_shown(odd)}", {member: odd}
    for member, model in DEFINITIONS.items():
        whole = sample(schemas()[model])
        for inner, schema in members(model).items():
            for odd in [None, MISSING, *others(schema)[::3]]:
                yield f"{member}.{inner}={_shown(odd)}", {member: _without_missing(whole | {inner: odd})}
    yield "unknown", {"unknown": {"a": [1]}, "name": None, "task_id": 7}
    yield "status=unknown", {"status": "LOST_IN_SPACE"}
    yield "domain=long", {"domain": "x" * 100_000}


def _shown(odd):
    return "missing" if odd is MISSING else json.dumps(odd)[:20]


def _without_missing(wire):
    return {name: value for name, value in wire.items() if value is not MISSING}


def odd_as(changed):
    """An action: each task of an answer with its change, by its id, all its other members being there."""

    def spoil(wire):
        whole = sample(schemas()["Task"], depth=3) | wire
        return _without_missing(whole | KEPT | changed.get(wire["taskId"], {}))

    return Edit(lambda found: [spoil(wire) for wire in found] if isinstance(found, list) else found and spoil(found))


def test_s21_a_task_that_is_odd_anywhere_but_in_its_ids_and_input_runs(server, runner, lost):
    """Generated from the document: some eight hundred variants."""
    variants = dict(changes())
    ids = {f"{number}": name for number, name in enumerate(variants)}
    changed = {task_id: variants[name] for task_id, name in ids.items()}
    for operation in ("poll", "update_v2"):
        server.fault(operation, odd_as(changed))
    for task_id in ids:
        server.add_task("t", taskId=task_id)
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id), batch_size=20, lease_extension=True)
    eventually(lambda: len(server.accepted) == len(ids), 40)
    unreadable = {ids[task_id] for task_id, status in server.accepted.items() if status == FAILED}
    assert unreadable == {f"inputData={_shown(odd)}" for odd in others(members("Task")["inputData"])}
    assert set(executed) == {task_id for task_id, name in ids.items() if name not in unreadable}
    assert len(ids) > 500
    assert lost == []


@pytest.mark.parametrize("member", IDS)
def test_s21_a_task_without_its_ids_is_skipped_and_costs_no_other(server, runner, member):
    odds = [None, MISSING, *others(members("Task")[member])]
    ids = server.add_tasks("t", len(odds) + 1)
    server.fault("poll", odd_as({task_id: {member: odd} for task_id, odd in zip(ids, odds, strict=False)}))
    server.fault("update_v2", odd_as({}))
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id), batch_size=20)
    eventually(lambda: ids[-1] in server.accepted)
    assert executed == [ids[-1]]


def test_s21_unreadable_tasks_do_not_hold_up_a_good_one(server, runner, clock):
    odd = server.add_tasks("t", 8, inputData="odd")
    good = server.add_task("t")
    server.fault("update_v2", Edit(lambda _: None))
    runner.start_worker("t", lambda task: None)
    started = clock.now()
    clock.run_until(lambda: good in server.accepted, step=0.05)
    assert clock.now() - started < 3
    eventually(lambda: server.accepted == dict.fromkeys(odd, FAILED) | {good: COMPLETED})


@pytest.mark.parametrize(
    "odd", [b"NaN", b'"\\ud800"', b'"\xff"', b"1e999", b"9" * 400, b"9" * 5000, b"[" * 100_000 + b"]" * 100_000]
)
@pytest.mark.parametrize("member", ["reasonForIncompletion", "outputData", "responseTimeoutSeconds", "workflowTask"])
def test_s17_what_is_no_json_outside_of_the_input_costs_its_member_alone(server, runner, member, odd):
    def spoil(exchange):
        answer = exchange.apply()
        tasks = answer.content.replace(b'"outputData": {}', b'"outputData": {}, "%b": %b' % (member.encode(), odd))
        exchange.send(replace(answer, body=tasks))

    server.fault("poll", spoil)
    server.fault("update_v2", spoil)
    ids = server.add_tasks("t", 3)
    runner.start_worker("t", lambda task: task.input_data, batch_size=2, lease_extension=True)
    eventually(lambda: server.accepted == dict.fromkeys(ids, COMPLETED))


@pytest.mark.parametrize("number", [-1, 0, 2**31, 2**53, 2**63 - 1, 2**63, 10**400])
def test_s21_no_lease_is_too_long_or_too_short_for_its_task_or_the_others_of_its_answer(server, runner, number):
    """Also where leases are extended, and results are given as long as their lease lasts."""
    server.fault("poll", Edit(lambda found: [{**wire, "responseTimeoutSeconds": number} for wire in found]))
    ids = server.add_tasks("t", 4)
    runner.start_worker("t", lambda task: {"lease": task.response_timeout_seconds}, batch_size=4, lease_extension=True)
    eventually(lambda: server.accepted == dict.fromkeys(ids, COMPLETED))
    assert server.task(ids[0])["outputData"] == {"lease": number if number < 2**63 else 0}


def test_s21_a_task_that_is_odd_runs_in_a_process_too(server, runner):
    server.fault("poll", Edit(lambda found: [{**wire, "workflowTask": {"name": None, "joinOn": 7}} for wire in found]))
    task_id = server.add_task("t", inputData={"do": "echo", "value": 1})
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually(lambda: server.accepted == {task_id: COMPLETED}, 30)
