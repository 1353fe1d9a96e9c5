"""Runs a step of the workflow: in the process that has imported everything (``replab/warm.py``), or, where there is none, in one of its own.

Standard library only, and little of it: this file is started for every job.
"""

import json
import os
import signal
import socket
import struct
import sys

SOCKET = "REPLAB_WARM"
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ask(place, arguments):
    """The exit code of the step; None when nobody answered, or died over it."""
    request = json.dumps({"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(place)
            socket.send_fds(connection, [struct.pack("!I", len(request))], [0, 1, 2])
            connection.sendall(request)
            pid = _number(connection)
        except OSError:
            return None
        if pid is None:
            return None
        for number in FORWARDED:
            signal.signal(number, lambda received, _frame: _pass_on(pid, received))
        return _number(connection)


def _number(connection):
    """The next number that is told; None when there is none to come."""
    data = b""
    while len(data) < 4:
        try:
            part = connection.recv(4 - len(data))
        except OSError:
            return None
        if not part:
            return None
        data += part
    return struct.unpack("!i", data)[0]


def _pass_on(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main():
    """Does what ``python -m replab.steps`` does with the same arguments."""
    place = os.environ.get(SOCKET, "")
    code = ask(place, sys.argv[1:]) if place else None
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", "replab.steps", *sys.argv[1:]])
    sys.stdout.flush()
    if code < 0:  # what ended the step ends this process
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
