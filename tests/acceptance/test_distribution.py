"""What a package index and pip get: built as for a release, read as they read it."""

import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import conductor

ROOT = Path(__file__).parents[2]


def run(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, check=False, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    run("-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Made from the source distribution, which so holds what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=next(folder.iterdir()))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    packages = (ROOT / "conductor", ROOT / "generated" / "conductor_client")
    files = [file for package in packages for file in package.rglob("*") if file.is_file()]
    wanted = [file for file in files if "__pycache__" not in file.parts]
    assert found == {str(file.relative_to(ROOT)).removeprefix("generated/") for file in wanted}
    assert {"conductor/py.typed", "conductor_client/py.typed", "conductor/testing/server/api_docs.json"} <= found


def test_the_licence_goes_with_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith("/LICENSE")]


def test_the_sources_come_with_the_documentation_and_the_examples(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.split("/")[0] for name in names} - {".gitignore", "PKG-INFO"} == {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "conductor",
        "docs",
        "examples",
        "generated",
        "pyproject.toml",
    }
    assert {"docs/settings.md", "examples/first_worker.py"} <= names


def test_the_same_sources_give_the_same_bytes(sdist, wheel, tmp_path):
    run("-m", "hatchling", "build", "-d", str(tmp_path), cwd=ROOT)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in (sdist, wheel)
    }


def test_the_metadata_says_who_made_it_and_where_to_ask(metadata):
    assert metadata["Version"] == conductor.__version__
    assert metadata["Author"] == "The conductor-worker maintainers"
    urls = {line.partition(", ")[0] for line in metadata.get_all("Project-URL")}
    assert urls == {"Documentation", "Source", "Changelog", "Issues"}


def test_every_pip_shows_the_licence(metadata):
    """Old ones read License alone; with metadata from 2.4 on, which they do not know, it would not be there."""
    assert metadata["License"] == "Apache-2.0"
    assert metadata["Metadata-Version"] in ("2.1", "2.2", "2.3")


def test_it_runs_where_it_is_installed(wheel, tmp_path):
    run("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(wheel), cwd=tmp_path)
    program = "import sys; sys.path.insert(0, 'site'); import conductor.testing as t; print(t.DevServer, t.__file__)"
    assert str(tmp_path) in run("-c", program, cwd=tmp_path)
