"""What the hand-written code promises about itself: small files, small functions, and what has no place in it."""

import ast
import functools
from pathlib import Path

import pytest

import conductor

pytestmark = pytest.mark.sources

PACKAGE = Path(conductor.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

FACES = {
    "TaskRunner": "what a program does with its workers, in the names of the Go client",
    "TaskExecutor": "a method for each operation of the server on tasks",
    "WorkflowExecutor": "a method for each operation of the server on workflows",
    "AsyncTaskExecutor": "the methods of TaskExecutor",
    "AsyncWorkflowExecutor": "the methods of WorkflowExecutor",
}
"""Classes that may have more methods than others, and why."""
PRIVATE_NAMES_OF_OTHERS = {"os._exit": "Python documents it; a child whose parent is gone ends at once"}


def is_testing(file):
    """The kit for tests is large in itself, and has numbers of its own."""
    return "testing" in file.relative_to(PACKAGE).parts


@functools.cache
def all_nodes(file):
    return list(ast.walk(ast.parse(file.read_text())))


def nodes(file, *kinds):
    return [node for node in all_nodes(file) if isinstance(node, kinds)]


def arguments(function):
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def foreign_private_names(file):
    """Names with an underscore that are imported from another package, or read from a module of one."""
    package = ".".join(["conductor", *file.relative_to(PACKAGE).parts[:-1]])
    modules, found = {}, set()
    for node in nodes(file, ast.Import):
        modules |= {each.asname or each.name.split(".")[0]: each.name for each in node.names}
    for node in nodes(file, ast.ImportFrom):
        names = {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        modules |= names
        if node.module not in (package, "conductor"):  # modules of conductor are private to conductor as a whole
            found |= {name for name in names.values() if is_private(name.rpartition(".")[2])}
    for node in nodes(file, ast.Attribute):
        if is_private(node.attr) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(f"{modules[node.value.id]}.{node.attr}")
    return found


def named(files):
    return pytest.mark.parametrize("file", files, ids=lambda file: str(file.relative_to(PACKAGE)))


@named(FILES)
def test_a_file_can_be_read_in_one_sitting(file):
    assert len(file.read_text().splitlines()) <= (400 if is_testing(file) else 300)


@named(FILES)
def test_a_function_fits_on_a_screen(file):
    """Its docstring, which a reader of its callers sees as well, does not count."""
    most = 60 if is_testing(file) else 40
    for node in nodes(file, ast.FunctionDef, ast.AsyncFunctionDef):
        first = node.body[0]
        is_documented = ast.get_docstring(node) is not None
        length = node.end_lineno - node.lineno + 1 - is_documented * (first.end_lineno - first.lineno + 1)
        assert length <= most, f"{node.name} is too long, on line {node.lineno}"


@named(FILES)
def test_a_class_has_few_methods(file):
    for node in nodes(file, ast.ClassDef):
        methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        count = sum(not each.name.startswith("__") for each in methods)
        assert node.name in FACES or count <= (25 if is_testing(file) else 15), f"{node.name} has {count} methods"


@named(FILES)
def test_a_constructor_takes_two_callables_at_most(file):
    for node in nodes(file, ast.FunctionDef):
        if node.name == "__init__":
            annotations = [ast.unparse(each.annotation) for each in arguments(node) if each.annotation]
            assert sum("Callable" in each for each in annotations) <= 2, f"on line {node.lineno}"


@named(FILES)
def test_a_private_name_is_used_in_its_own_package_alone(file):
    assert foreign_private_names(file) <= PRIVATE_NAMES_OF_OTHERS.keys()


def test_every_private_name_that_may_be_used_is_used():
    assert set().union(*map(foreign_private_names, FILES)) == PRIVATE_NAMES_OF_OTHERS.keys()


@named(FILES)
def test_bool_is_a_type_and_no_function_that_does_nothing(file):
    """As an argument's default, or in the place of a function that is called later."""
    for node in nodes(file, ast.FunctionDef, ast.AsyncFunctionDef):
        defaults = [*node.args.defaults, *node.args.kw_defaults]
        assert not any(isinstance(each, ast.Name) and each.id == "bool" for each in defaults), f"line {node.lineno}"
    for node in nodes(file, ast.BoolOp, ast.IfExp):
        values = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        assert not any(isinstance(each, ast.Name) and each.id == "bool" for each in values), f"line {node.lineno}"


@named(FILES)
def test_nothing_sleeps_probes_or_prints(file):
    """Every wait is on an event; attributes are known; only a program prints (__main__, cli)."""
    called = {ast.unparse(node.func) for node in nodes(file, ast.Call)}
    forbidden = {"time.sleep", "hasattr"}
    is_program = file.stem == "__main__" or "cli" in file.relative_to(PACKAGE).parts
    if not (is_program or file.stem in ("_log", "process_log") or "testing" in file.parts):
        forbidden.add("logging.getLogger")
    if not is_program:
        forbidden |= {"print", "logging.basicConfig", "sys.exit"}
        if file.stem != "process_main":  # a child ends so when its parent is gone
            forbidden.add("os._exit")
    assert not called & forbidden


@named([file for file in FILES if file.name not in ("settings.py", "worker_settings.py")])
def test_only_settings_reads_the_environment(file):
    assert "os.environ" not in file.read_text()
    assert "getenv" not in file.read_text()
