"""The regular expressions that filters use in practice."""

import pytest

from conductor import WorkflowDef, WorkflowTask
from support.waiting import eventually


@pytest.mark.parametrize(
    ("pattern", "text", "other"),
    [
        ("^foo.*bar$", "foo and bar", "foo"),
        (".*abc.*", "xabcx", "acb"),
        ("[a-z]+-\\d+", "charge-17", "charge-"),
        ("(a|b)", "b", "c"),
        ("^(?!test).*$", "order", "test order"),
        ("v?\\d+\\.\\d+\\.\\d+(-\\w+)?", "v1.20.3-rc1", "1.2"),
        ("^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$", "a.b+c@mail.example.com", "a.b@c"),
        ("https?:\\/\\/[^\\/]+\\/.*", "https://example.com/a", "example.com"),
        ("(GET|POST|PUT|PATCH|DELETE) \\/(orders|items)\\/.*", "PUT /items/7", "PUT /users/7"),
        ("[(+*]+.*?", "(*a", "a"),
    ],
)
def test_a_filter_finds_by_a_regular_expression(workflows, name, pattern, text, other):
    given = {"found": f"${{workflow.input.all[?(@.b =~ /{pattern}/)].b}}"}
    steps = [WorkflowTask(name, "t", type="NOOP")]
    workflows.register_workflow(WorkflowDef(name, steps, output_parameters=given, owner_email="team@example.com"))
    workflow_id = workflows.start_workflow(name, {"all": [{"b": text}, {"b": other}, {"b": text}]})
    workflow = eventually(lambda: (it := workflows.get_workflow(workflow_id)).status == "COMPLETED" and it)
    assert workflow.output == {"found": [text, text]}
