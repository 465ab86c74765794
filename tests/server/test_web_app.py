"""examples/web_app.py: the lifespan of a web application, entered as a framework does it."""

import asyncio
import sys
from pathlib import Path

from conductor.testing import DevServer

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import web_app

sys.path.pop(0)


def test_requests_run_workflows_whose_workers_are_on_the_loop_of_the_application(monkeypatch):
    async def serve():
        async with web_app.lifespan(object()) as state:
            calls = [web_app.book_a_seat(state["workflows"], seat) for seat in ("1a", "1b")]
            return await asyncio.gather(*calls)

    with DevServer() as server:
        monkeypatch.setenv("CONDUCTOR_SERVER_URL", server.url)
        assert asyncio.run(serve()) == [{"booked": "1a"}, {"booked": "1b"}]
