"""What the engines that start containers share: how a sandbox becomes a container, and how that is steered from outside.

The process that the supervisor starts is a small launcher on the host (`container_run`). It creates the container under the policy, passes
its output on and removes it. The container carries labels that say who launched it; whoever finds one whose launcher is gone removes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from replab.engines.container import ENDING_BYTES, FIRST_SIGNAL, Container, Driver, EngineLost, container_name
from replab.engines.drivers.registry import get_driver
from replab.engines.image_engines import ImageEngine, built_from, inside_variables
from replab.engines.launchers import reap
from replab.engines.policy import POINTS, load_policy
from replab.engines.sandbox import Built, Ending, Image, Launch, Log, Sandbox
from replab.engines.variables import make_scratch, scratch_folder, search_path
from replab.errors import EnvironmentUnavailable, LabError, SandboxError
from replab.model import Environment


@dataclass(kw_only=True)
class ContainerHold:
    """Steers a container from the process that supervises its launcher."""

    where: str
    """See ``Hold.where``."""
    limits_memory: bool
    """See ``Hold.limits_memory``."""
    container: str
    ending_file: Path
    spec_file: Path
    connect: Callable[[], Driver]

    @cached_property
    def _driver(self) -> Driver:
        return self.connect()

    def freeze(self) -> None:
        """See ``Hold.freeze``."""
        with contextlib.suppress(EngineLost):
            self._driver.pause(self.container, on=True)

    def thaw(self) -> None:
        """See ``Hold.thaw``."""
        with contextlib.suppress(EngineLost):
            self._driver.pause(self.container, on=False)

    def end(self) -> None:
        """See ``Hold.end``: an engine that does not answer is found out by the launcher, which says so."""
        with contextlib.suppress(EngineLost):
            self._driver.remove(self.container)

    def ending(self, code: int) -> Ending:
        """See ``Hold.ending``: the launcher wrote it down, beside the folder that the container can write to."""
        try:
            end = json.loads(self.ending_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Ending(code=code, broken="the process that watched its container was killed. Run again: finished cells are kept")
        for file in (self.ending_file, self.spec_file):
            file.unlink(missing_ok=True)
        status = int(end["code"])
        return Ending(code=FIRST_SIGNAL - status if status > FIRST_SIGNAL else status, oom=bool(end["oom"]), broken=str(end["broken"]))


def beside(writable: Path, kind: str) -> Path:
    """A file about a sandbox that lies next to its output folder, where nothing inside can reach it."""
    return writable.with_name(f".{writable.name}.{kind}.json")


class ContainerEngine(ImageEngine):
    """An engine that starts one container for each sandbox."""

    promises: tuple[str, ...] = POINTS
    passed: tuple[str, ...] = ()
    """Variables of the caller that say where the engine is and how it is set up: the only ones that reach its client."""

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``: finds the image that the rule ``image`` built."""
        from replab import images  # noqa: PLC0415 (no other engine needs it)

        self.check()
        image = images.find_image(environment, cache.resolve(), self.name, device)
        if image is None:
            hint = f"Run 'snakemake images --config engine={self.name} environments={environment.name}'"
            raise EnvironmentUnavailable("no image was built from its present lock", where=environment.name, hint=hint)
        log(f"{environment.name}: image {image.digest}")
        return built_from(self.name, environment, image, cache)

    def check(self) -> None:
        """Remove what abandoned launchers left. Raises ``SandboxError`` when the engine does not answer: no environment can go on then."""
        try:
            reap(self.driver())
        except EngineLost as lost:
            raise SandboxError(str(lost), where=self.name, hint=self.mend) from None

    mend = ""

    def driver(self) -> Driver:
        """Whoever talks to the engine. Raises ``EngineLost``."""
        return get_driver(self.name, self.settings())

    def settings(self) -> dict[str, str]:
        """The caller's variables that concern this engine."""
        return {name: os.environ[name] for name in self.passed if name in os.environ}

    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``."""
        container = self.container(sandbox)
        folder = sandbox.writable
        spec, ending = beside(folder, "container"), beside(folder, "ending")
        shutil.rmtree(scratch_folder(folder), ignore_errors=True)  # a sandbox that was killed may have left half a compiled file
        make_scratch(folder)
        try:
            ending.write_text(" " * ENDING_BYTES, encoding="utf-8")  # room for the last word, should the disk be full by then
            spec.write_text(json.dumps(asdict(container), sort_keys=True, indent=1), encoding="utf-8")
            spec.chmod(0o600)
        except OSError as error:
            raise SandboxError(f"cannot be written: {error.strerror}", where=str(spec), hint="Free some space") from None
        hand_over(folder, container.user)
        env = {"PATH": os.environ.get("PATH", search_path(sys.executable)), "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", **self.settings()}
        hold = ContainerHold(
            where=self.name,
            limits_memory="memory" in self.promises,
            container=container.name,
            ending_file=ending,
            spec_file=spec,
            connect=self.driver,
        )
        launch = (sys.executable, "-m", "replab.engines.container_run", self.name, str(spec), str(ending))
        return Launch(argv=launch, env=env, cwd=folder, hold=hold, inside=container.env)

    def container(self, sandbox: Sandbox) -> Container:
        """The container of a sandbox, complete."""
        image, policy = sandbox.built.image, load_policy()
        if image is None:
            raise LabError("was built by an engine without images", where=sandbox.built.environment.name)
        folder = sandbox.writable.absolute()
        inside = replace(sandbox, writable=folder)
        return Container(
            name=container_name(folder),
            image=image.reference,
            argv=(image.python, *sandbox.argv),
            user=user_of(image),
            env=inside_variables(inside),
            folder=str(folder),
            readable=tuple(dict.fromkeys(str(path.absolute()) for path in sandbox.readable if path.absolute() != folder)),
            memory_mb=sandbox.limits.memory_mb,
            cpus=float(max(sandbox.threads, 1)),
            processes=policy.processes,
            seconds=policy.seconds,
            scratch_mb=policy.scratch_mb,
            open_files=policy.open_files,
            gpus=sandbox.gpus,
            keep_id=self.rootless(),
            seccomp=self.system_calls(sandbox.built.cache),
        )

    def system_calls(self, cache: Path) -> str:
        """The file of allowed system calls, where the engine's own list allows too much."""
        del cache
        return ""

    def rootless(self) -> bool:
        """Whether the engine runs as the caller, who is not root."""
        return False


def user_of(image: Image) -> str:
    """Who the process is: the caller, whose files the results are; root never, it becomes the image's own user."""
    if os.geteuid() == 0:
        return f"{image.uid}:{image.gid}"
    return f"{os.getuid()}:{os.getgid()}"


def hand_over(writable: Path, user: str) -> None:
    """Give the output folder to the user of the container; only root can, and only root has to."""
    if os.geteuid() != 0:
        return
    uid, gid = (int(part) for part in user.split(":"))
    for path in (writable, *writable.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            os.lchown(path, uid, gid)
