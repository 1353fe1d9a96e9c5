"""What the engines that start containers share: a container as data, its life, and how it is found and removed whatever happens.

The process that the supervisor starts is a small launcher on the host (`container_run`). It creates the container under the policy, passes
its output on and removes it. The container carries labels that say who launched it; whoever finds one whose launcher is gone removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from replab.engines.base import Built, Ending, Image, Launch, Log, host_processor, search_path, thread_variables
from replab.engines.policy import POINTS, Policy, load_policy
from replab.errors import EnvironmentUnavailable, LabError, SandboxError
from replab.model import Environment, Limits

LABEL_LAUNCHER = "org.replab.launcher"
LABEL_BATCH = "org.replab.run.batch"
MARK = "REPLAB_SANDBOX"
FIRST_SIGNAL = 128
"""An exit status above this is a signal that ended the process inside."""
EXIT_BROKEN = 70
"""Exit status of the launcher when the engine failed; the sentence is in its ending file."""
KILLED = 137
ENDING_BYTES = 4096
"""Room for how a container ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """One container to be started, whichever engine does it."""

    name: str
    image: str
    argv: tuple[str, ...]
    user: str
    """``uid:gid``."""
    env: Mapping[str, str]
    """All that the process gets: what the image sets is wiped first."""
    workdir: str
    writable: str
    readable: tuple[str, ...]
    memory_mb: int
    cpus: float
    processes: int
    seconds: int
    scratch_mb: int
    open_files: int
    batch: str
    """The output folder: one batch, one folder."""
    gpus: tuple[str, ...] = ()
    keep_id: bool = False
    """Without root: the user outside is the same user inside."""
    seccomp: str = ""
    """A file with the system calls that are allowed; empty for the engine's own list."""

    def command(self) -> list[str]:
        """What runs as the first process: it bounds the life of the sandbox, waits for orphans, and wipes the image's own variables."""
        # Not the interpreter itself: a first process is immune to signals that end any other one, and some faults of cells are signals.
        pairs = [f"{name}={value}" for name, value in sorted(self.env.items())]
        return ["timeout", "--signal=KILL", str(self.seconds), "env", "-i", *pairs, *self.argv]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a container ended, as its engine says."""

    code: int
    oom: bool


class EngineLost(Exception):
    """The engine does not answer, or no longer knows the container; the message is one clause."""


class EngineRefused(Exception):
    """The engine cannot start the container; the message is one clause, ``hint`` how to mend it."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


class Driver(Protocol):
    """Talks to one engine. Every method raises ``EngineLost`` when the engine does not answer."""

    def create(self, container: Container, labels: Mapping[str, str]) -> None:
        """Make it, not started. Raises ``EngineRefused``."""

    def run(self, container: Container) -> Iterator[bytes]:
        """Start it and give what it prints until it ends. Raises ``EngineRefused``."""

    def state(self, name: str) -> State:
        """How it ended; waits for that."""

    def pause(self, name: str, *, on: bool) -> None:
        """Freeze or thaw it; where the engine cannot, nothing happens."""

    def remove(self, name: str) -> None:
        """End and remove it; also when it is not there."""

    def ours(self) -> list[tuple[str, str]]:
        """Name and launcher label of every container with such a label."""


def launcher_label() -> str:
    """Who this process is, so that others can tell whether it still lives: boot, process namespace, process id, start."""
    return f"{_machine()} {os.getpid()} {psutil.Process().create_time():.2f}"


def is_abandoned(label: str) -> bool:
    """Whether the launcher of that label was on this very machine and is gone."""
    machine, _, rest = label.partition(" ")
    pid, _, started = rest.partition(" ")
    if machine != _machine() or not pid.isdigit():
        return False  # another machine shares the engine: not ours to judge
    try:
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or bool(abs(process.create_time() - float(started)) > 1.0)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False


def reap(driver: Driver) -> list[str]:
    """Remove every container whose launcher is gone; returns their names."""
    gone = [name for name, label in driver.ours() if is_abandoned(label)]
    for name in gone:
        driver.remove(name)
    return gone


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def container_name(batch: Path) -> str:
    """One name for each output folder: a second container on the same folder is refused by the engine."""
    return f"replab-{hashlib.sha256(str(batch).encode()).hexdigest()[:20]}"


@dataclass(slots=True)
class ContainerHold:
    """Steers a container from the process that supervises its launcher."""

    engine: str
    settings: Mapping[str, str]
    container: str
    ending_file: Path
    spec_file: Path
    limits_memory: bool = True
    """See ``Hold.limits_memory``."""
    _driver: list[Driver] = field(default_factory=list)

    def _engine(self) -> Driver:
        if not self._driver:
            self._driver.append(get_driver(self.engine, self.settings))
        return self._driver[0]

    @property
    def where(self) -> str:
        """See ``Hold.where``."""
        return self.engine

    def freeze(self) -> None:
        """See ``Hold.freeze``."""
        with contextlib.suppress(EngineLost):
            self._engine().pause(self.container, on=True)

    def thaw(self) -> None:
        """See ``Hold.thaw``."""
        with contextlib.suppress(EngineLost):
            self._engine().pause(self.container, on=False)

    def end(self) -> None:
        """See ``Hold.end``: an engine that does not answer is found out by the launcher, which says so."""
        with contextlib.suppress(EngineLost):
            self._engine().remove(self.container)

    def ending(self, code: int) -> Ending:
        """See ``Hold.ending``: the launcher wrote it down, beside the folder that the container can write to."""
        try:
            said = json.loads(self.ending_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Ending(code=code, broken="the process that watched its container was killed. Run again: finished cells are kept")
        for file in (self.ending_file, self.spec_file):
            file.unlink(missing_ok=True)
        status = int(said["code"])
        return Ending(code=FIRST_SIGNAL - status if status > FIRST_SIGNAL else status, oom=bool(said["oom"]), broken=str(said["broken"]))


def get_driver(engine: str, settings: Mapping[str, str]) -> Driver:
    """The driver of an engine; ``settings`` are variables that say where the engine is."""
    if engine == "docker":
        from replab.engines.docker import DockerDriver  # noqa: PLC0415 (the SDK costs a quarter of a second)

        return DockerDriver(settings)
    from replab.engines.podman import PodmanDriver  # noqa: PLC0415

    return PodmanDriver(settings)


def beside(writable: Path, kind: str) -> Path:
    """A file about a sandbox that lies next to its output folder, where nothing inside can reach it."""
    return writable.with_name(f".{writable.name}.{kind}.json")


class ContainerEngine:
    """An engine that starts one container for each sandbox."""

    name = ""
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
        return Built(
            environment=environment,
            engine=self.name,
            python=Path(image.python),
            folder=Path(image.python).parent.parent,
            identity=hashlib.sha256(f"{image.digest} {image.python}".encode()).hexdigest(),
            cache=cache.resolve(),
            image=image,
        )

    def changed(self, built: Built) -> str:
        """See ``Engine.changed``: nothing that runs can change an image, which is named by its digest."""
        del built
        return ""

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """See ``Engine.verify``: `replab images check` looks into images."""
        del environment, cache, device
        return None

    def check(self) -> None:
        """Remove what abandoned launchers left. Raises ``SandboxError`` when the engine does not answer: no environment can go on then."""
        try:
            reap(get_driver(self.name, self.settings()))
        except EngineLost as lost:
            raise SandboxError(str(lost), where=self.name, hint=self.mend) from None

    mend = ""

    def settings(self) -> dict[str, str]:
        """The caller's variables that concern this engine."""
        return {name: os.environ[name] for name in self.passed if name in os.environ}

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``: the C library (and compiler) of the container, the processor of this host."""
        from replab.engines.image_facts import look  # noqa: PLC0415

        seen = look(self, built)
        parts = [seen["machine"], seen["libc"], *host_processor()]
        if "compile" in built.environment.modes:
            parts.append(seen["compiler"] or "no-compiler")
        return " ".join(part for part in parts if part)

    def command(
        self,
        built: Built,
        argv: Sequence[str],
        *,
        variables: Mapping[str, str],
        threads: int,
        limits: Limits,
        writable: Path,
        readable: Sequence[Path],
        gpus: Sequence[str] = (),
    ) -> Launch:
        """See ``Engine.command``."""
        container = self.container(
            built, argv, variables=variables, threads=threads, limits=limits, writable=writable, readable=readable, gpus=gpus
        )
        spec, ending = beside(writable, "container"), beside(writable, "ending")
        try:
            ending.write_text(" " * ENDING_BYTES, encoding="utf-8")  # room for the last word, should the disk be full by then
            spec.write_text(json.dumps(asdict(container), sort_keys=True, indent=1), encoding="utf-8")
            spec.chmod(0o600)
        except OSError as error:
            raise SandboxError(f"cannot be written: {error.strerror}", where=str(spec), hint="Free some space") from None
        hand_over(writable, container.user)
        settings = self.settings()
        env = {"PATH": os.environ.get("PATH", search_path(sys.executable)), "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", **settings}
        hold = ContainerHold(self.name, settings, container.name, ending, spec, limits_memory="memory" in self.promises)
        launch = (sys.executable, "-m", "replab.engines.container_run", self.name, str(spec), str(ending))
        return Launch(argv=launch, env=env, cwd=writable, hold=hold, inside=container.env)

    def container(
        self,
        built: Built,
        argv: Sequence[str],
        *,
        variables: Mapping[str, str],
        threads: int,
        limits: Limits,
        writable: Path,
        readable: Sequence[Path],
        gpus: Sequence[str] = (),
    ) -> Container:
        """The container of a sandbox, complete; pure but for the folders that its variables name."""
        if built.image is None:
            raise LabError("was built by an engine without images", where=built.environment.name)
        policy, image = load_policy(), built.image
        folder = writable.absolute()
        keep = self.rootless()
        return Container(
            name=container_name(folder),
            image=image.reference,
            argv=(image.python, *argv),
            user=user_of(image, keep=keep),
            env=_variables(policy, built, variables, threads, folder, gpus),
            workdir=str(folder),
            writable=str(folder),
            readable=tuple(dict.fromkeys(str(path.absolute()) for path in readable if path.absolute() != folder)),
            memory_mb=limits.memory_mb,
            cpus=float(max(threads, 1)),
            processes=policy.processes,
            seconds=policy.seconds,
            scratch_mb=policy.scratch_mb,
            open_files=policy.open_files,
            batch=str(folder),
            gpus=tuple(gpus),
            keep_id=keep,
            seccomp=self.system_calls(built.cache),
        )

    def system_calls(self, cache: Path) -> str:
        """The file of allowed system calls, where the engine's own list allows too much."""
        del cache
        return ""

    def rootless(self) -> bool:
        """Whether the engine runs as the caller, who is not root."""
        return False


def user_of(image: Image, *, keep: bool) -> str:
    """Who the process is: the caller, whose files the results are; root never, it becomes the image's own user."""
    if os.geteuid() == 0:
        return f"{image.uid}:{image.gid}"
    del keep
    return f"{os.getuid()}:{os.getgid()}"


def hand_over(writable: Path, user: str) -> None:
    """Give the output folder to the user of the container; only root can, and only root has to."""
    if os.geteuid() != 0:
        return
    uid, gid = (int(part) for part in user.split(":"))
    for path in (writable, *writable.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            os.lchown(path, uid, gid)


def _variables(
    policy: Policy, built: Built, variables: Mapping[str, str], threads: int, writable: Path, gpus: Sequence[str]
) -> dict[str, str]:
    """All variables of the process inside; makes the folders that they name anew."""
    scratch = writable / ".scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # a sandbox that was killed may have left half a compiled file
    home, temporary = scratch / "home", scratch / "tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    environment = built.environment
    ours = {**policy.fixed, "PATH": search_path(built.python), "HOME": str(home), "TMPDIR": str(temporary), MARK: str(writable)}
    if not gpus:
        ours["CUDA_VISIBLE_DEVICES"] = ""
    if "compile" in environment.modes:
        ours |= {
            "TORCHINDUCTOR_CACHE_DIR": str(scratch / "compiled"),
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
            "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        }
    ours |= {name: value for name, value in image_variables(built.image).items() if name in policy.from_image}
    return ours | dict(environment.variables) | dict(variables) | thread_variables(threads)


def image_variables(image: Image | None) -> Mapping[str, str]:
    """What the image sets for its processes, where it says so."""
    return getattr(image, "variables", None) or {}


def outermost(paths: tuple[str, ...]) -> list[str]:
    """Paths of which none lies below another."""
    return [path for path in sorted(set(paths)) if not any(path != other and Path(path).is_relative_to(other) for other in paths)]
