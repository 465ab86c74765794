"""The examples of docs/workflow-steps.md run, and print what the page shows."""

import re
from pathlib import Path

from conductor import ApiClient, HttpSettings, TaskRunner, WorkflowExecutor
from conductor.testing import DevServer

PAGE = (Path(__file__).parents[2] / "docs" / "workflow-steps.md").read_text()
BLOCKS = re.findall(r"^```(python)?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CODE = [text for language, text in BLOCKS if language]
SHOWN = [text for language, text in BLOCKS if not language]


def test_the_examples_run_and_print_what_is_shown(capsys):
    with (
        DevServer() as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        TaskRunner(client) as runner,
    ):
        program = {"__name__": "page", "server": server, "WorkflowExecutor": WorkflowExecutor}
        for block in CODE:
            exec(block, program)  # noqa: S102 - the page's own code
        assert capsys.readouterr().out == SHOWN[0]
        workflows = WorkflowExecutor(client)
        program["step"].start_delay = 0
        workflows.register_workflow(program["order"])
        runner.start_workers(program["charge"])
        program["results"](workflows)
    assert capsys.readouterr().out == SHOWN[1]
