"""Definitions in files and folders: which are found, in which order, and the errors about the others."""

import json
import os

import pytest

from conductor import ConfigurationError
from conductor.definition_files import in_order, scan_definitions

STEP = {"name": "ship", "taskReferenceName": "ship"}


def sub(name):
    return {"name": name, "taskReferenceName": name, "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": name}}


def workflow(name, *steps, **members):
    return {"name": name, "tasks": list(steps) or [STEP], **members}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(path):
    with pytest.raises(ConfigurationError) as caught:
        scan_definitions(path)
    return str(caught.value)


def problems_of(path):
    return list(map(str, scan_definitions(path)[1]))


def test_a_folder_gives_the_definitions_of_all_its_json_files(folder):
    (folder / "inner").mkdir()
    (folder / ".git").mkdir()
    (folder / "orders.json").write_text(json.dumps([{"name": "ship"}, workflow("order", version=2)]))
    (folder / "inner" / "pay.JSON").write_text(json.dumps({"name": "pay"}))
    for ignored in (".git/x.json", ".hidden.json", "notes.txt"):
        (folder / ignored).write_text("no JSON")
    found = {(each.kind, each.name, each.version): (each.file, each.place) for each in scan_definitions(".")[0]}
    assert found == {
        ("task", "ship", None): ("orders.json", "[0]"),
        ("workflow", "order", 2): ("orders.json", "[1]"),
        ("task", "pay", None): (os.path.join("inner", "pay.JSON"), ""),  # noqa: PTH118 - the text of the system
    }


def test_tasks_come_first_and_sub_workflows_before_those_that_start_them(folder):
    loop = {"name": "l", "taskReferenceName": "l", "type": "DO_WHILE", "loopOver": [sub("b")]}
    given = [workflow("a", loop), workflow("b", sub("c"), sub("a"), sub("elsewhere")), workflow("c"), {"name": "ship"}]
    (folder / "all.json").write_text(json.dumps(given))
    found, _ = scan_definitions("all.json")
    assert [each.name for each in in_order(found)] == ["ship", "c", "b", "a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"name": "a", "tasks": [], "version": 1e999}', "version: must be a whole number, not inf"),
        ('{"name": "a", "tasks": [], "version": 1.5}', "version: must be a whole number, not 1.5"),
        ('{"name": "a", "tasks": [], "version": 1e30}', "version: must be at most 2147483647"),
        ('{"name": "a", "variables": {"x": [1e999]}, "tasks": []}', "variables.x[0]: NaN and infinity have no JSON"),
        ('{"name": "a", "name": "b"}', "the key 'name' stands twice in one object"),
        ("[" * 100_000, "nested too deep"),
        ('{"name": "a", "inputTemplate": ' + '{"a": ' * 250 + "1" + "}" * 251, "nested over 200 levels"),
        ('{"name": "a", "tasks": [{}, {}, {"type": 3}]}', "tasks[2].type: must be a text, not a number"),
        ('[{"name": "a"}, 3]', "[1]: must be an object, not a number"),
        ('[{"nam": "a"}]', "[0].nam: unknown key; the nearest known one is name"),
        ('{"name": "a",}', "line 1, column"),
        ("", "empty"),
        ("name: a\ntasks:\n", "line 1, column 1: Expecting value. Definitions are JSON, and this is none"),
    ],
)
def test_an_error_names_the_file_and_the_place(folder, text, problem):
    (folder / "orders.json").write_text(text)
    assert any(each.startswith(f"orders.json: {problem}") for each in problems_of("orders.json"))


def test_all_files_with_errors_are_told_and_the_others_are_read(folder):
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_bytes(b'{"name": "\xff"}')
    (folder / "c.json").write_text('{"name": "pay"}')
    definitions, problems = scan_definitions(folder)
    assert [each.name for each in definitions] == ["pay"]
    assert [os.path.basename(each.file) for each in problems] == ["a.json", "b.json"]  # noqa: PTH119
    assert "no text in UTF-8" in str(problems[1])


def test_a_name_and_a_version_are_defined_once(folder):
    (folder / "a.json").write_text(json.dumps([workflow("order"), workflow("order", version=2), {"name": "order"}]))
    assert len(scan_definitions(folder)[0]) == 3
    (folder / "b.json").write_text(json.dumps(workflow("order", version=1)))
    assert problems_of(".") == ["b.json: workflow order, version 1 is already defined in a.json: [0]"]


@pytest.mark.parametrize("path", ["", "nowhere", "a\0b"])
def test_a_path_that_is_not_there_is_an_error(folder, path):
    assert refusal(path) == f"there is no file or folder {path!r}"


def test_a_folder_without_definitions_is_an_error(folder):
    assert "holds no file whose name ends with .json" in refusal(folder)
    (folder / "none.json").write_text("[]")
    assert "holds no definitions" in refusal(folder)
