"""Each system task that succeeds, fails and times out, alone and inside of other tasks, as a real server ends it."""

import pytest
from contract.matrix import ANSWERS, CIRCUMSTANCES, LEFT_OUT, Course, name_of

from conductor import ApiClient, HttpSettings

TRIED = {name_of(each): each for each in CIRCUMSTANCES if name_of(each) not in LEFT_OUT}


@pytest.mark.parametrize("name", TRIED)
def test_a_system_task_ends_as_on_the_real_server(server, name):
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        assert Course(client, server.url, TRIED[name], server.clock.advance).run() == ANSWERS[name]


def test_there_is_an_answer_for_each_circumstance_or_a_reason_why_there_is_none():
    assert TRIED.keys() == ANSWERS.keys()
    assert LEFT_OUT.keys() <= {name_of(each) for each in CIRCUMSTANCES}
