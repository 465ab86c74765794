"""What the hand-written code promises about itself: small files, small functions, and what has no place in it."""

import ast
import functools
import re
from pathlib import Path

import pytest

import conductor

pytestmark = pytest.mark.sources

PACKAGE = Path(conductor.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

MOST_METHODS, LONGEST_FUNCTION = 15, 40
FACES = {
    "TaskExecutor": "a method for each operation of the server on tasks",
    "WorkflowExecutor": "a method for each operation of the server on workflows",
    "AsyncTaskExecutor": "the methods of TaskExecutor",
    "AsyncWorkflowExecutor": "the methods of WorkflowExecutor",
    "State": "a method for each record that the embedded server reads or changes",
    "Faults": "a method for each fault that a test can order",
}
"""Classes that may have more methods than others, and why."""
LONG_FUNCTIONS = {"dev_server.__init__": "an argument for each option of a DevServer"}
"""Functions that may be longer than others, and why."""
HIDDEN_SHAPES = {
    "errors.py": "the agreed arguments of ApiError",
    "testing/server/router.py": "a call of the embedded server takes the parameters of its request in their order",
    "testing/server/routes/workflows.py": "the same",
}
"""Files in which the linter may overlook the shape of a function, and why."""
MAKERS_OF_FUNCTIONS = {
    "_recording.py": "a count looks up no labels: each series is kept as the function that counts",
    "hooks/interception.py": "a worker's function and the interceptors around it become one function, once",
    "testing/engine/tasks/conditions.py": "a parser: its methods make the parts of a condition",
}
"""Files whose methods may return a function that is called later, and why."""
PRIVATE_NAMES_OF_OTHERS = {"os._exit": "Python documents it; a child whose parent is gone ends at once"}

_HIDES_A_SHAPE = re.compile(r"noqa:.*\b(PLR09\d\d|C901)\b")


@functools.cache
def all_nodes(file):
    return list(ast.walk(ast.parse(file.read_text())))


def nodes(file, *kinds):
    return [node for node in all_nodes(file) if isinstance(node, kinds)]


def place(file):
    return file.relative_to(PACKAGE).as_posix()


def arguments(function):
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def methods(node):
    return [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def is_callable(kind, aliases=frozenset()):
    """Whether the type is that of a function, or of a function or something else."""
    if isinstance(kind, ast.BinOp):
        return is_callable(kind.left, aliases) or is_callable(kind.right, aliases)
    name = kind.value if isinstance(kind, ast.Subscript) else kind
    return isinstance(name, ast.Name) and name.id in {"Callable", *aliases}


@functools.cache
def own_aliases(module):
    """The names that a module gives to types of functions, such as ``Read = Callable[[str], bytes]``."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    assignments = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Assign)]
    return {ast.unparse(each.targets[0]) for each in assignments if is_callable(each.value)}


@functools.cache
def aliases(file):
    """The names of types of functions in a file, also those that it imports."""
    found = set(own_aliases("conductor." + place(file).removesuffix(".py").removesuffix("/__init__").replace("/", ".")))
    for node in nodes(file, ast.ImportFrom):
        if node.module.startswith("conductor."):
            found |= {each.asname or each.name for each in node.names if each.name in own_aliases(node.module)}
    return found


def types_of_arguments(node):
    """Of the constructor that a class has, or gets from its fields."""
    for method in methods(node):
        if method.name == "__init__":
            return [each.annotation for each in arguments(method) if each.annotation]
    makers = " ".join(map(ast.unparse, [*node.decorator_list, *node.bases]))
    if not re.search(r"\b(dataclass|NamedTuple|Struct)\b", makers):
        return []
    return [each.annotation for each in node.body if isinstance(each, ast.AnnAssign)]


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
    return pytest.mark.parametrize("file", files, ids=place)


def length(function):
    """Its docstring, which a reader of its callers sees as well, does not count."""
    first = function.body[0]
    is_documented = ast.get_docstring(function) is not None
    return function.end_lineno - function.lineno + 1 - is_documented * (first.end_lineno - first.lineno + 1)


def long_functions(file):
    functions = nodes(file, ast.FunctionDef, ast.AsyncFunctionDef)
    return {f"{file.stem}.{each.name}" for each in functions if length(each) > LONGEST_FUNCTION}


def large_classes(file):
    def count(node):
        return sum(not each.name.startswith("__") for each in methods(node))

    return {node.name for node in nodes(file, ast.ClassDef) if count(node) > MOST_METHODS}


def hidden_shapes(file):
    return {place(file)} if _HIDES_A_SHAPE.search(file.read_text()) else set()


def makers_of_functions(file):
    found = [each for node in nodes(file, ast.ClassDef) for each in methods(node)]
    return {place(file)} if any(each.returns and is_callable(each.returns, aliases(file)) for each in found) else set()


RULES = {
    "a function fits on a screen": (long_functions, LONG_FUNCTIONS),
    "a class has few methods": (large_classes, FACES),
    "no function hides its shape from the linter": (hidden_shapes, HIDDEN_SHAPES),
    "no method returns a function to be called later": (makers_of_functions, MAKERS_OF_FUNCTIONS),
    "a private name is used in its own package alone": (foreign_private_names, PRIVATE_NAMES_OF_OTHERS),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_holds_but_for_its_named_exceptions_and_each_of_them_is_needed(rule):
    breaches, exceptions = RULES[rule]
    assert set().union(*map(breaches, FILES)) == exceptions.keys()


@named(FILES)
def test_a_file_can_be_read_in_one_sitting(file):
    assert len(file.read_text().splitlines()) <= 300


@named(FILES)
def test_a_constructor_takes_two_callables_at_most(file):
    for node in nodes(file, ast.ClassDef):
        count = sum(is_callable(each, aliases(file)) for each in types_of_arguments(node))
        assert count <= 2, f"{node.name}, on line {node.lineno}"


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


@named([file for file in FILES if file.stem != "__init__" and not place(file).startswith(("cli/", "testing/"))])
def test_the_tables_of_modules_name_every_module(file):
    """``cli`` has one for each command, and ``testing`` has tables of its own."""
    assert f"`{place(file).removesuffix('.py')}`" in (PACKAGE.parent / "CONTRIBUTING.md").read_text()
