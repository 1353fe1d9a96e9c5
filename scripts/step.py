"""Runs a step of the workflow: in the process that has imported everything, or, where there is none, in its own.

Once that process (``replab/workflow/fork_server.py``) has said who runs the step, there is no second try: when it is gone, so is the step,
and with it this process. Nothing runs on without its workflow, whose number stands beside the name of the socket. Standard library only,
and little of it: this file is started for every job.
"""

import json
import os
import signal
import socket
import struct
import sys
from typing import NoReturn

SOCKET = "REPLAB_WARM"
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NUMBER, CREDENTIALS = struct.Struct("!i"), struct.Struct("3i")
EXIT_LOST = 40
"""The process that ran the step is gone, or the workflow is."""
PR_SET_PDEATHSIG = 1
END_SECONDS = 5.0
"""How long a step has for ending in order when its workflow is gone."""


def ask(address: str, arguments: list[str]) -> int | None:
    """The exit code of the step, negative for a signal; None when nobody answered."""
    call = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 (pathlib is slow to import)
    request = json.dumps(call).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(f"\0{address}")
            _, user, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
            if user != os.geteuid():
                return None
            socket.send_fds(connection, [struct.pack("!I", len(request))], [0, 1, 2])
            connection.sendall(request)
        except OSError:
            return None
        pid = _number(connection)
        if pid is None:
            return None
        for number in FORWARDED:
            signal.signal(number, lambda received, _frame: _pass_on(pid, received))
        code = _number(connection)
        if code is None:
            _say("the process that runs the steps has ended, and this step with it. Run again: what is finished is kept")
            return EXIT_LOST
        if code == -signal.SIGKILL:
            _say("the step was killed (SIGKILL): by somebody, or by the system for want of memory. Run again: what is finished is kept")
        return code


def alone(arguments: list[str], workflow: int, started: str) -> int:
    """The exit code of the step in a process of its own, which ends with this one, and with the process ``workflow``."""
    try:
        watched = os.pidfd_open(workflow)
    except ProcessLookupError:
        watched = -1
    if not _lives(workflow, started):
        _say("the workflow has ended: nothing was started")
        return EXIT_LOST
    parent, child = os.getpid(), os.fork()
    if child == 0:
        import ctypes  # noqa: PLC0415 (few come here)

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(EXIT_LOST)
        become(arguments)
    for number in FORWARDED:
        signal.signal(number, lambda received, _frame: _pass_on(child, received))
    import select  # noqa: PLC0415 (as above)

    ended = os.pidfd_open(child)
    ready, _, _ = select.select([ended, watched], [], [])
    if ended not in ready:
        _pass_on(child, signal.SIGTERM)  # it ends what its sandboxes left
        select.select([ended], [], [], END_SECONDS)
        _pass_on(child, signal.SIGKILL)
        _say("the workflow has ended, and this step with it. Run again: what is finished is kept")
        return EXIT_LOST
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def become(arguments: list[str]) -> NoReturn:
    """Be the step."""
    os.execv(sys.executable, [sys.executable, "-m", "replab.workflow.steps", *arguments])  # noqa: S606 (no shell is wanted)


def _lives(pid: int, started: str) -> bool:
    """Whether that very process has not ended: `runs` and `started` of `replab.linux`, which nothing can import here."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 (pathlib is slow to import)
            words = stream.read().rpartition(")")[2].split()
    except OSError:
        return False
    return words[0] not in "ZX" and words[19] == started


def _say(sentence: str) -> None:
    try:  # noqa: SIM105 (contextlib is one import more)
        sys.stderr.write(f"replab: {sentence}\n")
    except OSError:
        pass


def _number(connection: socket.socket) -> int | None:
    """The next number that is told; None when there is none to come."""
    data = b""
    while len(data) < NUMBER.size:
        try:
            part = connection.recv(NUMBER.size - len(data))
        except OSError:
            return None
        if not part:
            return None
        data += part
    number: int = NUMBER.unpack(data)[0]
    return number


def _pass_on(pid: int, number: int) -> None:
    try:  # noqa: SIM105 (contextlib is one import more)
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main() -> NoReturn:
    """Does what ``python -m replab.workflow.steps`` does with the same arguments."""
    words = os.environ.get(SOCKET, "").split()
    if len(words) != 3:  # a job of a scheduler, which ends it, or a step started by hand
        become(sys.argv[1:])
    address, workflow, started = words
    code = ask(address, sys.argv[1:])
    if code is None:
        code = alone(sys.argv[1:], int(workflow), started)
    if code < 0:  # what ended the step ends this process
        if -code in FORWARDED:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
