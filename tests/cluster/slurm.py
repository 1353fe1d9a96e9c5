"""A real Slurm of one node, with accounting, in a folder of its own: munged, MariaDB, slurmdbd, slurmctld and slurmd.

    with Cluster(folder) as slurm:
        subprocess.run(["sbatch", …], env=slurm.env)

Every daemon runs in the foreground as a child of this process, as the user who starts it, on free ports of the loopback, and is stopped by
its process id; when this process dies, they die. Nothing outside of ``folder`` is written, so it does not disturb a Slurm that the machine
has. ``python tests/cluster/slurm.py COMMAND …`` runs a command with such a cluster around it.
"""

from __future__ import annotations

import ctypes
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PACKAGES = "slurm-wlm munge slurmdbd mariadb-server"
NEEDED = ("munged", "mariadbd", "mariadb-install-db", "mariadb", "slurmdbd", "slurmctld", "slurmd", "sacctmgr", "sbatch", "sacct", "srun")
CLIENTS = ("sbatch", "srun", "squeue", "sacct", "sacctmgr", "scancel", "scontrol", "sinfo", "sshare", "sstat")
CPUS = 2
GPUS = 1
MEMORY_MB = 8000
START_SECONDS = 90
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1
SYSTEM_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SlurmFailed(RuntimeError):
    """A daemon did not start, or ended by itself; says which one and how its log ends."""


def missing() -> str:
    """Why there can be no cluster on this machine; empty when there can."""
    absent = [program for program in NEEDED if not shutil.which(program, path=_path())]
    return f"no Slurm on this machine ({', '.join(absent)} not found): apt-get install {PACKAGES}" if absent else ""


class Cluster:
    """Slurm with one node of 2 CPUs, 8000 MB and one `gpu` (a name for /dev/null)."""

    def __init__(self, folder: Path, *, memory_is_enforced: bool = True) -> None:
        self.folder = folder.resolve()
        self.node = socket.gethostname().partition(".")[0]
        self.memory_is_enforced = memory_is_enforced
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._libc = ctypes.CDLL(None)
        self._ports = dict(zip(("controller", "node", "accounting", "database"), _free_ports(4), strict=True))
        self._password = secrets.token_hex(16)

    @property
    def env(self) -> dict[str, str]:
        """Variables for clients. The executor drops ``SLURM_*`` on the way to a job, so that the clients themselves know the configuration."""
        return {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def run(self, *command: str, check: bool = True) -> str:
        """What a client prints."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=60)
        if check and done.returncode:
            raise SlurmFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self, *states: str) -> list[str]:
        """Ids of the jobs in the queue, of given states or of all."""
        wanted = ["--states", ",".join(states)] if states else []
        return self.run("squeue", "--noheader", "--format", "%A", *wanted).split()

    def history(self, *fields: str) -> list[dict[str, str]]:
        """What accounting knows of every job, oldest first."""
        text = self.run("sacct", "--noheader", "--parsable2", "--allocations", "--starttime", "now-1day", "--format", ",".join(fields))
        return [dict(zip(fields, line.split("|"), strict=True)) for line in text.splitlines()]

    def _start(self) -> None:
        for name in ("bin", "etc", "munge", "state", "spool", "database", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        self._start_munge()
        self._start_database()
        self._launch("slurmdbd", ["slurmdbd", "-D"], lambda: _listens(self._ports["accounting"]))
        self.run("sacctmgr", "--immediate", "add", "cluster", "test", check=False)  # it is there already when slurmdbd was started twice
        self._launch("slurmctld", ["slurmctld", "-D", "-c", "-f", str(self.conf)], lambda: _listens(self._ports["controller"]))
        self._launch("slurmd", ["slurmd", "-D", "-N", self.node, "-f", str(self.conf)], lambda: self._node_state() == "idle")

    def _node_state(self) -> str:
        return self.run("sinfo", "--noheader", "--format", "%T", check=False).strip()

    @property
    def conf(self) -> Path:
        """The configuration that all programs read."""
        return self.folder / "etc" / "slurm.conf"

    def _write_configuration(self) -> None:
        user, folder, ports = getpass.getuser(), self.folder, self._ports
        constrain = self.memory_is_enforced and os.geteuid() == 0 and Path("/sys/fs/cgroup").is_dir()
        self.conf.write_text(
            f"""ClusterName=test
SlurmctldHost={self.node}(127.0.0.1)
SlurmctldPort={ports["controller"]}
SlurmdPort={ports["node"]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType={"proctrack/cgroup" if constrain else "proctrack/linuxproc"}
TaskPlugin={"task/cgroup" if constrain else "task/none"}
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=5
MinJobAge=300
GresTypes=gpu
JobRequeue=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
{"" if constrain else "JobAcctGatherParams=OverMemoryKill"}
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports["accounting"]}
AccountingStoragePass={folder}/munge/socket
AccountingStoreFlags=job_comment
AccountingStorageTRES=gres/gpu
NodeName={self.node} NodeAddr=127.0.0.1 CPUs={CPUS} RealMemory={MEMORY_MB} Gres=gpu:{GPUS} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
        )
        (folder / "etc" / "gres.conf").write_text(f"NodeName={self.node} Name=gpu File=/dev/null\n")
        (folder / "etc" / "cgroup.conf").write_text("ConstrainRAMSpace=yes\nConstrainSwapSpace=no\n")
        dbd = folder / "etc" / "slurmdbd.conf"
        dbd.write_text(
            f"""AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports["accounting"]}
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports["database"]}
StorageUser=slurm
StoragePass={self._password}
StorageLoc=accounting
PidFile={folder}/slurmdbd.pid
"""
        )
        dbd.chmod(0o600)
        for client in CLIENTS:
            if program := shutil.which(client, path=_path()):
                script = folder / "bin" / client
                script.write_text(f'#!/bin/sh\nSLURM_CONF="{self.conf}" exec {program} "$@"\n')
                script.chmod(0o755)

    def _start_munge(self) -> None:
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        (self.folder / "munge").chmod(0o755)
        where = {name: self.folder / "munge" / name for name in ("socket", "seed", "pid", "log")}
        options = [f"--{'log' if name == 'log' else name}{'' if name == 'socket' else '-file'}={path}" for name, path in where.items()]
        # --force: the folders above belong to whoever runs the tests, not to a user of munge's own
        self._launch("munged", ["munged", "--foreground", "--force", f"--key-file={key}", *options], where["socket"].exists)

    def _start_database(self) -> None:
        data, user = self.folder / "database" / "data", getpass.getuser()
        sock = Path(tempfile.mkdtemp(prefix="replab-db-")) / "s"  # the path of a socket has at most 107 characters
        self._socket = sock
        install = ["mariadb-install-db", "--no-defaults", f"--user={user}", f"--datadir={data}", "--skip-test-db"]
        done = subprocess.run(
            [*install, "--auth-root-authentication-method=normal"], env=self._daemon_env(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SlurmFailed(f"mariadb-install-db: {(done.stderr or done.stdout).strip()[-600:]}")
        options = [
            "--no-defaults",
            f"--user={user}",
            f"--datadir={data}",
            f"--socket={sock}",
            f"--pid-file={self.folder}/database/pid",
            "--bind-address=127.0.0.1",
            f"--port={self._ports['database']}",
            "--innodb-buffer-pool-size=64M",
            "--innodb-lock-wait-timeout=900",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        self._launch("mariadbd", ["mariadbd", *options], lambda: sock.exists() and _listens(self._ports["database"]))
        grants = "".join(
            f"CREATE USER slurm@'{host}' IDENTIFIED BY '{self._password}'; GRANT ALL ON accounting.* TO slurm@'{host}';"
            for host in ("localhost", "127.0.0.1")
        )
        client = ["mariadb", "--no-defaults", f"--socket={sock}", "--user=root"]
        made = subprocess.run(
            client, input=f"CREATE DATABASE accounting; {grants}", env=self._daemon_env(), capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise SlurmFailed(f"mariadb: {made.stderr.strip()}")

    def _daemon_env(self) -> dict[str, str]:
        return {**os.environ, "PATH": _path(), "SLURM_CONF": str(self.conf)}

    def _launch(self, name: str, command: Sequence[str], ready: Callable[[], bool]) -> None:
        """Start a daemon and wait until it answers."""
        libc, parent = self._libc, os.getpid()

        def die_with_parent() -> None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        log = self.folder / "log" / f"{name}.log"
        env: Mapping[str, str] = self._daemon_env()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (no threads run yet that could hold a lock)
                cwd=self.folder,
            )
        self.processes.append((name, process))
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                how = f"ended with {process.returncode}" if process.returncode is not None else f"did not answer in {START_SECONDS} s"
                raise SlurmFailed(f"{name} {how}:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.05)

    def _stop(self) -> None:
        """End jobs, then the daemons, the last one first; by process id."""
        if any(name == "slurmd" for name, _ in self.processes):
            self.run("scancel", "--user", getpass.getuser(), check=False)
            deadline = time.monotonic() + STOP_SECONDS
            while self.run("squeue", "--noheader", check=False).strip() and time.monotonic() < deadline:
                time.sleep(0.1)
        for _, process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        if (place := getattr(self, "_socket", None)) is not None:
            shutil.rmtree(place.parent, ignore_errors=True)


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:{SYSTEM_PATHS}"


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(command: Sequence[str]) -> int:
    """Run ``command`` with a cluster around it; its exit code."""
    if not command:
        print("usage: python tests/cluster/slurm.py COMMAND …", file=sys.stderr)
        return 2
    if reason := missing():
        print(reason, file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="replab-slurm-") as folder:
        try:
            with Cluster(Path(folder)) as slurm:
                return subprocess.run(command, env=slurm.env, check=False).returncode
        except SlurmFailed as failed:
            print(f"slurm: {failed}", file=sys.stderr)
            return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
