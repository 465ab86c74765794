"""The page about external payload storage: its examples run, and its table is that of the settings."""

import re
from dataclasses import fields

import conductor
from conductor import ApiClient, HttpSettings, PayloadSettings, TaskRunner, WorkflowExecutor
from conductor.testing import DevServer
from support.pages import DOCS, blocks

PAGE = (DOCS / "external-payloads.md").read_text()
EXAMPLES = blocks("external-payloads.md")
TEXT = "a line\n" * 1000


def test_the_examples_run(monkeypatch):
    names = {name: getattr(conductor, name) for name in conductor.__all__} | {"DevServer": DevServer}
    with DevServer(payload_storage=True, task_payload_threshold=1000, workflow_payload_threshold=1000) as server:
        monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)
        names["workflow_id"] = run_workflow(server, EXAMPLES[0])
        for example in EXAMPLES[1:]:
            exec(example, names)  # noqa: S102 - the page's own code
    assert names["task"].input_data == {"text": TEXT}
    assert names["task"].output_data == {"lines": 1000}
    assert names["api_client"].payload_settings.upload_over == 1000


def run_workflow(server, example):
    names = {"Task": conductor.Task}
    exec(example, names)  # noqa: S102 - as above
    task = {"name": "t", "taskReferenceName": "t", "inputParameters": {"text": "${workflow.input.text}"}}
    definition = {"name": "wf", "ownerEmail": "a@example.com", "tasks": [task | {"type": "SIMPLE"}]}
    with ApiClient(http_settings=HttpSettings(server.url)) as api_client, TaskRunner(api_client) as runner:
        workflows = WorkflowExecutor(api_client)
        workflows.register_workflow(definition | {"schemaVersion": 2, "timeoutSeconds": 0})
        runner.start_worker("t", names["count_lines"])
        workflow_id = workflows.start_workflow("wf", {"text": TEXT})
        server.join(10)
    return workflow_id


def test_the_table_names_every_setting():
    assert re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)[: len(fields(PayloadSettings))] == [
        field.name for field in fields(PayloadSettings)
    ]
