"""The README as a package index shows it: away from the files beside it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = PROJECT["urls"]["Source"]
PICTURES = SOURCE.replace("//github.com", "//raw.githubusercontent.com") + "/main/"
INLINE = re.findall(r"\]\(([^)\s]+)\)", README)
DEFINED = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", README, re.MULTILINE))
HEADINGS = {
    re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.*)", README, re.MULTILINE)
}


def test_a_link_by_name_has_its_address_at_the_end():
    text = re.sub(r"```.*?```|`[^`\n]*`", "code", README, flags=re.DOTALL)
    used = {name or shown for shown, name in re.findall(r"\[([^\]\n]+)\](?:\[(\w+)\])?(?![\[(:])", text)}
    assert used == DEFINED.keys() != set()


@pytest.mark.sources
@pytest.mark.parametrize("link", sorted({*INLINE, *DEFINED.values(), *PROJECT["urls"].values()}))
def test_a_link_leads_somewhere_from_anywhere(link):
    url, _, anchor = link.partition("#")
    if url in ("", SOURCE):
        assert anchor in {"", "readme", *HEADINGS}
    elif url.startswith(f"{SOURCE}/blob/main/"):
        assert (ROOT / url.removeprefix(f"{SOURCE}/blob/main/")).is_file()
    elif url.startswith(PICTURES):
        assert (ROOT / url.removeprefix(PICTURES)).stat().st_size < 150_000
    else:
        assert url.startswith("https://")


@pytest.mark.sources
@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_link_between_pages_leads_to_a_file(page):
    for link in re.findall(r"\]\((?!https://|#)([^)\s#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
