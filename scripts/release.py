"""Checks, builds and tests a release, and publishes it on demand. Run by release.sh, which lists the options.

The version is that of conductor/_version.py. The files go to dist/. Twine uploads them: its variables (TWINE_USERNAME,
TWINE_PASSWORD, TWINE_REPOSITORY_URL) or ~/.pypirc name the index and the account. Exit status 0: all is done; 1: a
check, a test or an upload failed, and standard error says which; 2: a wrong option.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from release_parts import audit, write_sbom

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
CHANGELOG = ROOT / "CHANGELOG.md"
VERSION_FILE = ROOT / "conductor" / "_version.py"
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
UNRELEASED = "## [Unreleased]\n"


class ReleaseError(Exception):
    """Why there is no release, for the person who makes it."""


def main() -> None:
    options = parsed(sys.argv[1:])
    try:
        if options.prepare:
            prepare(options.prepare)
        else:
            release(publish=options.publish, skip_tests=options.skip_tests)
    except ReleaseError as error:
        sys.exit(f"release: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"release: this failed with status {error.returncode}: {' '.join(map(str, error.cmd))}")


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/release.sh", description="Without options: a dry run.")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--prepare", metavar="VERSION", help="write the version and its section of CHANGELOG.md, and end"
    )
    modes.add_argument("--publish", action="store_true", help="after the tests, push the tag and upload the files")
    modes.add_argument("--skip-tests", action="store_true", help="a dry run that does not test the wheel")
    return parser.parse_args(arguments)


def prepare(version: str) -> None:
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version such as 1.2.3 or 1.2.3rc1")
    text = CHANGELOG.read_text()
    if not unreleased(text):
        raise ReleaseError("CHANGELOG.md has no entry under [Unreleased]")
    today = dt.datetime.now(dt.UTC).date()
    CHANGELOG.write_text(text.replace(UNRELEASED, f"{UNRELEASED}\n## [{version}] - {today}\n", 1))
    VERSION_FILE.write_text(VERSION_FILE.read_text().replace(f'"{current_version()}"', f'"{version}"'))
    print(f"The version is {version}. Look at the changes, commit them, and bring them to origin/main.")


def release(*, publish: bool, skip_tests: bool) -> None:
    version, commit = current_version(), git("rev-parse", "HEAD")
    if problems := [*problems_of_checkout(needs_origin=publish), *problems_of_version(version)]:
        raise ReleaseError("\n  ".join(["this commit cannot be released:", *problems]))
    files = build(version)
    digests = [digest(file) for file in files]
    if not skip_tests:
        run("scripts/test_wheel.sh", "--built")
    write_sbom(version, DIST / f"conductor_worker-{version}.cdx.json")
    audited = audit()
    for file, its_digest in zip(files, digests, strict=True):
        print(f"{its_digest}  {file.name}")
    print(f"audit: {audited.summary}")
    if audited.is_vulnerable:
        raise ReleaseError("a package that is installed with this one has a known vulnerability")
    if not publish:
        print(f"A dry run: --publish would now push the tag {tag_of(version)} and upload these files.")
        return
    if (git("rev-parse", "HEAD"), [digest(file) for file in files]) != (commit, digests) or git(
        "status", "--porcelain"
    ):
        raise ReleaseError("the checkout or dist/ changed while the tests ran")
    push_tag(version)
    upload(version, files)


def current_version() -> str:
    found = re.search(r'^__version__ = "(.*)"$', VERSION_FILE.read_text(), re.MULTILINE)
    if found is None:
        raise ReleaseError(f"{VERSION_FILE.name} has no __version__")
    return found[1]


def tag_of(version: str) -> str:
    return f"v{version}"


def unreleased(changelog: str) -> str:
    """The entries that are in no release yet."""
    if UNRELEASED not in changelog:
        raise ReleaseError("CHANGELOG.md has no section [Unreleased]")
    return re.split(r"^(?:## |\[.*\]: )", changelog.partition(UNRELEASED)[2], maxsplit=1, flags=re.MULTILINE)[0].strip()


def problems_of_checkout(*, needs_origin: bool) -> list[str]:
    problems = []
    if changed := git("status", "--porcelain"):
        problems.append(f"the working tree has changes:\n{changed}")
    if "origin" in git("remote").split():
        git("fetch", "--quiet", "origin", "main")
        if not git("branch", "--remotes", "--contains", "HEAD", "--list", "origin/main"):
            problems.append("HEAD is not in origin/main: push it there first")
    elif needs_origin:
        problems.append("there is no remote named origin to push the tag to")
    return problems


def problems_of_version(version: str) -> list[str]:
    problems = []
    if not VERSION.fullmatch(version):
        problems.append(f"{VERSION_FILE.name}: {version!r} is no version such as 1.2.3 or 1.2.3rc1")
    text = CHANGELOG.read_text()
    if unreleased(text):
        problems.append("CHANGELOG.md: [Unreleased] has entries; run scripts/release.sh --prepare VERSION")
    sections = re.findall(r"^## \[(.*?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    if [name for name, _ in sections[1:2]] != [version] or not sections[1][1]:
        problems.append(f"CHANGELOG.md: the section after [Unreleased] is not '## [{version}] - DATE'")
    at_origin = git("ls-remote", "--tags", "origin", tag_of(version)) if "origin" in git("remote").split() else ""
    if git("tag", "--list", tag_of(version)) or at_origin:
        problems.append(f"the tag {tag_of(version)} is there already; docs/releasing.md says how to end an upload")
    return problems


def build(version: str) -> list[Path]:
    """The source distribution and the wheel, checked as an index checks them."""
    run(sys.executable, "scripts/build.py")
    files = [DIST / f"conductor_worker-{version}{ending}" for ending in (".tar.gz", "-py3-none-any.whl")]
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, files))
    return files


def push_tag(version: str) -> None:
    """The tag comes before the upload: an index keeps a file for ever, and a tag that cannot be pushed stops here."""
    tag = tag_of(version)
    git("tag", "--annotate", tag, "--message", f"conductor-worker {version}")
    try:
        git("push", "--quiet", "origin", f"refs/tags/{tag}")
    except subprocess.CalledProcessError:
        git("tag", "--delete", tag)
        raise
    print(f"pushed the tag {tag}")


def upload(version: str, files: list[Path]) -> None:
    """One file at a time, so that a failure leaves no doubt about which are there."""
    for count, file in enumerate(files):
        try:
            run(sys.executable, "-m", "twine", "upload", "--non-interactive", str(file))
        except subprocess.CalledProcessError:
            raise ReleaseError(what_to_do(version, files[:count], files[count:])) from None
    print(f"published conductor-worker {version}")


def what_to_do(version: str, done: list[Path], missing: list[Path]) -> str:
    names = ", ".join(file.name for file in done) or "no file"
    command = " ".join([".venv/bin/python -m twine upload", *(str(file.relative_to(ROOT)) for file in missing)])
    return f"""the upload failed. {names} was uploaded; the tag {tag_of(version)} is pushed.
  Keep dist/ and the tag as they are: an index takes no second file of the same name.
  When the reason above is gone, upload the rest: {command}
  If the index refuses {missing[0].name} because it has it already, it did arrive: leave it out of the command.
  If the release must not go on, yank {version} at the index, and release the next version."""


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def git(*arguments: str) -> str:
    """What the command prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main()
