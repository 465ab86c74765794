"""The texts of errors, as both servers bring them about."""

import pytest

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    HttpSettings,
    NotFoundError,
    TaskDef,
    TaskExecutor,
)
from conductor.task_client import HttpTaskClient


def test_a_poll_at_another_path_met_no_conductor(server_url, name):
    elsewhere = server_url.replace("/api", "/elsewhere/api")
    with ApiClient(http_settings=HttpSettings(elsewhere)) as client, pytest.raises(NotFoundError) as caught:
        HttpTaskClient(client).batch_poll(name, "worker-1", None, 1, 0.0)
    assert f"GET /tasks/poll/batch/{name} answered 404: " in str(caught.value)
    assert str(caught.value).endswith(f" (no Conductor API at {elsewhere})")


def test_a_key_for_a_server_without_keys_is_said_to_be_needless(server_url):
    key = AuthenticationSettings("the-key", "the-secret")
    with ApiClient(key, HttpSettings(server_url)) as client, pytest.raises(AuthenticationError) as caught:
        TaskExecutor(client).get_task("t")
    assert caught.value.status == 404
    assert "then leave CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET unset" in str(caught.value)


def test_each_finding_of_a_validation_has_a_line(tasks, name):
    with pytest.raises(ApiError) as caught:
        tasks.register_task_defs(
            TaskDef(f"{name}_a", retry_count=-3, owner_email="team@example.com"),
            TaskDef(f"{name}_b", timeout_seconds=120, owner_email="team@example.com"),
        )
    first, *lines = str(caught.value).splitlines()
    assert first == "POST /metadata/taskdefs answered 400: Validation failed, check below errors for detail."
    assert any("retryCount: TaskDef retryCount: 0 must be >= 0" in line for line in lines)
    assert any("responseTimeoutSeconds: 3600 must be less than timeoutSeconds: 120" in line for line in lines)
    assert len(lines) == 2
