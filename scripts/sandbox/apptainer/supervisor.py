"""Runs a request to its end inside a container that Snakemake itself has entered: ``replab.run.supervise`` in little.

    python supervisor.py --probe PROBE/main.py --request REQUEST.json --out FOLDER --seconds N --memory-mb N --done MARKER.json

The lab's own Python is not in the image, so nothing but the standard library is used. For a cell that took the process down, or too long,
``FOLDER/<key>.failure.json`` says so (with ``again`` where its function was never called); the lab adopts both kinds when the container has
ended.
"""

import argparse
import hashlib
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
ROOM = 16 * 2**20  # as in the lab's supervisor
TWICE = ", twice: the second time in a sandbox of its own"
EXIT_ISOLATION, EXIT_OUTPUT, EXIT_STATE, EXIT_DAMAGED, EXIT_NOT_INSIDE = 4, 5, 6, 7, 12
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP)
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


def sealed(request):
    """The request with the hash of what it says, without which the probe refuses it."""
    said = {name: value for name, value in request.items() if name != "sha256"}
    return dict(said, sha256=hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest())


class Sandbox(object):
    """One process of the probe, followed to its end."""

    def __init__(self, options, cells, request):
        self.options, self.cells = options, cells
        self.journal = os.path.join(options.out, "journal.jsonl")
        if os.path.exists(self.journal):
            os.unlink(self.journal)
        part = os.path.join(options.out, "request.json")
        write(part, sealed(dict(request, cells=cells)))
        command = [sys.executable, options.probe, "--request", part, "--out", options.out]
        self.process = subprocess.Popen(command, preexec_fn=self._bound, start_new_session=True)  # noqa: PLW1509 - no threads here
        self.began = time.time()
        self.code, self.flight, self.begun, self.seconds = None, None, False, 0.0
        """Exit code (None: it was stopped), the cell in flight, whether its function was called, and seconds in it."""
        self.done, self.again, self.called = set(), {}, set()
        """Cells done, those whose function was not called (with status and reason), and files of which a function was called."""
        self.ready, self.said, self.breach, self.damaged = False, "", "", ""

    def _bound(self):
        limit = (self.options.memory_mb + MARGIN_MB) * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def follow(self):
        """Until it ends, or is stopped; returns this sandbox."""
        place, since = 0, 0.0
        while True:
            code = self.process.poll()
            found = entries(self.journal)
            for entry in found[place:]:
                if "start" in entry:
                    since = time.time()
                self.take(entry)
            place = len(found)
            self.seconds = time.time() - since
            if code is not None:
                self.code = code
                return self
            late = self.seconds > self.options.seconds if self.flight else not self.ready and time.time() - self.began > IMPORT_SECONDS
            if late:
                try:
                    os.killpg(self.process.pid, signal.SIGKILL)
                except OSError:
                    pass
                self.process.wait()
                return self
            time.sleep(POLL_SECONDS)

    def take(self, entry):
        """One line of the journal."""
        if entry.get("ready"):
            self.ready = True
        elif "breach" in entry and not self.ready:
            self.breach = str(entry["breach"])
        elif "failed" in entry and not self.ready:
            self.said = str(entry["failed"])
        elif "damaged" in entry and not self.begun:
            self.damaged = "{}: {}".format(entry["damaged"], entry.get("wrong"))
        elif "start" in entry:
            self.flight, self.begun = entry["start"], False
        elif "begun" in entry and entry["begun"] == self.flight:
            self.begun = True
            self.called.update(cell["impl"] for cell in self.cells if cell["key"] == self.flight)
        elif entry.get("done") is not None and entry["done"] == self.flight:
            if entry.get("again"):
                self.again[self.flight] = (str(entry.get("status")), str(entry.get("reason")))
            else:
                self.done.add(self.flight)
            self.flight = None


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
    if sealed(request) != request:
        sys.stderr.write("replab: {}: is damaged. Run again: it is made anew\n".format(options.request))
        return EXIT_DAMAGED
    left = {cell["key"]: cell for cell in request["cells"]}
    order = [cell["key"] for cell in request["cells"]]
    for key in order:  # finished by a run before this one
        if os.path.exists(os.path.join(options.out, key + ".safetensors")):
            del left[key]
    if not order:
        ended = Sandbox(options, [], request).follow()
        return complain(ended) or finish(options, order)
    fruitless, unloaded, alone = 0, {}, set()
    while left:
        cells = [left[key] for key in order if key in left and key in alone] or [left[key] for key in order if key in left]
        ended = Sandbox(options, cells, request).follow()
        if complain(ended):
            return complain(ended)
        for key in ended.done:
            left.pop(key, None)
        for path in ended.called:
            unloaded.pop(path, None)
        status, reason = how(ended.code, options)
        failed, again = {}, dict(ended.again)
        if not left or ended.code == EXIT_STATE:
            fruitless = 0 if ended.done or ended.again else fruitless + 1
        elif ended.flight is None and (ended.done or ended.again):
            fruitless = 0
        elif ended.flight is None:
            fruitless += 1
        elif not ended.begun:
            path = left[ended.flight]["impl"]
            unloaded[path] = unloaded.get(path, 0) + 1
            if unloaded[path] >= ATTEMPTS:
                when = "before a function of {} was called, ".format(os.path.basename(path))
                again.update((key, (status, when + reason)) for key in left if left[key]["impl"] == path)
        elif ended.code is not None and (-ended.code in FROM_OUTSIDE or ended.code == EXIT_OUTPUT) and ended.flight not in alone:
            alone.add(ended.flight)
        elif ended.code == EXIT_OUTPUT:
            again[ended.flight] = ("error", "its result could not be written")
        else:
            failed[ended.flight] = (status, reason + (TWICE if ended.flight in alone else ""))
        if fruitless >= ATTEMPTS:
            if ended.said:
                status, reason = "error", "the framework could not be imported: " + ended.said
            elif not ended.ready:
                reason = "before the framework was imported, " + reason
            again.update((key, (status, reason)) for key in left)
        for found, fresh in ((failed, False), (again, True)):
            for key, (status, reason) in found.items():
                said = {"status": status, "reason": reason, "seconds": ended.seconds, "again": fresh}
                write(os.path.join(options.out, key + ".failure.json"), said)
                left.pop(key, None)
    return finish(options, order)


def complain(ended):
    """The exit code of this process where a sandbox says that the lab itself is at fault; 0 where it does not."""
    if ended.breach:
        sys.stderr.write("replab: the sandbox is not isolated as its engine promised: {}. Nothing was computed\n".format(ended.breach))
        return EXIT_ISOLATION
    if ended.code == EXIT_DAMAGED and ended.damaged:
        sys.stderr.write("replab: {}. Remove it and run again: it is made anew\n".format(ended.damaged))
        return EXIT_DAMAGED
    place = os.statvfs(ended.options.out)
    return EXIT_OUTPUT if ended.code == EXIT_OUTPUT and place.f_bavail * place.f_frsize < ROOM else 0


def finish(options, order):
    """Say that all cells have come to something."""
    write(options.done, {"cells": len(order), "compiler": compiler()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
