"""The probe: runs inside a sandbox, answers a request with one file per cell. See ``docs/architecture.md``.

    python main.py --request REQUEST.json --out FOLDER

Imports the framework once, then runs the cells in order. ``FOLDER/journal.jsonl`` says at every moment which cell is in flight, so that
whoever watches can tell which one took the process down, and whether its function had been called by then.
"""

import argparse
import contextlib
import errno
import gc
import hashlib
import importlib
import importlib.util
import io
import json
import os
import signal
import sys
import time
import traceback

import beside

LIFTS = {"numpy": "lift_numpy", "tensorflow": "lift_tf", "torch": "lift_torch"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
EXIT_IMPORT = 3
EXIT_ISOLATION = 4
EXIT_OUTPUT = 5
EXIT_STATE = 6
EXIT_DAMAGED = 7
OUTPUT_FAILED = "the output folder cannot be written: "


class Journal(object):
    """One JSON object per line, flushed at once; each on a new line, whatever a cell may have written in between.

    A cell that closes every descriptor it finds closes this one too: it is opened anew when it no longer leads to the journal. What a cell
    has cut off is written again, the same bytes in the same places.
    """

    def __init__(self, folder):
        self._path = os.path.join(folder, "journal.jsonl")
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._known = os.fstat(self._descriptor)[1:3]
        self._lines, self._size = [], 0

    def write(self, **entry):
        line = ("\n" + json.dumps(entry, sort_keys=True) + "\n").encode("ascii")
        self._lines.append(line)
        size = self._look().st_size
        if size < self._size:
            line = b"".join(self._lines)
        self._size = size + len(line)
        while line:
            line = line[os.write(self._descriptor, line) :]

    def _look(self):
        """What the system knows of the journal, which is open after this."""
        try:
            found = os.fstat(self._descriptor)
            if found[1:3] == self._known:
                return found
        except OSError:
            pass  # closed
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        found = os.fstat(self._descriptor)
        if found[1:3] != self._known:
            raise OSError(errno.ESTALE, "the journal was replaced")
        return found


def unsealed(text):
    """The request in a text. Raises ``ValueError`` where it does not have the hash that it says."""
    request = json.loads(text)
    said = request.pop("sha256", None)
    if hashlib.sha256(json.dumps(request, sort_keys=True).encode("ascii")).hexdigest() != said:
        raise ValueError("it does not have the hash that it says")
    return request


def load_implementation(path):
    """The module of an implementation file, under a name that shadows nothing."""
    name = "replab_impl_" + hashlib.sha256(os.path.abspath(path).encode("utf-8")).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # source readers (AutoGraph, TorchScript) look modules up by name
    spec.loader.exec_module(module)
    return module


def write_observation(folder, text):
    """Store what was observed; returns its SHA-256."""
    sha256 = hashlib.sha256(text.encode("utf-8")).hexdigest()
    os.makedirs(os.path.join(folder, "observations"), exist_ok=True)
    import tensors

    tensors.write_atomically(os.path.join(folder, "observations", sha256 + ".json"), text.encode("utf-8"))
    return sha256


class Implementations(object):
    """Implementation files, each loaded once; one that cannot be loaded is the exception it raised."""

    def __init__(self, watch):
        self._loaded, self._watch = {}, watch
        self._beside = beside.Finder()
        sys.meta_path.append(self._beside)

    def get(self, path):
        self._beside.enter(os.path.dirname(os.path.abspath(path)))
        if path not in self._loaded:
            try:
                self._loaded[path] = load_implementation(path)
            except BaseException as error:  # whatever it is, it is about this file alone
                self._loaded[path] = error
            self._watch.loaded(path, self._loaded[path])
        self._watch.also(self._beside.modules())
        return self._loaded[path]


class Runner(object):
    """What the cells of a request are run with, once its framework is there."""

    def __init__(self, request, lift, journal, watch, inputs):
        self.request, self.lift, self.journal, self.watch, self.inputs = request, lift, journal, watch, inputs
        self.implementations, self._awake = Implementations(watch), set()

    def run(self, cell):
        """The record and the outputs (list of (name, Tensor)) of one cell; nothing a cell raises gets out, but `tensors.Damaged`.

        A record that says ``again`` is no result: what it tells of happened before the function of the cell was called.
        """
        import cells  # here and not above: they import NumPy, which must find the thread variables set
        import outcomes
        import tensors

        record = {
            "schema": 1,
            "key": cell["key"],
            "id": cell["id"],
            "status": "ok",
            "reason": "",
            "seconds": 0.0,
            "first_call_seconds": 0.0,
            "notes": [],
            "measured": [],
        }
        begin, begun = time.perf_counter(), False
        try:
            implementation = self.implementations.get(cell["impl"])
            if isinstance(implementation, BaseException):
                raise implementation
            function = getattr(implementation, cell["function"], None)
            if function is None:
                raise LookupError("{} has no function {}".format(os.path.basename(cell["impl"]), cell["function"]))
            work = cells.Work(cell, self.inputs, self.request["device"], self.request["threads"])
            self._wake(work.mode)
            self.journal.write(begun=cell["key"])
            begun = True
            answer = self.lift.run(function, work)
            outputs = list(zip(work.output_names(len(answer.outputs)), answer.outputs))
            record.update(seconds=answer.seconds, first_call_seconds=answer.first_call_seconds)
            record.update(notes=answer.notes, measured=answer.measured)
        except tensors.Damaged:
            raise
        except BaseException as error:
            status, reason = outcomes.classify(error, cell["impl"])
            spent = time.perf_counter() - begin
            record.update(status=status, reason=reason or status, seconds=spent, first_call_seconds=spent)
            # that a mode is not there is what this environment answers, at every start
            record["again"] = not begun and not isinstance(error, outcomes.Unsupported)
            if status == "error":
                _tell(cell["id"])
            outputs = []
        notes, moved = self.watch.after(cell.get("drawn", False))
        record["reason"] = outcomes.printable(record["reason"])
        record["notes"] = [outcomes.printable(note) for note in record["notes"] + notes]
        for one in record["measured"]:
            one.update((name, outcomes.printable(value)) for name, value in list(one.items()) if isinstance(value, str))
        return record, outputs, moved

    def _wake(self, mode):
        """Import what a mode needs; what that moves is the framework's own doing. Raises `outcomes.Unsupported`."""
        import outcomes

        if mode not in self.lift.MODES:
            raise outcomes.Unsupported("{} has no mode {}".format(self.request["framework"], mode))
        if mode not in self._awake:
            self.lift.wake(mode)
            self.watch.settle()
            self._awake.add(mode)


def _tell(name):
    """What was raised, to the log; a cell may have left no stream to write to."""
    with contextlib.suppress(Exception):
        sys.stderr.write("{}\n".format(name))
        traceback.print_exc()


def main(arguments=None):
    """Run a request; the exit status is 0 when every cell has its file, or its line in the journal."""
    parser = argparse.ArgumentParser(description="Run the cells of a request in this environment.")
    parser.add_argument("--request", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    options.out = os.path.abspath(options.out)  # a cell may change the folder it runs in
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as every other signal: one from outside ends this process and is no cell's exception
    journal = Journal(options.out)
    try:
        with io.open(options.request, encoding="utf-8") as stream:
            request = unsealed(stream.read())
    except (ValueError, KeyError, AttributeError) as error:
        journal.write(damaged=os.path.basename(options.request), wrong="is damaged: {}".format(error))
        return EXIT_DAMAGED
    held = {}
    if "isolation" in request:
        import isolation

        held = isolation.check(request["isolation"])
        wrong = isolation.breaches(request["isolation"], held)
        if wrong:  # nothing is computed where the sandbox is not what it was said to be
            journal.write(breach="; ".join(wrong))
            return EXIT_ISOLATION
    if request["threads"] > 0:
        for name in THREAD_VARIABLES:  # BLAS libraries read them when they are loaded
            os.environ.setdefault(name, str(request["threads"]))

    begin = time.perf_counter()
    try:
        lift = importlib.import_module(LIFTS[request["framework"]])
        import observe
        import state
        import tensors

        lift.start(request["threads"], request["device"], request.get("switches") or {})
    except Exception as error:
        traceback.print_exc()
        journal.write(failed="{}: {}".format(type(error).__name__, (str(error).splitlines() or [""])[0]))
        return EXIT_IMPORT
    imported = time.perf_counter() - begin
    observation = write_observation(options.out, observe.observe(lift, held))
    results, watch = tensors.ResultFolder(options.out), state.Watch(lift)
    runner = Runner(request, lift, journal, watch, tensors.Inputs(request["inputs"]))
    if hasattr(gc, "freeze"):  # what the import left is permanent: collections between cells then cost next to nothing
        gc.collect()
        gc.freeze()
    journal.write(ready=True, import_seconds=imported, observation=observation)
    for place, cell in enumerate(request["cells"]):
        if not watch.belongs(cell["impl"]):
            return EXIT_STATE
        journal.write(start=cell["key"], id=cell["id"], t=time.time())
        clock = time.perf_counter()
        try:
            record, outputs, moved = runner.run(cell)
        except tensors.Damaged as error:
            journal.write(damaged=error.name, wrong=error.wrong)
            return EXIT_DAMAGED
        record["observation"] = observation
        if record.pop("again", False):
            said = {"again": True, "reason": record["reason"]}
        else:
            said = {}
            results.write(record, outputs)
        del outputs
        lift.after_cell()
        # The heap of a framework is large: a full collection takes tens of milliseconds, as much as many cells.
        if place % 100 == 99:
            gc.collect()
            if hasattr(gc, "freeze"):
                gc.freeze()
        else:
            gc.collect(1)
        journal.write(done=cell["key"], status=record["status"], seconds=time.perf_counter() - clock, **said)
        if moved:
            return EXIT_STATE
    return 0


if __name__ == "__main__":
    try:
        status = main()
    except (IOError, OSError) as failure:  # what a cell raises has become its record: this is about the folder that records go to
        with contextlib.suppress(Exception):
            sys.stderr.write("\n{}{}\n".format(OUTPUT_FAILED, os.strerror(failure.errno) if failure.errno else failure))
        status = EXIT_OUTPUT
    with contextlib.suppress(Exception):  # a cell may have closed them
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)  # taking a framework down in order costs up to a second and has nothing left to say
