"""Put the example files into the code blocks of the README and of docs/, so that they show the code that tests run.

A block belongs to a file when the line before it is ``<!-- snippet: path -->``. With --check nothing is written, and a
block that differs from its file is an error.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(?<=<!-- snippet: )(?P<path>\S+) -->\n```(?P<language>\w+)\n(?:.*?\n)??```$", re.DOTALL | re.MULTILINE
)


def synced(text: str) -> str:
    def block(match: re.Match[str]) -> str:
        code = (ROOT / match["path"]).read_text().rstrip("\n")
        return f"{match['path']} -->\n```{match['language']}\n{code}\n```"

    return BLOCK.sub(block, text)


def main() -> int:
    readme = ROOT / "README.md"
    if readme.read_text().count("```python") != len(BLOCK.findall(readme.read_text())):
        print("README.md has Python code that belongs to no file that is tested", file=sys.stderr)
        return 1
    old = [
        page for page in (readme, *sorted((ROOT / "docs").glob("*.md"))) if synced(page.read_text()) != page.read_text()
    ]
    if old and "--check" in sys.argv:
        names = ", ".join(page.name for page in old)
        print(f"out of step with the examples: {names}. Run scripts/sync_snippets.py", file=sys.stderr)
        return 1
    for page in old:
        page.write_text(synced(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
