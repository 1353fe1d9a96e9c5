"""Runs a request to its end inside a container that Snakemake itself has entered: what ``replab.supervise`` does from outside, in little.

    python alone.py --probe PROBE/main.py --request REQUEST.json --out FOLDER --seconds N --memory-mb N --done MARKER.json

The lab's own Python is not in the image, so nothing but the standard library is used. For a cell that took the process down, or too long,
``FOLDER/<key>.failure.json`` says so; the lab adopts both kinds when the container has ended.
"""

import argparse
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

IMPORT_SECONDS = 180.0
ATTEMPTS = 2
EXIT_ISOLATION, EXIT_OUTPUT, EXIT_NOT_INSIDE = 4, 5, 12
MARKS = ("/.singularity.d", "/.dockerenv", "/run/.containerenv")
MARGIN_MB = 2048  # as in the lab's supervisor: reserved, never touched memory counts as data
POLL_SECONDS = 0.05


def entries(path):
    """The whole lines of the journal."""
    try:
        with io.open(path, encoding="utf-8") as stream:
            lines = stream.read().split("\n")[:-1]
    except (IOError, OSError):
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def write(path, value):
    with io.open(path + ".tmp", "w", encoding="utf-8") as stream:
        stream.write(json.dumps(value, sort_keys=True))
    os.rename(path + ".tmp", path)


class Sandbox(object):
    """One process of the probe, followed to its end."""

    def __init__(self, options, cells, request):
        self.options, self.cells = options, cells
        self.journal = os.path.join(options.out, "journal.jsonl")
        if os.path.exists(self.journal):
            os.unlink(self.journal)
        part = os.path.join(options.out, "request.json")
        write(part, dict(request, cells=cells))
        command = [sys.executable, options.probe, "--request", part, "--out", options.out]
        self.process = subprocess.Popen(command, preexec_fn=self._bound, start_new_session=True)  # noqa: PLW1509 - no threads here
        self.began = time.time()

    def _bound(self):
        limit = (self.options.memory_mb + MARGIN_MB) * 2 ** 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def follow(self):
        """Exit code (None: it was stopped), cell in flight, seconds in it, cells done, whether the framework was imported, what it said."""
        flight, since, done, ready, said, breach, place = None, 0.0, set(), False, "", "", 0
        while True:
            code = self.process.poll()
            found = entries(self.journal)
            for entry in found[place:]:
                if entry.get("ready"):
                    ready = True
                elif "breach" in entry and not ready:
                    breach = str(entry["breach"])
                elif "failed" in entry and not ready:
                    said = str(entry["failed"])
                elif "start" in entry:
                    flight, since = entry["start"], time.time()
                elif entry.get("done") is not None and entry["done"] == flight:
                    done.add(flight)
                    flight = None
            place = len(found)
            now = time.time()
            if code is not None:
                return code, flight, now - since, done, ready, said, breach
            late = now - since > self.options.seconds if flight else not ready and now - self.began > IMPORT_SECONDS
            if late:
                try:
                    os.killpg(self.process.pid, signal.SIGKILL)
                except OSError:
                    pass
                self.process.wait()
                return None, flight, now - since, done, ready, said, breach
            time.sleep(POLL_SECONDS)


def compiler():
    """Name and version of the C++ compiler of the image, or nothing."""
    for name in ("g++", "clang++"):
        try:
            said = subprocess.check_output([name, "--version"]).decode("utf-8", "replace")
        except (OSError, subprocess.CalledProcessError):
            continue
        return "{}-{}".format(name, (re.findall(r"[0-9]+(?:[.][0-9]+)+", said) or ["unknown"])[0])
    return ""


def name_of(number):
    names = [name for name in dir(signal) if name.startswith("SIG") and "_" not in name and getattr(signal, name) == number]
    return names[0] if names else "a signal"


def how(code, options):
    """Status and reason of the cell that a process ended in."""
    if code is None:
        return "timeout", "took longer than the limit of {:g} s".format(options.seconds)
    if code < 0:
        return "crashed", "the process was killed by {}".format(name_of(-code))
    return "crashed", "the process left with exit code {}".format(code)


def main(arguments=None):
    parser = argparse.ArgumentParser()
    for name in ("probe", "request", "out", "done"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    options = parser.parse_args(arguments)
    if not any(os.path.exists(path) for path in MARKS):
        sys.stderr.write("replab: this process is in no container. Run snakemake with --sdm apptainer\n")
        return EXIT_NOT_INSIDE
    if not os.path.isdir(options.out):
        os.makedirs(options.out)
    with io.open(options.request, encoding="utf-8") as stream:
        request = json.load(stream)
    left = {cell["key"]: cell for cell in request["cells"]}
    order = [cell["key"] for cell in request["cells"]]
    for key in order:  # finished by a run before this one
        if os.path.exists(os.path.join(options.out, key + ".safetensors")):
            del left[key]
    observe, tries = not order, 0
    while left or observe:
        observe = False
        cells = [left[key] for key in order if key in left]
        code, flight, seconds, done, ready, said, breach = Sandbox(options, cells, request).follow()
        if breach:
            sys.stderr.write("replab: the sandbox is not isolated as its engine promised: {}. Nothing was computed\n".format(breach))
            return EXIT_ISOLATION
        if code == EXIT_OUTPUT:
            return EXIT_OUTPUT
        for key in done:
            left.pop(key, None)
        if not left:
            break
        tries = 0 if ready else tries + 1
        status, reason = how(code, options)
        failed = []
        if not ready:
            if tries >= ATTEMPTS:
                status = "error" if said else status
                reason = "the framework could not be imported: " + said if said else "before the framework was imported, " + reason
                failed = list(left)
        elif flight is not None:
            failed = [flight]
        elif not done:
            failed, reason = [cells[0]["key"]], "before this cell began, " + reason
        for key in failed:
            write(os.path.join(options.out, key + ".failure.json"), {"status": status, "reason": reason, "seconds": seconds})
            left.pop(key, None)
    write(options.done, {"cells": len(order), "compiler": compiler()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
