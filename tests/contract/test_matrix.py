"""Each system task that succeeds, fails and times out, alone and inside of other tasks, as a real server ends it."""

import pytest
from contract.matrix import ANSWERS, CIRCUMSTANCES, Course, name_of

from conductor import ApiClient, HttpSettings

KNOWN = {name_of(circumstance): circumstance for circumstance in CIRCUMSTANCES if name_of(circumstance) in ANSWERS}


@pytest.mark.parametrize("name", KNOWN)
def test_a_system_task_ends_as_on_the_real_server(server, name):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        assert Course(client, KNOWN[name], server.clock.advance).run() == ANSWERS[name]


def test_every_answer_is_that_of_a_circumstance():
    assert KNOWN.keys() == ANSWERS.keys()
