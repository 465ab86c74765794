"""Put the example files into the README's code blocks, so that what it shows is what the tests run.

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
    text = readme.read_text()
    if text.count("```python") != len(BLOCK.findall(text)):
        print("README.md has Python code that belongs to no file that is tested", file=sys.stderr)
        return 1
    if synced(text) == text:
        return 0
    if "--check" in sys.argv:
        print("README.md is out of step with the examples: run scripts/sync_snippets.py", file=sys.stderr)
        return 1
    readme.write_text(synced(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
