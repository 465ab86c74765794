"""A worker that asks an HTTP API, and a workflow with parallel branches, a script, a choice and a loop."""

import os
from dataclasses import dataclass
from urllib.parse import quote

import urllib3

from conductor import NonRetryableError, TaskDef, WorkflowDef, WorkflowTask, task_context, worker_task

API = os.environ.get("WEATHER_API", "http://127.0.0.1:9000")
HTTP = urllib3.PoolManager(retries=False)  # the Conductor server tries a task again, by its definition
WEATHER = TaskDef(
    "get_weather", retry_count=3, retry_delay_seconds=5, response_timeout_seconds=30, owner_email="team@example.com"
)


@dataclass
class Weather:
    city: str
    celsius: float


@worker_task("get_weather", batch_size=10, timeout=20, task_def=WEATHER, register=True)
def get_weather(city: str) -> Weather:
    answer = HTTP.request("GET", f"{API}/weather/{quote(city)}", timeout=task_context().seconds_left())
    if answer.status == 404:
        raise NonRetryableError(f"there is no weather for {city}")  # another try would not help
    if answer.status != 200:
        raise ConnectionError(f"the API answers {answer.status}")  # another try may help
    return Weather(city, answer.json()["celsius"])


TRIP = WorkflowDef(
    "trip",
    [
        WorkflowTask(
            "fork",
            "fork",
            type="FORK_JOIN",
            fork_tasks=[
                [get_weather.step("here", city="${workflow.input.here}")],
                [
                    WorkflowTask(
                        "ask",
                        "ask",
                        type="HTTP",
                        input_parameters={"http_request": {"method": "GET", "uri": f"{API}/weather/Oslo"}},
                    )
                ],
            ],
        ),
        WorkflowTask("join", "join", type="JOIN", join_on=["here", "ask"]),
        WorkflowTask(
            "compare",
            "compare",
            type="INLINE",
            input_parameters={
                "evaluatorType": "graaljs",
                "expression": "$.here > $.there ? 'warmer' : 'colder'",
                "here": "${here.output.celsius}",
                "there": "${ask.output.response.body.celsius}",
            },
        ),
        WorkflowTask(
            "choose",
            "choose",
            type="SWITCH",
            evaluator_type="value-param",
            expression="answer",
            input_parameters={"answer": "${compare.output.result}"},
            decision_cases={
                "colder": [
                    WorkflowTask(
                        "loop",
                        "loop",
                        type="DO_WHILE",
                        loop_condition="$.loop['iteration'] < 3",
                        loop_over=[get_weather.step("again", city="${workflow.input.here}")],
                    )
                ]
            },
            default_case=[],
        ),
    ],
    output_parameters={"answer": "${compare.output.result}"},
    owner_email="team@example.com",
)
