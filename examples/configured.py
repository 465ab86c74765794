"""A worker program that passes its settings explicitly."""

import os
import sys
from datetime import timedelta

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskRunner, task_context


async def greet(name: str) -> dict[str, str]:
    task_context().log("greeting")
    return {"greeting": f"Hello {name}"}


def main() -> bool:
    api_client = ApiClient(
        AuthenticationSettings(os.environ["MY_KEY_ID"], os.environ["MY_KEY_SECRET"]),
        HttpSettings(os.environ["MY_SERVER_URL"], connect_timeout=2.5, read_timeout=timedelta(seconds=20)),
    )
    with TaskRunner(api_client, worker_id="greeter-1", shutdown_timeout=60) as runner:
        runner.start_worker("greet", greet, batch_size=50, poll_interval=0.5, poll_timeout=2.0, domain="blue")
        return runner.wait_workers()


if __name__ == "__main__":
    sys.exit(not main())
