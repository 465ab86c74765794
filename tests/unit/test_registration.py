"""The options of a worker that concern its task definition."""

from datetime import timedelta

import pytest

from conductor import ConfigurationError, TaskDef, Worker

OWN = {"responseTimeoutSeconds": 60}


def worker(**options):
    return Worker("t", lambda task: None, **options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"register": True}, "register=True needs task_def, the definition to register"),
        ({"overwrite": True}, "overwrite=True needs task_def"),
        ({"register_schemas": True}, "register_schemas=True needs task_def"),
        ({"task_def": OWN, "overwrite": True}, "overwrite=True needs register=True"),
        ({"task_def": OWN, "register_schemas": True}, "register_schemas=True needs register=True"),
        ({"task_def": OWN, "register": 1}, "register must be True or False, not 1"),
        ({"task_def": OWN, "register": True, "overwrite": "no"}, "overwrite must be True or False, not 'no'"),
        ({"register_schemas": None}, "register_schemas must be True or False, not None"),
        ({"task_def": TaskDef("u")}, "task_def must be named 't', as the worker's task_name is, not 'u'"),
        ({"task_def": {"name": "u"}}, "task_def must be named 't'"),
        ({"task_def": {"retry_count": 1}}, "task_def.retry_count: unknown key; the nearest known one is retryCount"),
        ({"task_def": '{"retryCount": "1"}'}, "task_def.retryCount: must be a whole number, not a text"),
        (
            {"task_def": TaskDef("t", timeout_seconds=timedelta(seconds=5))},
            "task_def.timeoutSeconds: must be a whole number, not timedelta",
        ),
        ({"task_def": TaskDef("t", retry_count="1")}, "task_def.retryCount: must be a whole number, not a text"),
        ({"task_def": TaskDef("t", retry_count=1.5)}, "task_def.retryCount: must be a whole number, not 1.5"),
        (
            {"task_def": TaskDef("t", response_timeout_seconds=100, timeout_seconds=5), "register": True},
            "task_def contradicts itself: responseTimeoutSeconds, 100 s, is longer than timeoutSeconds, 5 s",
        ),
        (
            {"task_def": {"timeoutSeconds": 9, "totalTimeoutSeconds": 8, **OWN}, "register": True},
            "longer than timeoutSeconds, 9 s; timeoutSeconds, 9 s, is longer than totalTimeoutSeconds, 8 s",
        ),
        ({"task_def": "[]"}, "task_def: must be an object, not a list"),
        ({"task_def": "no/such/file.json"}, "'no/such/file.json': No such file or directory"),
        ({"task_def": 7}, "task_def must be a TaskDef, a mapping or the path of JSON, not int"),
    ],
)
def test_options_that_cannot_work_are_an_error_at_construction(options, problem):
    with pytest.raises(ConfigurationError) as caught:
        worker(**options)
    assert problem in str(caught.value)


@pytest.mark.parametrize("given", [OWN, {"name": None, **OWN}, '{"responseTimeoutSeconds": 60}'])
def test_the_name_may_be_left_out(given):
    assert worker(task_def=given).registration.task_def == {"name": "t", **OWN}
    assert OWN == {"responseTimeoutSeconds": 60}


def test_limits_that_contradict_each_other_matter_only_where_they_are_registered():
    own = {"responseTimeoutSeconds": 100, "timeoutSeconds": 5}
    assert worker(task_def=own).registration.task_def == {"name": "t", **own}
    Worker("t", print, task_def={"timeoutSeconds": 5}, register=True)  # another server may have another default


def test_a_type_without_a_schema_matters_only_where_schemas_are_registered():
    def execute(task) -> complex: ...

    Worker("t", execute, task_def=OWN, register=True)
    with pytest.raises(ConfigurationError, match="the return type has no JSON Schema: type <class 'complex'>"):
        Worker("t", execute, task_def=OWN, register=True, register_schemas=True)
