"""DO_WHILE over lists, with few kept iterations, and inside of each other, on both servers."""

import pytest
from contract.stories import Story

from conductor import WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


def step(kind, ref, **members):
    return WorkflowTask(ref, ref, type=kind, **members)


def inline(ref, expression="1", **inputs):
    return step("INLINE", ref, input_parameters={"expression": expression, **inputs})


def loop(ref, body, condition="", **members):
    return step("DO_WHILE", ref, loop_condition=condition, loop_over=body, **members)


ITEM = inline("i", "$.x", x="${l.output.loopItem}")


@pytest.mark.parametrize(
    ("members", "condition", "items"),
    [
        ({"items": "${workflow.input.v}"}, "", ["a", {"b": 1}, None]),
        ({"items": "${workflow.input.v}"}, " ", ["a", {"b": 1}, None]),
        ({"items": "${workflow.input.v}"}, "true", ["a", {"b": 1}, None]),
        ({"items": "${workflow.input.v}"}, "$.loopIndex < 1", ["a", {"b": 1}]),
        ({"items": "${workflow.input.five}"}, "", [5]),
        ({"items": "${workflow.input.map}"}, "", [{"a": 1}]),
        ({"items": "text"}, "", ["text"]),
        ({"input_parameters": {"_items": "${workflow.input.v}"}}, "", ["a", {"b": 1}, None]),
        ({"input_parameters": {"_items": [1, "${workflow.input.five}"]}}, "", [1, 5]),
        ({"input_parameters": {"_items": [7, 8, 9]}}, "$._items.length == 3 && $.loopItem < 8", [7, 8]),
        ({"items": "${workflow.input.none}", "input_parameters": {"_items": [7]}}, "", [7]),
    ],
    ids=str,
)
def test_a_loop_over_a_list_runs_once_for_each_item(run, members, condition, items):
    _, tasks = run(loop("l", [ITEM], condition, **members), v=["a", {"b": 1}, None], five=5, map={"a": 1})
    task = tasks["l"]
    assert (task.status, task.iteration) == ("COMPLETED", len(items))
    iterations = {str(n): {"i": {"result": item}} for n, item in enumerate(items, 1)}
    last = {"iteration": len(items), "loopIndex": len(items) - 1, "loopItem": items[-1]}
    assert task.output_data == iterations | last
    assert [tasks[f"i__{n}"].input_data["x"] for n in range(1, len(items) + 1)] == items


@pytest.mark.parametrize(
    "members",
    [{"items": "${workflow.input.v}"}, {"items": "${workflow.input.none}"}, {"input_parameters": {"_items": []}}],
    ids=str,
)
def test_a_loop_over_an_empty_list_is_completed_at_once(run, members):
    workflow, tasks = run(loop("l", [ITEM], **members), step("NOOP", "n"), v=[])
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"l", "n"})
    assert (tasks["l"].status, tasks["l"].output_data) == ("COMPLETED", {"iteration": 0})


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"input_parameters": {"_items": {"a": 1}}},
        {"input_parameters": {"_items": " "}},
        {"input_parameters": {"items": [1, 2]}},
    ],
    ids=str,
)
def test_a_loop_with_an_empty_condition_and_no_list_runs_once(run, members):
    _, tasks = run(loop("l", [inline("i")], **members))
    assert (tasks["l"].status, tasks["l"].output_data) == ("COMPLETED", {"1": {"i": {"result": 1}}, "iteration": 1})


def test_a_failing_condition_fails_a_loop_over_a_list(run):
    _, tasks = run(loop("l", [ITEM], "$.q.r", items="${workflow.input.v}"), v=[1, 2])
    assert tasks["l"].status == "FAILED_WITH_TERMINAL_ERROR"
    assert tasks["l"].reason_for_incompletion.startswith("Unable to evaluate condition $.q.r, exception Error")


@pytest.mark.parametrize(("kept", "first"), [(1, 4), (2, 3), (9, 1), (None, 1)])
def test_a_loop_keeps_as_many_iterations_as_it_says(run, kept, first):
    body = [inline("i", "$.x", x="${l.output.iteration}"), inline("k")]
    _, tasks = run(loop("l", body, "$.l.iteration < 4", input_parameters={"keepLastN": kept}))
    left = range(first, 5)
    assert tasks.keys() == {"l", *(f"{ref}__{n}" for n in left for ref in ("i", "k"))}
    outputs = {str(n): {"i": {"result": n}, "k": {"result": 1}} for n in left}
    assert tasks["l"].output_data == {**outputs, "iteration": 4}


@pytest.mark.parametrize("kept", [0, -1])
def test_a_loop_may_keep_no_output(run, kept):
    _, tasks = run(loop("l", [inline("i")], "$.l.iteration < 3", input_parameters={"keepLastN": kept}))
    assert (tasks.keys(), tasks["l"].output_data) == ({"l", "i__3"}, {"iteration": 3})


def test_a_loop_shows_as_many_iterations_as_it_keeps_while_another_one_runs(workflows, tasks, name):
    body = [inline("i", "$.x", x="${l.output.iteration}"), step("HUMAN", "h")]
    steps = [loop("l", body, "$.l.iteration < 4", input_parameters={"keepLastN": 1})]
    workflows.register_workflow(WorkflowDef(name, steps, owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)

    def shown():
        found = {task.reference_task_name: task for task in workflows.get_workflow(workflow_id).tasks}
        return found["l"].output_data if "h__3" in found else None

    for ref in ("h__1", "h__2"):
        Story(tasks, workflows, name).end(workflow_id, ref, output={"n": 1})
    eventually(lambda: shown() is not None)
    assert shown() == {"2": {"i": {"result": 2}, "h": {"n": 1}}, "iteration": 3}
    workflows.terminate(workflow_id)


def test_a_loop_over_a_list_forgets_early_items(run):
    _, tasks = run(loop("l", [ITEM], items="${workflow.input.v}", input_parameters={"keepLastN": 1}), v=[1, 2, 3])
    assert tasks.keys() == {"l", "i__3"}
    assert tasks["l"].output_data == {"3": {"i": {"result": 3}}, "iteration": 3, "loopIndex": 2, "loopItem": 3}


def test_two_loops_that_each_run_once_may_be_inside_of_each_other(run):
    workflow, tasks = run(loop("o", [inline("h"), loop("l", [inline("i")], "false")], "false"), step("NOOP", "n"))
    assert (workflow.status, tasks.keys()) == ("COMPLETED", {"o", "h__1", "l__1", "i__1", "n"})
    inner = {"1": {"i": {"result": 1}}, "iteration": 1}
    assert tasks["o"].output_data == {"1": {"h": {"result": 1}, "i": {"result": 1}, "l": inner}, "iteration": 1}


def test_the_condition_of_an_inner_loop_does_not_find_the_loop(run):
    body = [loop("l", [inline("i")], "$.l.iteration < 2")]
    workflow, tasks = run(loop("o", body, "false"))
    assert (workflow.status, tasks["o"].status) == ("FAILED", "CANCELED")
    assert tasks["l__1"].status == "FAILED_WITH_TERMINAL_ERROR"
    assert "Cannot read property 'iteration' of undefined" in tasks["l__1"].reason_for_incompletion


def test_a_task_after_an_inner_loop_belongs_to_no_iteration_and_the_outer_loop_waits_for_ever(workflows, name):
    steps = [loop("o", [loop("l", [inline("i")], "false"), inline("e")], "false")]
    workflows.register_workflow(WorkflowDef(name, steps, owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)

    def statuses():
        return {task.reference_task_name: task.status for task in workflows.get_workflow(workflow_id).tasks}

    ended = dict.fromkeys(("l__1", "i__1", "e"), "COMPLETED")
    eventually(lambda: statuses() == {"o": "IN_PROGRESS", **ended})
    workflows.terminate(workflow_id)


def test_a_fork_in_a_loop_is_joined_in_each_iteration(run):
    body = [
        step("FORK_JOIN", "f", fork_tasks=[[inline("a")], [inline("b", "2")]]),
        step("JOIN", "j", join_on=["a", "b"]),
    ]
    workflow, tasks = run(loop("o", body, "$.o.iteration < 2"), step("NOOP", "n"))
    assert workflow.status == "COMPLETED"
    assert tasks["j__2"].output_data == {"a__2": {"result": 1}, "b__2": {"result": 2}}
