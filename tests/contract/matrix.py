"""Workflows of one system task each, in every circumstance, and what becomes of them.

``matrix.json`` has the answers of a real server 3.32.3. ``PYTHONPATH=tests python -m contract.matrix URL [WORD]`` asks
a server again, which takes some minutes, and prints its answers: all, or those with the word in their names.
"""

import json
import re
import sys
import time
import uuid
from pathlib import Path

from conductor import ApiClient, ApiError, HttpSettings, TaskDef, TaskExecutor, WorkflowExecutor
from support.waiting import eventually

OWNER = "team@example.com"
ANSWERS = json.loads(Path(__file__).with_name("matrix.json").read_text())
LOOP = "if ($.{}['iteration'] < 2) {{ true; }} else {{ false; }}"


def step(kind, ref="x", **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


def inline(ref, expression="1"):
    return step("INLINE", ref, inputParameters={"expression": expression, "evaluatorType": "graaljs"})


def switch(case="a"):
    parameters = {"k": case}
    cases = {"a": [inline("in_case")]}
    return step("SWITCH", inputParameters=parameters, evaluatorType="value-param", expression="k", decisionCases=cases)


def script_switch(expression):
    return step("SWITCH", evaluatorType="graaljs", expression=expression, decisionCases={"a": [inline("in_case")]})


def decision(**members):
    return step("DECISION", decisionCases={"a": [inline("in_case")]}, **members)


def loop(body, condition=None):
    return step("DO_WHILE", loopOver=[body], loopCondition=condition or LOOP.format("x"))


def fork(body, ref="f", join="x"):
    return [
        step("FORK_JOIN", ref, forkTasks=[[body], [inline("beside")]]),
        step("JOIN", join, joinOn=[body["taskReferenceName"], "beside"]),
    ]


def sub(child):
    return step("SUB_WORKFLOW", subWorkflowParam={"name": child})


def jq(query):
    return step("JSON_JQ_TRANSFORM", inputParameters={"queryExpression": query, "a": 1})


def http(uri):
    return step("HTTP", inputParameters={"uri": uri, "method": "GET"})


def start_workflow(name):
    return step("START_WORKFLOW", inputParameters={"startWorkflow": {"name": name}})


def dynamic_fork(body):
    parameters = {"steps": [body], "inputs": {"in_fork": body["inputParameters"]}}
    members = {"dynamicForkTasksParam": "steps", "dynamicForkTasksInputParamName": "inputs"}
    return [step("FORK_JOIN_DYNAMIC", inputParameters=parameters, **members), step("JOIN", "join")]


def terminate(status):
    return step("TERMINATE", inputParameters={"terminationStatus": status, "workflowOutput": {"a": 1}})


SUCCEEDS = {
    "INLINE": [inline("x")],
    "LAMBDA": [step("LAMBDA", inputParameters={"scriptExpression": "return 1;"})],
    "JSON_JQ_TRANSFORM": [jq(".a")],
    "SET_VARIABLE": [step("SET_VARIABLE", inputParameters={"v": 1})],
    "NOOP": [step("NOOP")],
    "SWITCH": [switch()],
    "DECISION": [decision(caseValueParam="k", inputParameters={"k": "a"})],
    "DO_WHILE": [loop(inline("in_loop"))],
    "JOIN": fork(inline("in_fork")),
    "EXCLUSIVE_JOIN": [inline("before"), step("EXCLUSIVE_JOIN", joinOn=["before"])],
    "SUB_WORKFLOW": [sub("good")],
    "TERMINATE": [terminate("COMPLETED")],
    "WAIT": [step("WAIT")],
    "WAIT of a time": [step("WAIT", inputParameters={"duration": "1 seconds"})],
    "HUMAN": [step("HUMAN")],
    "DYNAMIC": [step("DYNAMIC", dynamicTaskNameParam="n", inputParameters={"n": "NAME_worker"})],
    "HTTP": [http("URL/metadata/taskdefs/NAME_worker")],
    "EVENT": [step("EVENT", sink="conductor")],
    "START_WORKFLOW": [start_workflow("NAME_good")],
    "FORK_JOIN": fork(inline("in_fork"), "x", "join"),
    "FORK_JOIN_DYNAMIC": dynamic_fork(inline("in_fork")),
}
"""One step of each is the task ``x``. WAIT, HUMAN and the worker's tasks are completed from outside."""

FAILS = {
    "INLINE": [inline("x", "throw 'ill'")],
    "LAMBDA": [step("LAMBDA", inputParameters={"scriptExpression": "throw 'ill'"})],
    "JSON_JQ_TRANSFORM": [jq(".a.b")],
    "SWITCH": [script_switch("throw 'ill'")],
    "DO_WHILE": [loop(inline("in_loop", "throw 'ill'"))],
    "DO_WHILE by its condition": [loop(inline("in_loop"), "$.x.y.z > 1")],
    "JOIN": fork(inline("in_fork", "throw 'ill'")),
    "SUB_WORKFLOW": [sub("bad")],
    "TERMINATE": [terminate("FAILED")],
    "TERMINATE of no status": [terminate("OTHER")],
    "WAIT": [step("WAIT")],
    "WAIT of a time": [step("WAIT", inputParameters={"duration": "1 seconds"})],
    "HUMAN": [step("HUMAN")],
    "DYNAMIC": [step("DYNAMIC", dynamicTaskNameParam="n", inputParameters={"n": "NAME_worker"})],
    "HTTP": [http("http://127.0.0.1:1/")],
    "EVENT": [step("EVENT", sink="${workflow.input.sink}")],
    "START_WORKFLOW": [start_workflow("NAME_nobody")],
    "FORK_JOIN": fork(inline("in_fork", "throw 'ill'"), "x", "join"),
    "FORK_JOIN_DYNAMIC": dynamic_fork(inline("in_fork", "throw 'ill'")),
}
"""The same, but ``x``, or a task in it, fails. WAIT, HUMAN and the worker's tasks are failed from outside."""

ENDLESS = {
    "WAIT": [step("WAIT")],
    "HUMAN": [step("HUMAN")],
    "DO_WHILE": [loop(step("HUMAN", "in_loop"))],
    "JOIN": fork(step("HUMAN", "in_fork")),
    "SUB_WORKFLOW": [sub("slow")],
    "DYNAMIC": [step("DYNAMIC", dynamicTaskNameParam="n", inputParameters={"n": "NAME_worker"})],
}
"""Nobody completes their tasks, so ``x`` times out."""

PLACES = {
    "alone": lambda steps: steps,
    "in a fork": lambda steps: [
        step("FORK_JOIN", "outer", forkTasks=[steps, [inline("other")]]),
        step("JOIN", "outer_join", joinOn=[steps[-1]["taskReferenceName"], "other"]),
    ],
    "in a loop": lambda steps: [step("DO_WHILE", "outer", loopOver=steps, loopCondition=LOOP.format("outer"))],
    "in a sub-workflow": lambda steps: steps,
}

HASTE = "what the JOIN is depends on whether the server looks at it before the retry"
STAYS = "an intended difference: test_a_terminate_task_without_a_valid_status_fails"
FLAT_PLACES = ("alone", "in a fork", "in a loop")

CIRCUMSTANCES = [
    *((kind, "succeeds", place, "") for kind in SUCCEEDS for place in PLACES),
    *((kind, "succeeds", place, "with a definition") for kind in SUCCEEDS for place in ("alone", "in a fork")),
    *((kind, "fails", place, "") for kind in FAILS for place in PLACES),
    *((kind, "fails", place, limit) for kind in FAILS for place in FLAT_PLACES for limit in ("retried", "optional")),
    *((kind, "times out", place, "") for kind in ENDLESS for place in ("alone", "in a fork", "in a sub-workflow")),
    *(
        (kind, "times out", place, limit)
        for kind in ENDLESS
        for place in FLAT_PLACES
        for limit in ("retried", "optional")
    ),
]


LEFT_OUT = {
    "DO_WHILE by its condition fails in a loop optional": "the server goes on for ever",
    "SUB_WORKFLOW fails in a fork retried": HASTE,
    "SUB_WORKFLOW fails in a fork optional": HASTE,
    "TERMINATE of no status fails in a loop": STAYS,
    "TERMINATE of no status fails in a loop retried": STAYS,
    "TERMINATE of no status fails in a loop optional": STAYS,
    "WAIT of a time succeeds alone with a definition": "the server times it out if it looks at it late",
}
"""Circumstances that are not tried, and why."""


def name_of(circumstance):
    return " ".join(part for part in circumstance if part)


DEFINITIONS = {
    "with a definition": {"response_timeout_seconds": 600, "retry_count": 1},
    "retried": {"retry_count": 1, "response_timeout_seconds": 600},
}


ROUNDS = 20
"""Most courses have ended after one or two. The others go on for ever."""


class Course:
    """One workflow, from its definitions to its end. pass_time: lets seconds pass for the server."""

    def __init__(self, client, url, circumstance, pass_time):
        self.url = url
        self.kind, self.end, self.place, self.limit = circumstance
        self.tasks, self.workflows = TaskExecutor(client), WorkflowExecutor(client)
        self.name = f"m{uuid.uuid4().hex[:10]}"
        self.pass_time = pass_time

    def run(self):
        """The status and reason of the workflow, and a line for each of its tasks; or why it is refused."""
        try:
            self._register()
        except ApiError as refused:
            return [self._plain(str(refused))]
        workflow_id = self.workflows.start_workflow(f"{self.name}_wf")
        for number in range(ROUNDS):
            while self.end != "times out" and self._answer(workflow_id):
                pass  # there may be another try
            if self.kind == "HTTP":
                eventually(lambda: not self._is_sending(workflow_id))
            if not self._is_running(workflow_id):
                break
            self.pass_time(1.2)
            if self.end == "times out" or number > ROUNDS / 2:
                for each in self._family(workflow_id):
                    self.workflows.decide(each.workflow_id)
        found = self.workflows.get_workflow(workflow_id)
        if found.status == "RUNNING":
            self.workflows.terminate(workflow_id)
        return [self._plain(f"{found.status} {found.reason_for_incompletion or ''}"), *sorted(map(_brief, found.tasks))]

    def _register(self):
        limits = dict(DEFINITIONS.get(self.limit, {}))
        if self.end == "times out":
            limits |= {"timeout_seconds": 1, "response_timeout_seconds": 1}
            limits |= {"timeout_policy": "RETRY" if self.limit else "TIME_OUT_WF"}
            limits.setdefault("retry_count", 0)
        worker = {"retry_count": 0, **limits} if self.kind == "DYNAMIC" else {"retry_count": 0}
        for ref, members in (("worker", worker), *([("x", limits)] if limits else [])):
            definition = TaskDef(f"{self.name}_{ref}", retry_delay_seconds=0, owner_email=OWNER, **members)
            self.tasks.register_task_defs(definition)
        for child, body in (("good", inline("i")), ("bad", inline("i", "throw 'ill'")), ("slow", step("HUMAN", "h"))):
            self._register_workflow(child, [body])
        steps = {"succeeds": SUCCEEDS, "fails": FAILS, "times out": ENDLESS}[self.end][self.kind]
        steps = json.loads(json.dumps(steps).replace("NAME", self.name).replace("URL", self.url))
        x = next(each for each in steps if each["taskReferenceName"] == "x")
        x["name"] = f"{self.name}_x"
        x["optional"] = self.limit == "optional"
        steps = PLACES[self.place](steps)
        if self.place == "in a sub-workflow":
            self._register_workflow("around", steps)
            steps = [step("SUB_WORKFLOW", "outer", subWorkflowParam={"name": "around"})]
        self._register_workflow("wf", [*steps, step("NOOP", "after")])

    def _register_workflow(self, which, steps):
        text = re.sub(r'("subWorkflowParam": {"name": ")', rf"\g<1>{self.name}_", json.dumps(steps))
        definition = {"name": f"{self.name}_{which}", "ownerEmail": OWNER, "tasks": json.loads(text)}
        eventually(lambda: self._is_taken(definition))

    def _is_taken(self, definition):
        """Not if the server's database is busy (3.32.3 with SQLite)."""
        try:
            self.workflows.register_workflow(definition)
        except ApiError as error:
            if "SQLITE_BUSY" not in str(error):
                raise
            return False
        return True

    def _is_running(self, workflow_id):
        return self.workflows.get_workflow_status(workflow_id).status == "RUNNING"

    def _family(self, workflow_id):
        """The workflow, and its sub-workflows."""
        workflow = self.workflows.get_workflow(workflow_id)
        yield workflow
        for task in workflow.tasks:
            if task.sub_workflow_id:
                yield from self._family(task.sub_workflow_id)

    def _is_sending(self, workflow_id):
        """Whether a request is under way, which takes its time on each server."""
        tasks = [task for workflow in self._family(workflow_id) for task in workflow.tasks]
        return any(task.task_type == "HTTP" and task.status in {"SCHEDULED", "IN_PROGRESS"} for task in tasks)

    def _answer(self, workflow_id):
        """End the tasks that wait for somebody. Returns whether there were any."""
        status = "COMPLETED" if self.end == "succeeds" else "FAILED"
        waiting = [
            (task.task_id, workflow.workflow_id)
            for workflow in self._family(workflow_id)
            for task in workflow.tasks
            if self._waits(task) and task.status in {"SCHEDULED", "IN_PROGRESS"}
        ]
        for ids in waiting:
            self.tasks.update_task(*ids, status, reason_for_incompletion="ill")
        return waiting

    def _waits(self, task):
        has_time = task.task_type == "WAIT" and "duration" in task.input_data and self.end == "succeeds"
        return task.task_type in {"WAIT", "HUMAN", f"{self.name}_worker"} and not has_time

    def _plain(self, text):
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text.replace(f"{self.name}_", ""))
        text = text.replace('string ("b")', 'string "b"')  # each JQ has texts of its own
        return re.sub(r"after \d+ seconds", "after SOME seconds", text).strip()


def _brief(task):
    attempt = f".{task.retry_count}" if task.retry_count else ""
    return f"{task.reference_task_name}{attempt} {task.status}"


if __name__ == "__main__":
    address, word = sys.argv[1], "".join(sys.argv[2:])
    with ApiClient(http_settings=HttpSettings(address)) as asked:
        for each in CIRCUMSTANCES:
            if word in name_of(each) and name_of(each) not in LEFT_OUT:
                answer = Course(asked, address, each, time.sleep).run()
                sys.stdout.write(f"{json.dumps(name_of(each))}: {json.dumps(answer)},\n")
                sys.stdout.flush()
