"""Builds the source distribution, and the wheel from it, into dist/: ``python scripts/build.py``.

The same commit gives the same bytes, with the locked hatchling. Earlier builds in dist/ are removed.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"


def main() -> None:
    for earlier in DIST.glob("conductor_worker-*"):
        earlier.unlink()
    build("sdist", ROOT)
    with TemporaryDirectory() as folder:
        with tarfile.open(next(DIST.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        # from the source distribution, so that a wheel which others make of it is the same
        build("wheel", next(Path(folder).iterdir()))


def build(target: str, source: Path) -> None:
    """``target``: sdist or wheel. ``source``: a checkout, or an unpacked source distribution."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", DIST], cwd=source, check=True)


if __name__ == "__main__":
    main()
