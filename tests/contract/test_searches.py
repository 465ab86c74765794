"""What the searches of workflows find, and in which order."""

from urllib.parse import quote

import pytest

from support.waiting import eventually


@pytest.fixture
def ids(workflows, a_workflow, name):
    """Three workflows, in the order of their start."""
    a_workflow("a")
    return [workflows.start_workflow(name, {"k": f"VaLue{n}'x", "n": 1.0}) for n in range(3)]


@pytest.fixture
def found(rest, name, ids):
    """The numbers of the workflows that a search finds."""

    def search(query="", text="*", **members):
        query = quote(f"workflowType={query or name}")
        answer = rest("GET", "/workflow/search", query=query, freeText=quote(text), **members).json()
        return [ids.index(each["workflowId"]) for each in answer["results"]]

    eventually(lambda: len(search()) == 3)
    return search


def test_a_star_in_a_value_stands_for_any_text(found, name):
    begin, end = name[:-2], name[-1]  # the names of other tests have the same ends
    for query in (f"{name}*", f"*{name[1:]}", f"{begin}*{end}", f"{name.upper()}*", f"{name} AND status=run*"):
        assert (query, found(query)) == (query, [0, 1, 2])
    for query in (name.upper(), f"{name}%", f"{name} AND status=x*"):
        assert (query, found(query)) == (query, [])


def test_a_free_text_is_a_part_in_any_case(found, name):
    for text, numbers in {
        "value1": [1],
        "VALUE*": [0, 1, 2],
        "v_lue2": [2],
        "'x": [0, 1, 2],
        "%": [0, 1, 2],
        '"k"': [],
        f"{name} ": [],
    }.items():
        assert (text, found(text=text)) == (text, numbers)


def test_the_order_is_that_of_the_starts_unless_a_direction_is_given(rest, name, found):
    for sort in ("", "startTime:ASC", "startTime", "workflowId", "workflowId:up", "nothing:DESC"):
        assert (sort, found(sort=sort)) == (sort, [0, 1, 2])
    answer = rest("GET", "/workflow/search", query=f"workflowType={name}", sort="startTime:desc").json()
    times = [each["startTime"] for each in answer["results"]]  # some may be equal
    assert times == sorted(times, reverse=True)
    assert found(start=1, size=1) == [1]


def test_a_summary_has_the_lengths_of_the_texts_in_it(rest, name, found):
    for each in rest("GET", "/workflow/search", query=f"workflowType={name}").json()["results"]:
        assert each["inputSize"] == len(each["input"]) == len("{k=VaLue0'x, n=1.0}")
        assert each["outputSize"] == len(each["output"]) == len("{}")


@pytest.mark.parametrize(("path", "operation"), [("search", "searchWorkflows"), ("search-v2", "searchWorkflowsV2")])
def test_a_search_of_workflows_gives_five_thousand_at_most(rest, path, operation):
    assert rest("GET", f"/workflow/{path}", query="status=none", size=5000).status == 200
    answer = rest("GET", f"/workflow/{path}", query="status=none", size=5001)
    assert answer.status == 400
    assert answer.json()["validationErrors"] == [
        {
            "path": f"{operation}.arg1",
            "message": "Cannot return more than 5000 workflows. Please use pagination.",
            "invalidValue": "5001",
        }
    ]
