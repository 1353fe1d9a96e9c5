"""Talks to Docker through its SDK for Python."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from replab.engines.container import LABEL_LAUNCHER, Container, EngineLost, EngineRefused, State, outermost

ANSWER_SECONDS = 60
"""A daemon that takes longer to answer counts as lost; ``wait`` has no limit of its own."""
MEBIBYTE = 2**20


class DockerDriver:
    """Talks to a Docker daemon."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.where = settings.get("DOCKER_HOST") or "the default socket"
        try:
            self.client = docker.DockerClient.from_env(environment={**settings}, timeout=ANSWER_SECONDS)
            self.client.ping()
        except (DockerException, requests.RequestException, OSError) as error:
            raise EngineLost(f"the Docker daemon at {self.where} does not answer") from error

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, OSError) as error:
            raise EngineLost(f"the Docker daemon at {self.where} went away") from error
        except APIError as error:
            raise EngineLost(f"the Docker daemon at {self.where} failed: {error.explanation or error}") from error

    def create(self, container: Container, labels: Mapping[str, str]) -> None:
        """See ``Driver.create``."""
        with self._answering():
            try:
                self.client.containers.create(**arguments(container, labels))
            except ImageNotFound as error:
                raise EngineRefused(f"the image {container.image} is not there", "Build it again with 'snakemake images'") from error
            except APIError as error:
                raise EngineRefused(f"Docker refuses the container: {error.explanation or error}") from error

    def run(self, container: Container) -> Iterator[bytes]:
        """See ``Driver.run``: attached before it starts, so that no word is lost."""
        with self._answering():
            try:
                stream = self.client.api.attach(container.name, stdout=True, stderr=True, stream=True, logs=False)
                self.client.api.start(container.name)
            except APIError as error:
                raise EngineRefused(f"Docker cannot start the container: {error.explanation or error}", _gpu_hint(container)) from error
            yield from stream

    def state(self, name: str) -> State:
        """See ``Driver.state``. ``OOMKilled`` is true also where only a child was killed and the sandbox went on: the code tells."""
        with self._answering():
            self.client.api.wait(name, timeout=ANSWER_SECONDS)
            state = self.client.api.inspect_container(name)["State"]
        return State(code=int(state["ExitCode"]), oom=bool(state["OOMKilled"]) and int(state["ExitCode"]) != 0)

    def pause(self, name: str, *, on: bool) -> None:
        """See ``Driver.pause``."""
        with self._answering(), contextlib.suppress(APIError):
            (self.client.api.pause if on else self.client.api.unpause)(name)

    def remove(self, name: str) -> None:
        """See ``Driver.remove``."""
        with self._answering(), contextlib.suppress(NotFound):
            try:
                self.client.api.remove_container(name, force=True, v=True)
            except NotFound:
                raise
            except APIError as error:
                if error.status_code != requests.codes.conflict:  # it is being removed already
                    raise

    def ours(self) -> list[tuple[str, str]]:
        """See ``Driver.ours``."""
        with self._answering():
            containers = self.client.api.containers(all=True, filters={"label": LABEL_LAUNCHER})
        return [(str(summary["Names"][0]).lstrip("/"), str(summary["Labels"][LABEL_LAUNCHER])) for summary in containers]


def _gpu_hint(container: Container) -> str:
    return "GPUs need NVIDIA's container toolkit: see docs/containers.md" if container.gpus else ""


def arguments(container: Container, labels: Mapping[str, str]) -> dict[str, object]:
    """What the SDK is told: the policy in Docker's words."""
    scratch = f"rw,noexec,nosuid,nodev,size={container.scratch_mb}m,mode=1777"
    mounts = [Mount(target=path, source=path, type="bind", read_only=True) for path in outermost(container.readable)]
    options: dict[str, object] = {
        "image": container.image,
        "name": container.name,
        "entrypoint": container.command()[:1],  # one of the image's own would come before
        "command": container.command()[1:],
        "labels": dict(labels),
        "user": container.user,
        "working_dir": container.folder,
        "network_mode": "none",
        "ipc_mode": "private",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": container.memory_mb * MEBIBYTE,
        "memswap_limit": container.memory_mb * MEBIBYTE,
        "nano_cpus": int(min(container.cpus, os.cpu_count() or 1) * 1e9),
        "pids_limit": container.processes,
        "shm_size": container.scratch_mb * MEBIBYTE,
        "tmpfs": {"/tmp": scratch},  # noqa: S108 - inside, in memory
        "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=container.open_files, hard=container.open_files)],
        "mounts": [Mount(target=container.folder, source=container.folder, type="bind", read_only=False), *mounts],
        "log_config": LogConfig(type="none"),  # what it prints is passed on at once, and kept nowhere else
        "stdin_open": False,
        "tty": False,
        "detach": True,
    }
    if container.gpus:
        options["device_requests"] = [DeviceRequest(driver="nvidia", device_ids=list(container.gpus), capabilities=[["gpu"]])]
    return options
