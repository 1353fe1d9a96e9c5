"""What every engine offers: build an environment, say what its bits depend on, and how to start a process in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from replab.contract.request import Promises
from replab.engines.marks import MARK
from replab.engines.policy import load_policy
from replab.engines.sandbox import Built, Image, Launch, Log, Sandbox
from replab.model import Environment

COMPOSED = (MARK, "LC_CTYPE")
"""Variables that appear on the way: the supervisor's mark, and what an old Python sets for itself."""


class Engine(Protocol):
    """Isolates environments."""

    name: str
    promises: tuple[str, ...]
    """Points of the isolation policy that it enforces: the probe tries them from inside, and one that does not hold ends the run."""

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """Makes ``environment`` startable on a device; fast when it is already. Raises ``EnvironmentUnavailable`` with one sentence."""

    def changed(self, built: Built) -> str:
        """Why it is no longer what ``build`` returned, as a clause; empty when it is. Quick: it is asked after every batch."""

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """What of an environment that was built here is no longer as it was, each a clause, after reading every byte of it.

        None where none was built, and where the engine itself seals what it starts.
        """

    def platform(self, built: Built) -> str:
        """What results depend on beside the environment: never the engine's own name, always what can change bits."""

    def command(self, sandbox: Sandbox) -> Launch:
        """How to start a sandbox. An engine that cannot enforce its limits and its folders leaves that to the supervisor."""


def isolation(engine: Engine, sandbox: Sandbox) -> dict[str, object]:
    """The entry ``isolation`` of a request: what the probe tries from inside, and what the engine promised."""
    return promised(engine, sandbox, engine.command(replace(sandbox, argv=())).inner)


def promised(engine: Engine, sandbox: Sandbox, names: Iterable[str]) -> dict[str, object]:
    """The same, where the ``names`` of the variables inside are known."""
    promises = Promises(
        promised=list(engine.promises),
        writable=[str(sandbox.writable)],
        readable=[str(path) for path in sandbox.readable],
        variables=sorted({*names, *COMPOSED}),
        memory_mb=sandbox.limits.memory_mb,
        processes=load_policy().processes,
        cpus=float(max(sandbox.threads, 1)),
    )
    return asdict(promises)


def points(engine: Engine) -> dict[str, object]:
    """The isolation policy as the report shows it: each point in words, and whether the engine promises it."""
    policy = load_policy()
    limits = {"processes": policy.processes, "seconds": policy.seconds, "scratch MiB": policy.scratch_mb, "open files": policy.open_files}
    return {"points": dict(policy.points), "promised": list(engine.promises), "limits": limits}


def describe_image(image: Image | None) -> dict[str, str]:
    """What the report says about an image; empty without one."""
    return {} if image is None else {"reference": image.reference, "digest": image.digest, "user": f"{image.uid}:{image.gid}"}
