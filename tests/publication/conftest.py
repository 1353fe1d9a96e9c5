"""A small repository of its own with a finished run, which tests publish, change and publish again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = os.environ.get("REPLAB_CACHE", str(ROOT / ".replab"))
PARTS = (
    "Snakefile",
    "rules",
    "scripts",
    "config",
    "containers",
    "reports",
    "profiles",
    "pyproject.toml",
    "requirements.lock",
    "cluster.lock",
    "LICENSE",
    "CITATION.cff",
)
FIRST, SECOND = "2026.9.0", "2026.11.0"


class Laboratory:
    """A clone of the lab with one tiny family."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = {"environments": "numpy-2.5,torch-2.13", "variants": "default", "cache": CACHE}

    @property
    def site(self) -> Path:
        """Where it publishes."""
        return self.root / "site"

    def environment(self) -> dict[str, str]:
        """Variables of its processes: they run its own code."""
        return {**os.environ, "PYTHONPATH": str(self.root / "scripts")}

    def git(self, *arguments: str) -> str:
        """Run git."""
        done = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        """Commit all that changed."""
        self.git("add", "--all")
        self.git("-c", "user.name=a test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", message)

    def snakemake(self, *targets: str, code: int = 0, **settings: object) -> str:
        """A real run of the workflow; what it printed."""
        values = [f"{key}={value}" for key, value in {**self.settings, **settings}.items()]
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *targets, "--config", *values]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == code, done.stdout[-6000:]
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """The command line of ``replab``."""
        return [sys.executable, "-m", "replab.cli", *arguments]

    def replab(self, *arguments: str, code: int = 0) -> str:
        """A real ``replab`` command; what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == code, done.stdout[-6000:]
        assert "Traceback" not in done.stdout
        return done.stdout

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")


class Page(HTMLParser):
    """Links and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        assert not any(name.startswith("on") for name, _ in attrs)


def assert_links_lead_somewhere(pages: list[Path]) -> None:
    """Every relative link of every page leads to a file."""
    for path in pages:
        for link in Page(path.read_text(encoding="utf-8")).links:
            assert "://" not in link, f"{path} leaves the site: {link}"
            file = link.partition("#")[0]
            assert not file or (path.parent / unquote(file)).is_file(), f"{path} → {link}"


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A clean repository, and a finished run in it."""
    root = tmp_path_factory.mktemp("laboratory")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(Path(__file__).parent / "families", root / "experiments", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / ".gitignore", root / ".gitignore")
    made = Laboratory(root)
    made.git("init", "--quiet")
    made.commit("first")
    made.snakemake()
    return made


@pytest.fixture(scope="session")
def first(laboratory: Laboratory) -> Path:
    """The first version, published by the workflow."""
    said = laboratory.snakemake("publish", version=FIRST)
    assert "published" in said
    return laboratory.site / FIRST


@pytest.fixture(scope="session")
def second(laboratory: Laboratory, first: Path) -> Path:
    """The second version: one function of one side was edited, one environment was removed."""
    laboratory.edit("experiments/tiny/impl_numpy.py", "return np.tanh(x)", "return np.tanh(x) * np.asarray(1.0000002, x.dtype)")
    laboratory.commit("tanh is a little larger")
    laboratory.settings["environments"] = "numpy-2.5"
    laboratory.snakemake()
    laboratory.replab("publish", SECOND)
    return laboratory.site / SECOND
