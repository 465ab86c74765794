"""The page at /: HTML, CSS and JavaScript, which the browser runs. It loads nothing from elsewhere.

index.html has the parts that are always there. main.js asks the server each second for what has changed, and hands it
to the modules that show it. dom.js is the only one that makes elements, and it reads no HTML.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

INDEX = "index.html"
MEDIA_TYPES = {
    ".css": "text/css;charset=UTF-8",
    ".html": "text/html;charset=UTF-8",
    ".js": "text/javascript;charset=UTF-8",
}


@cache
def page_files() -> dict[str, tuple[bytes, str]]:
    """The content and the media type of each file, by its name."""
    found = {}
    for file in files(__package__).iterdir():
        ending = file.name[file.name.rfind(".") :]
        if ending in MEDIA_TYPES:
            found[file.name] = file.read_bytes(), MEDIA_TYPES[ending]
    return found
