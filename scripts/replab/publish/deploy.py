"""Brings the versions of a site to a folder or to a branch of a git remote; what is there is kept, its index is made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from replab.config import settings as settings_file
from replab.publish import sums, verify, versions
from replab.publish.errors import DeployError, TamperedError
from replab.publish.site import ASIDE, LIST, LOCK, Site

NAMED = 3
"""Files of a foreign folder that are named."""
TRIES = 3
"""Pushes before giving up, when others push at the same time."""
MARKER = ".nojekyll"
"""Tells servers of pages to serve files as they are."""
NAME, MAIL = "replab", "replab@localhost"
"""Who commits where git has not been told."""


def deploy(site: Site, to: str, root: Path, say: Callable[[str], None]) -> list[str]:
    """Bring the versions of ``site`` to ``to``: a folder, or ``REMOTE#BRANCH``. Returns those that were new there.

    Versions that are there already must be the same. Raises ``DeployError`` or ``TamperedError``; then nothing was changed there.
    """
    if not site.versions():
        raise DeployError("nothing has been published", where=str(site.root), hint="Run 'replab publish VERSION' first")
    for checked in verify.check(str(site.root)):
        if checked.faults:
            raise TamperedError("; ".join(checked.faults[: verify.SHOWN]), where=f"{site.root}/{checked.version}")
    remote, sign, branch = to.rpartition("#")
    if not sign:
        target = Path(to)
        if target.resolve() == site.root.resolve():
            raise DeployError("a site cannot be deployed to itself", where=to)
        if fault := settings_file.path_fault(to) or settings_file.folder_fault(target.absolute()) or _foreign(target):
            raise DeployError(fault, where=to, hint="Name the folder of a site, or one that is empty or not there yet")
        return bring(site, Site(root=target, links=False), say)
    if not remote or not branch or branch.startswith("-"):
        raise DeployError("is no remote with a branch", where=to, hint="For example --to origin#pages")
    try:
        return _push(site, remote, branch, root, say)
    except OSError as error:
        where = str(error.filename or tempfile.gettempdir())
        raise DeployError(f"cannot be written: {error.strerror or error}", where=where, hint="Free some space, and deploy again") from None


def _foreign(target: Path) -> str:
    """What speaks against making a folder a site: it holds other things, and no site."""
    try:
        names = [path.name for path in target.iterdir()] if target.is_dir() else []
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    others = sorted(name for name in names if name != LOCK and not name.startswith(ASIDE))
    if not others or LIST in others or any(map(versions.is_version, others)):  # an interrupted deployment may have left no list
        return ""
    return f"holds {', '.join(others[:NAMED])}{' and more' if len(others) > NAMED else ''}, and is no site"


def bring(site: Site, target: Site, say: Callable[[str], None]) -> list[str]:
    """Copy the versions that ``target`` lacks, and renew its index. Raises ``DeployError`` before anything is changed."""
    try:
        with target.alone():
            online = {version.version: version for version in target.versions()}
            ours = site.versions()
            for version in ours:
                if version.version in online and _list(version.folder) != _list(online[version.version].folder):
                    hint = "A version never changes: publish under a new one"
                    raise DeployError(f"holds {version.version} with other content", where=str(target.root), hint=hint)
            new = [version for version in ours if version.version not in online]
            for version in new:
                with target.aside() as aside:
                    shutil.copytree(version.folder, aside / version.version, copy_function=shutil.copyfile)
                    target.move_in(aside / version.version, version.version)
                say(f"{version.version} is there now")
            target.refresh()
    except OSError as error:
        hint = "Free some space or mend the permissions, and deploy again"
        raise DeployError(f"cannot be written: {error.strerror or error}", where=str(target.root), hint=hint) from None
    return [version.version for version in new]


def _list(folder: Path) -> bytes:
    path = folder / sums.SUMS
    return path.read_bytes() if path.is_file() else b""


def _push(site: Site, remote: str, branch: str, root: Path, say: Callable[[str], None]) -> list[str]:
    """Commit on top of what the branch has, and push; others may push meanwhile."""
    where = f"{remote}#{branch}"
    configured = _git(root, "remote", "get-url", "--push", remote, check=False)
    address = configured or (str(Path(remote).resolve()) if Path(remote).exists() else remote)
    with tempfile.TemporaryDirectory(prefix="replab-deploy-") as scratch:
        work = Path(scratch) / "pages"
        _git(Path(scratch), "init", "--quiet", "--initial-branch", branch, str(work))
        for key, value in (("user.name", NAME), ("user.email", MAIL)):
            given = _git(root, "config", key, check=False)
            _git(work, "config", key, given or value)
        for key in ("core.autocrlf", "core.fileMode", "commit.gpgSign"):
            _git(work, "config", key, "false")
        exclude = work / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("/.lock\n/.building-*\n", encoding="utf-8")
        _git(work, "remote", "add", "origin", address)
        for attempt in range(TRIES):
            if _git(work, "ls-remote", "--heads", "origin", f"refs/heads/{branch}", where=where):
                _git(work, "fetch", "--quiet", "--depth", "1", "--no-tags", "origin", f"refs/heads/{branch}", where=where)
                _git(work, "reset", "--quiet", "--hard", "FETCH_HEAD")
                _git(work, "clean", "--quiet", "-ffdx")
            new = bring(site, Site(root=work, links=False), say)
            (work / MARKER).touch()
            _git(work, "add", "--all", "--force", "--", ".", ":(exclude).lock")
            if not _git(work, "status", "--porcelain", "--untracked-files=no"):
                say(f"{where} has all of it already")
                return []
            _git(work, "commit", "--quiet", "--message", f"Publish {', '.join(new)}" if new else "Renew the index")
            if _try(work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}"):
                return new
            say(f"{where} was pushed to meanwhile, or refuses: trying again" if attempt + 1 < TRIES else f"{where} refuses")
        done = _run(work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    raise DeployError(f"git push failed: {' '.join(done.stderr.split())}", where=where, hint="See whether you may push to that branch")


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set inside of git's own hooks
        env.pop(name, None)
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=env
        )
    except OSError:
        raise DeployError("git is not on the PATH", hint="Install git") from None


def _git(folder: Path, *arguments: str, check: bool = True, where: str = "") -> str:
    """What a git command prints; nothing when it fails and ``check`` is false. Raises ``DeployError``."""
    done = _run(folder, *arguments)
    if done.returncode and check:
        message = " ".join(done.stderr.split()) or f"ended with {done.returncode}"
        hint = "See whether the address is right and can be reached" if where else ""
        raise DeployError(f"git {arguments[0]} failed: {message}", where=where or str(folder), hint=hint)
    return done.stdout.strip() if not done.returncode else ""


def _try(folder: Path, *arguments: str) -> bool:
    return _run(folder, *arguments).returncode == 0
