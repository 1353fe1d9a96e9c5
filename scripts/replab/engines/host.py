"""Engine ``host``: the interpreter at hand, with whatever is installed in it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from replab.engines.processor import local_platform
from replab.engines.sandbox import Built, Launch, Log, Sandbox
from replab.engines.variables import local_variables
from replab.errors import EnvironmentUnavailable
from replab.locks.interpreters import describe, without_paths
from replab.model import Environment

# For any Python 3: the folders that record installed packages are named name-version.dist-info (or .egg-info).
_LOOK = """
import json, os, sys
names = set()
for folder in sys.path:
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        stem, dot, kind = entry.rpartition(".")
        if kind in ("dist-info", "egg-info"):
            names.add("-".join(stem.split("-")[:2]).lower())
print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], "prefix": sys.prefix, "found": sorted(names)}))
"""


class HostEngine:
    """Runs everything with one interpreter; what is asked for may differ from what is found, which is recorded."""

    name = "host"
    promises: tuple[str, ...] = ("environment",)

    def __init__(self, python: Path | None = None) -> None:
        self.python = python or Path(sys.executable)

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:  # noqa: ARG002 - what is there is there
        """See ``Engine.build``: nothing is installed; the packages found make the identity."""
        hint = "Set 'python' to an interpreter that has the framework"
        try:
            done = subprocess.run([str(self.python), "-s", "-c", _LOOK], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentUnavailable(f"the interpreter {self.python} cannot be started", where=environment.name, hint=hint) from error
        if done.returncode != 0:
            raise EnvironmentUnavailable(f"the interpreter {self.python} does not work", where=environment.name, hint=hint)
        seen = json.loads(done.stdout)
        log(f"{environment.name}: using Python {seen['python']} with {len(seen['found'])} packages as they are")
        return Built(
            environment=environment,
            engine=self.name,
            python=self.python.absolute(),
            folder=Path(seen["prefix"]),
            identity=hashlib.sha256(json.dumps([seen["python"], seen["found"]]).encode()).hexdigest(),
            cache=cache.resolve(),
            host_packages=tuple(seen["found"]),
            interpreter=without_paths(describe(self.python, where=environment.name)),
        )

    def changed(self, built: Built) -> str:
        """See ``Engine.changed``: the interpreter at hand is what it is, and what was found in it is its identity."""
        now = self.build(built.environment, built.cache, lambda _: None)
        return "" if now == built else "other packages, or another interpreter, are installed now"

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:  # noqa: ARG002 - nothing was built
        """See ``Engine.verify``."""
        return None

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``."""
        return local_platform(built)

    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``: its limits are the supervisor's to watch, and all of this host can be read."""
        return Launch(argv=(str(sandbox.built.python), *sandbox.argv), env=local_variables(sandbox), cwd=sandbox.writable)
