"""Runs a step of the workflow: in the process that has imported everything (``replab/warm.py``), or, where there is none, in its own.

Standard library only, and little of it: this file is started for every job.
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
NUMBER = struct.Struct("!i")


def ask(place: str, arguments: list[str]) -> int | None:
    """The exit code of the step, negative for a signal; None when nobody answered, or died over it."""
    asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 (pathlib is slow to import)
    request = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(place)
            socket.send_fds(connection, [struct.pack("!I", len(request))], [0, 1, 2])
            connection.sendall(request)
        except OSError:
            return None
        pid = _number(connection)
        if pid is None:
            return None
        for number in FORWARDED:
            signal.signal(number, lambda received, _frame: _pass_on(pid, received))
        return _number(connection)


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
    told: int = NUMBER.unpack(data)[0]
    return told


def _pass_on(pid: int, number: int) -> None:
    try:  # noqa: SIM105 (contextlib is one import more)
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main() -> NoReturn:
    """Does what ``python -m replab.steps`` does with the same arguments."""
    place = os.environ.get(SOCKET, "")
    code = ask(place, sys.argv[1:]) if place else None
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", "replab.steps", *sys.argv[1:]])  # noqa: S606 (no shell is wanted)
    if code < 0:  # what ended the step ends this process
        if -code in FORWARDED:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
