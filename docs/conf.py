"""The documentation site: ``scripts/docs.sh`` builds it with Sphinx."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import conductor
import conductor.testing

project = "conductor-worker"
author = copyright = "The conductor-worker maintainers"  # noqa: A001 - Sphinx's name
version = release = conductor.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["**/.*"]
html_theme = "furo"
html_title = "conductor-worker"
html_copy_source = False

myst_heading_anchors = 4  # links such as metrics.md#names, as on GitHub
myst_enable_extensions = ["colon_fence"]
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types in signatures need no page; `_public_name` links those that have one

autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "inherited-members": False}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
add_module_names = False
suppress_warnings = ["ref.python"]  # the builtin `type` in a signature is not the attribute `type` of some class

PLACES = {name: f"conductor.{name}" for name in conductor.__all__}
PLACES |= {name: f"conductor.testing.{name}" for name in conductor.testing.__all__}
"""The pages of the reference have the public names, and signatures those of the modules that define them."""

REPOSITORY = "https://github.com/conductor-worker/conductor-worker/blob/main"
ROOT = Path(__file__).resolve().parent.parent
LINK_OUT_OF_DOCS = re.compile(r"(\]\(|^\[[^\]]+\]: )\.\./(?P<path>[^)#\s]+)", re.MULTILINE)

LISTED_PAGE = re.compile(r"^- \[[^\]]+\]\(([^)#]+)\.(?:md|rst)\)", re.MULTILINE)
"""A page in a list of index.md."""

NAMES = r"[a-z_][a-z_0-9]*(?:, [a-z_][a-z_0-9]*)*"
EXPLAINED = re.compile(rf"(?P<names>{NAMES}): (?P<text>.*)")
NEXT_EXPLAINED = re.compile(rf"(?<=[.;]) (?={NAMES}: )")
"""In docstrings, ``name: meaning`` explains an argument or a member. Several of them may be in a paragraph."""


def _as_list_items(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Make a list item of each ``name: meaning`` at the start of a paragraph, and of those that follow it."""
    made = [""]
    in_item = False
    for whole_line in lines:
        may_begin = in_item or not made[-1]
        for number, line in enumerate(NEXT_EXPLAINED.split(whole_line) if may_begin else [whole_line]):
            found = None if number == 0 and line.startswith(" ") else EXPLAINED.fullmatch(line)
            if found and may_begin:
                made += ["", f"* **{found['names']}**: {found['text']}"]
                in_item = True
            else:
                in_item = in_item and bool(line)
                made.append(f"  {line.strip()}" if in_item else line)
    lines[:] = [*made, ""]


def _public_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element) -> Any:
    """Link a type in a signature to its page, which has its public name."""
    place = PLACES.get(node.get("reftarget", "").rpartition(".")[2])
    if node.get("refdomain") != "py" or place is None or node["reftarget"] == place:
        return None
    domain = env.domains["py"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", place, node, contnode)


def _navigation(text: str) -> str:
    """The lists of pages, as Sphinx takes them for the navigation."""
    listed = LISTED_PAGE.findall(text)
    if repeated := {page for page in listed if listed.count(page) > 1}:
        raise ValueError(f"index.md has pages twice: {', '.join(sorted(repeated))}")
    parts = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        pages = "\n".join(LISTED_PAGE.findall(section))
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {section.splitlines()[0]}\n\n{pages}\n```\n")
    return "\n".join(parts)


def _prepare_page(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Complete a page for the site. On GitHub it is shown as it stands.

    Files outside of docs/ have no page on the site: their links lead to the repository. A missing file is an error.
    """

    def absolute(match: re.Match[str]) -> str:
        if not (ROOT / match["path"]).exists():
            raise FileNotFoundError(f"{docname} links to {match['path']}, which does not exist")
        return f"{match[1]}{REPOSITORY}/{match['path']}"

    source[0] = LINK_OUT_OF_DOCS.sub(absolute, source[0])
    if docname == "index":
        source[0] += _navigation(source[0])


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _as_list_items)
    app.connect("missing-reference", _public_name)
    app.connect("source-read", _prepare_page)
