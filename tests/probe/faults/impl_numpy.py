"""Functions that do to a sandbox what experiments sometimes do."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np


def fine(x):
    return x * x


def slow(x, seconds):
    time.sleep(seconds)
    return x * x


def aborts(x):
    os.abort()


def kills_itself(x):
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(x, place):
    """Dies of a signal when it is called for the first time, and leaves a mark that it was."""
    if not os.path.exists(place):
        open(place, "w").close()
        os.kill(os.getpid(), signal.SIGTERM)
    return x * x


def leaves(x):
    os._exit(0)


def exits(x):
    sys.exit(3)


def raises(x):
    raise RuntimeError("no luck today")


def sleeps(x):
    time.sleep(600)
    return x


def spins_in_children(x):
    for _ in range(2):
        subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(600)"])
    time.sleep(600)
    return x


def eats_slowly(x):
    held = []
    while True:
        held.append(np.ones(2 * 2**20))  # 16 MiB, written
        time.sleep(0.002)


def eats_at_once(x):
    return np.ones(2**33) + x[0]


def talks(x, lines):
    for _ in range(lines):
        sys.stdout.write("x" * 99 + "\n")
    return x * x


def talks_without_end(x):
    while True:
        os.write(1, b"y" * 65536)


def writes_garbage(x):
    """Scribbles over the files that the host reads."""
    out = sys.argv[sys.argv.index("--out") + 1]
    with open(os.path.join(out, "journal.jsonl"), "ab") as journal:
        journal.write(b'\xff\xfe{"done": \n[1, 2]\n{"done": 7}\n{"start": "nobody"}\n{"ready": 5}\n\n')
    for name in ("garbage.safetensors", "0" * 64 + ".safetensors"):
        with open(os.path.join(out, name), "wb") as stream:
            stream.write(b"\x00garbage" * 9)
    return x * x


def spoils_the_next(x):
    """Plants a folder where the next cell's result should go."""
    out = sys.argv[sys.argv.index("--out") + 1]
    with open(sys.argv[sys.argv.index("--request") + 1]) as stream:
        cells = json.load(stream)["cells"]
    place = [cell["function"] for cell in cells].index("spoils_the_next")
    os.makedirs(os.path.join(out, cells[place + 1]["key"] + ".safetensors", "in the way"), exist_ok=True)
    return x * x


def removes_its_folder(x):
    import shutil

    shutil.rmtree(_out())
    return x * x


def replaces_its_folder(x):
    import shutil

    shutil.rmtree(_out())
    os.symlink("/", _out())
    return x * x


def empties_its_folder(x):
    import shutil

    for name in os.listdir(_out()):
        path = os.path.join(_out(), name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    return x * x


def cuts_the_journal(x):
    with open(os.path.join(_out(), "journal.jsonl"), "w"):
        return x * x


def closes_everything(x):
    os.closerange(3, 256)
    return x * x


def closes_the_standard_streams(x):
    os.closerange(0, 3)
    return x * x


def forges_the_journal(x, next_key):
    lines = [
        {"done": next_key, "again": True, "status": "error", "reason": "forged"},
        {"begun": next_key},
        {"damaged": "0" * 64 + ".npy", "wrong": "forged"},
    ]
    with open(os.path.join(_out(), "journal.jsonl"), "a") as journal:
        journal.write("".join("\n" + json.dumps(line) + "\n" for line in lines))
    return x * x


def leaves_a_daemon(x, place):
    """Two forks, a session of its own, no variables, no open files: nothing that the sandbox gave it is left."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            os.chdir("/")
            os.execve("/bin/sh", ["sh", "-c", "echo $$ > " + place + "; while true; do sleep 1; done"], {})
        os._exit(0)
    os.wait()
    while not os.path.exists(place) or not os.path.getsize(place):
        time.sleep(0.01)
    return x * x


def _out():
    return sys.argv[sys.argv.index("--out") + 1]


def says_what_no_file_can_hold(x):
    raise ValueError("\ud800 and \x1b[31mred\x9b0m\r")


def cannot_say_it(x):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    raise Mute


def raises_beyond_exceptions(x):
    raise KeyboardInterrupt


def returns_nothing(x):
    return ()


def returns_none(x):
    pass


def returns_words(x):
    return "nothing"


def returns_a_dictionary(x):
    return {"out": x}
