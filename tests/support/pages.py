"""The pages of the documentation: their code, and the files that they tell a reader to save."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SAVED = re.compile(r"[Ss]ave\s+this\s+as\s+`([^`]+)`.*?\n```\w+\n(.*?)\n```\n", re.DOTALL)


def blocks(page):
    """The Python code of a page in docs/, block by block."""
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def save_files(page, folder):
    """Write the files of the page into the folder. Returns its lines for a shell."""
    text = (ROOT / page).read_text()
    for name, content in SAVED.findall(text):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content + "\n")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for language, block in found if not language for line in block.splitlines()]
