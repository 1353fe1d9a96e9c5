"""Talks to podman through its command line, which needs no service, knows GPUs by name, and works without root."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from replab.engines.container import KILLED, LABEL_LAUNCHER, Container, EngineLost, EngineRefused, State, outermost

ANSWER_SECONDS = 60
MOST_PROCESSES = 4096
"""Of the user inside, where the system allows that many."""


class PodmanDriver:
    """Talks to podman by starting it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.program = shutil.which("podman") or ""
        self.environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **settings}
        self._message = ""
        if not self.program:
            raise EngineLost("podman is not installed")

    def _call(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                [self.program, *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineLost("podman does not answer") from error
        if check and done.returncode != 0:
            raise EngineLost(f"podman failed: {_last(done.stderr)}")
        return done

    def create(self, container: Container, labels: Mapping[str, str]) -> None:
        """See ``Driver.create``."""
        done = self._call(*create_words(container, labels), check=False)
        if done.returncode != 0:
            message = _last(done.stderr)
            if "image not known" in message or "no such image" in message.lower() or "does not resolve to an image" in message:
                raise EngineRefused(f"the image {container.image} is not there", "Build it again with 'snakemake images'")
            raise EngineRefused(f"podman refuses the container: {message}")

    def run(self, container: Container) -> Iterator[bytes]:
        """See ``Driver.run``."""
        words = [self.program, "start", "--attach", "--sig-proxy=false", container.name]
        process = subprocess.Popen(
            words, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            if process.stdout is not None:
                while piece := os.read(process.stdout.fileno(), 65536):
                    self._message = _last(piece.decode("utf-8", "replace"))
                    yield piece
            process.wait(ANSWER_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def state(self, name: str) -> State:
        """See ``Driver.state``. With control groups of version 1 ``OOMKilled`` stays false: nothing else kills with 137 here."""
        done = self._call("container", "inspect", name, check=False)
        if done.returncode != 0:
            raise EngineLost("podman no longer knows the container: somebody removed it")
        state = json.loads(done.stdout)[0]["State"]
        if state["Status"] in ("created", "initialized", "configured"):
            raise EngineRefused(f"podman cannot start the container: {self._message or state.get('Error') or 'without a word'}")
        code = int(state["ExitCode"])
        return State(code=code, oom=code == KILLED or (bool(state.get("OOMKilled")) and code != 0))

    def pause(self, name: str, *, on: bool) -> None:
        """See ``Driver.pause``."""
        self._call("pause" if on else "unpause", name, check=False)

    def remove(self, name: str) -> None:
        """See ``Driver.remove``."""
        self._call("rm", "--force", "--ignore", "--time", "0", "--volumes", name)

    def ours(self) -> list[tuple[str, str]]:
        """See ``Driver.ours``."""
        listed = json.loads(self._call("ps", "--all", "--filter", f"label={LABEL_LAUNCHER}", "--format", "json").stdout or "[]") or []
        return [(str(summary["Names"][0]), str(summary["Labels"][LABEL_LAUNCHER])) for summary in listed]


def _last(text: str) -> str:
    """The last line that podman said, without its prefix."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "without a message").removeprefix("Error: ").rstrip(".")


def create_words(container: Container, labels: Mapping[str, str]) -> list[str]:
    """What podman is told: the policy in podman's words."""
    # podman raises this to a number of its own where nothing is said, which only privileged users may. It counts all processes of a user,
    # not those of one container: --pids-limit does that.
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = MOST_PROCESSES if hard == resource.RLIM_INFINITY else min(hard, MOST_PROCESSES)
    temporary = "/tmp"  # noqa: S108 (inside, in memory)
    scratch = f"rw,noexec,nosuid,nodev,size={container.scratch_mb}m,mode=1777"
    words: Sequence[str] = (
        "create",
        "--name",
        container.name,
        "--pull",
        "never",
        "--user",
        container.user,
        "--workdir",
        container.folder,
        "--entrypoint",
        container.command()[0],
        "--network",
        "none",
        "--ipc",
        "private",
        "--read-only",
        "--read-only-tmpfs=false",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--memory",
        f"{container.memory_mb}m",
        "--memory-swap",
        f"{container.memory_mb}m",
        "--cpus",
        f"{min(container.cpus, os.cpu_count() or 1):g}",
        "--pids-limit",
        str(container.processes),
        "--shm-size",
        f"{container.scratch_mb}m",
        "--tmpfs",
        f"{temporary}:{scratch}",
        "--ulimit",
        "core=0:0",
        "--ulimit",
        f"nofile={container.open_files}:{container.open_files}",
        "--ulimit",
        f"nproc={most}:{most}",
        "--log-driver",
        "none",
        "--no-healthcheck",
        "--mount",
        f"type=bind,source={container.folder},target={container.folder}",
    )
    command = list(words)
    if container.seccomp:
        command += ["--security-opt", f"seccomp={container.seccomp}"]
    for path in outermost(container.readable):
        command += ["--mount", f"type=bind,source={path},target={path},readonly"]
    for name, value in sorted(labels.items()):
        command += ["--label", f"{name}={value}"]
    for gpu in container.gpus:
        command += ["--device", f"nvidia.com/gpu={gpu}"]
    if container.keep_id:
        command += ["--userns", "keep-id"]
    return [*command, container.image, *container.command()[1:]]  # an entry point of the image's own would come before
