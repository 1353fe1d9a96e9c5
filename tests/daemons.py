"""Container parts for tests, started and stopped by hand: a Docker daemon, podman with settings of its own, a registry on loopback.

Every part lies in a short folder of its own below the temporary folder, listens on a socket or a free loopback port of its own, and is stopped
by the process ids of its folder alone: several can run side by side, and none meets what the machine itself runs. Each context manager is
bounded in time both ways. ``missing_docker()`` and its like give the sentence with which a test skips itself; empty when the part is there.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 25
SYSTEM = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Daemons come from packages of the system: a client of another version that stands first on PATH is not taken for one."""


class DaemonFailed(Exception):
    """A part could not be started; the message ends with the end of its log."""


def program(name: str) -> str | None:
    """The path of a program, those of the system first."""
    return shutil.which(name, path=os.pathsep.join(SYSTEM)) or shutil.which(name)


def _missing(what: str, *names: str, root: bool = False) -> str:
    absent = [name for name in names if program(name) is None]
    if absent:
        return f"{what}: {', '.join(absent)} not installed"
    return f"{what}: needs root" if root and os.geteuid() != 0 else ""


def missing_docker() -> str:
    """Why no Docker daemon can be started here."""
    return _missing("a Docker daemon", "dockerd", "docker", "containerd", root=True)


def missing_podman() -> str:
    """Why podman cannot be used here."""
    return _missing("podman", "podman", "runc")


def missing_registry() -> str:
    """Why no registry can be started here."""
    return _missing("a registry", "docker-registry")


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder with a path short enough for sockets, outside of pytest's (which keeps folders of passed tests); gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"rl-{name}-", dir="/tmp"))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder in which file systems may still be mounted and layers may be read-only."""
    remove_mounts(folder)
    shutil.rmtree(folder, ignore_errors=True)


def remove_mounts(folder: Path) -> None:
    """Unmount what a daemon that was killed left below ``folder``."""
    mounted = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for path in sorted((path for path in mounted if path.is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(pid: int, seconds: float = STOP_SECONDS) -> None:
    """Ask a child of this process to end, then make it."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.05)


def stop_leftovers(folder: Path) -> list[int]:
    """End what daemons leave behind when they are killed: shims and the like with ``folder`` in their arguments; returns their ids."""
    found = []
    needle = str(folder).encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            name = Path(os.fsdecode(words[0])).name if words else ""
            ours = any(word.startswith((needle, b"unix://" + needle)) for word in words)
            if ours and name in ("containerd", "containerd-shim-runc-v2", "conmon", "runc", "dockerd", "podman", "catatonit"):
                os.kill(int(entry.name), signal.SIGKILL)
                found.append(int(entry.name))
    return found


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ready():
                return
        time.sleep(0.05)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    raise DaemonFailed(f"{what} did not start within {START_SECONDS} s:\n{tail}")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self._path)


def _answers(path: Path, url: str = "/_ping") -> bool:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", url)
        return connection.getresponse().status == 200
    finally:
        connection.close()


@dataclass(frozen=True)
class Docker:
    """A running Docker daemon."""

    folder: Path
    socket: Path
    pid: int
    environment: Mapping[str, str]
    """What a client needs: ``DOCKER_HOST``, and an empty ``DOCKER_CONFIG`` so that settings of the user play no part."""

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def run(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """The command line client, on this daemon."""
        command = [str(program("docker")), *arguments]
        return subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=check, timeout=timeout)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the daemon, for tests in which it goes away."""
        os.kill(self.pid, number)


@contextlib.contextmanager
def docker_daemon(data: Path | None = None, *, insecure: Sequence[str] = ()) -> Iterator[Docker]:
    """A Docker daemon without any network of its own (containers have none, or the host's). ``data`` outlives it when given.

    Registries on loopback need no entry in ``insecure``: Docker accepts plain HTTP there.
    """
    with scratch("docker") as folder:
        root = data or folder / "data"
        (folder / "client").mkdir()
        (folder / "daemon.json").write_text("{}")
        path, log = folder / "d.sock", folder / "log"
        command = [
            *(str(program("dockerd")), "--config-file", str(folder / "daemon.json"), "--data-root", str(root)),
            *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"), "--host", f"unix://{path}"),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
            *(word for host in insecure for word in ("--insecure-registry", host)),
        ]
        # containerd, runc and the shims must be those of the same packages.
        inner = {**os.environ, "PATH": os.pathsep.join((*SYSTEM, os.environ.get("PATH", "")))}
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, env=inner)
        try:
            _await(lambda: _answers(path), process, log, "the Docker daemon")
            variables = {"DOCKER_HOST": f"unix://{path}", "DOCKER_CONFIG": str(folder / "client")}
            yield Docker(folder=folder, socket=path, pid=process.pid, environment=variables)
        finally:
            stop(process.pid)
            process.poll()
            stop_leftovers(folder)
            if data is not None:
                remove_mounts(data)


@dataclass(frozen=True)
class Podman:
    """podman with storage and settings of its own; there is no daemon unless ``podman_service`` starts one."""

    folder: Path
    environment: Mapping[str, str]
    """``CONTAINERS_CONF`` and its like: with them, plain ``podman`` and ``buildah`` are this one."""

    def run(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """The command line client, on this storage."""
        command = [str(program("podman")), *arguments]
        return subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=check, timeout=timeout)


@contextlib.contextmanager
def podman_settings(*, insecure: Sequence[str] = ()) -> Iterator[Podman]:
    """Settings under which podman works on machines with mixed control groups and low hard limits, and a storage that goes away.

    ``insecure`` are the registries ``host:port`` that speak plain HTTP.
    """
    with scratch("podman") as folder:
        for name in ("root", "run", "tmp", "auth"):
            (folder / name).mkdir()
        (folder / "auth" / "auth.json").write_text("{}")
        (folder / "containers.conf").write_text(
            "[containers]\n"
            'default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
            "[engine]\n"
            'runtime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'tmp_dir = "{folder}/tmp"\nvolume_path = "{folder}/volumes"\n'
        )
        (folder / "registries.conf").write_text(
            "unqualified-search-registries = []\n" + "".join(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in insecure)
        )
        (folder / "storage.conf").write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n')
        variables = {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "REGISTRY_AUTH_FILE": str(folder / "auth" / "auth.json"),
        }
        made = Podman(folder=folder, environment=variables)
        try:
            yield made
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                made.run("rm", "--all", "--force", "--time", "1", check=False, timeout=STOP_SECONDS)
            stop_leftovers(folder)


@contextlib.contextmanager
def podman_service(podman: Podman) -> Iterator[str]:
    """podman's socket that speaks Docker's protocol; gives its URL."""
    path, log = podman.folder / "p.sock", podman.folder / "service.log"
    command = [str(program("podman")), "system", "service", "--time", "0", f"unix://{path}"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, env={**os.environ, **podman.environment})
    try:
        _await(lambda: _answers(path), process, log, "podman's service")
        yield f"unix://{path}"
    finally:
        stop(process.pid)
        process.poll()
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Registry:
    """A registry on loopback that speaks plain HTTP."""

    host: str
    """``127.0.0.1:PORT``, as it stands in names of images."""
    folder: Path
    """Where it stores what is pushed; a test may damage it."""
    pid: int

    def request(self, method: str, path: str, *, accept: str = "*/*") -> tuple[int, Mapping[str, str], bytes]:
        """One HTTP request: status, headers in lower case, body."""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request(method, path, headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def tags(self, name: str) -> list[str]:
        """The tags of a repository."""
        status, _, body = self.request("GET", f"/v2/{name}/tags/list")
        return sorted(json.loads(body).get("tags") or ()) if status == 200 else []


@contextlib.contextmanager
def registry() -> Iterator[Registry]:
    """Debian's ``docker-registry`` on a free loopback port, storing in a folder that goes away."""
    with scratch("registry") as folder:
        port = free_port()
        (folder / "data").mkdir()
        settings = folder / "config.yml"
        settings.write_text(
            "version: 0.1\n"
            "log: {level: warn, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}', secret: loopback}}\n"
        )
        log = folder / "log"
        with log.open("wb") as stream:
            # Variables REGISTRY_… override its settings, and podman's REGISTRY_AUTH_FILE would be taken for one of them.
            clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
            command = [str(program("docker-registry")), "serve", str(settings)]
            process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, env=clean)
        made = Registry(host=f"127.0.0.1:{port}", folder=folder / "data", pid=process.pid)
        try:
            _await(lambda: made.request("GET", "/v2/")[0] == 200, process, log, "the registry")
            yield made
        finally:
            stop(process.pid, 5)
            process.poll()
