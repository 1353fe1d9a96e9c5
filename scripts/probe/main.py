"""The probe: runs inside a sandbox, answers a request with one file per cell. See ``docs/architecture.md``.

    python main.py --request REQUEST.json --out FOLDER

Imports the framework once, then runs the cells in order. ``FOLDER/journal.jsonl`` says at every moment which cell is in flight, so that
whoever watches can tell which one took the process down.
"""

import argparse
import errno
import gc
import hashlib
import importlib
import importlib.util
import io
import json
import os
import sys
import time
import traceback

LIFTS = {"numpy": "lift_numpy", "tensorflow": "lift_tf", "torch": "lift_torch"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
EXIT_IMPORT = 3
EXIT_ISOLATION = 4
EXIT_OUTPUT = 5
OUTPUT_FAILED = "the output folder cannot be written: "


class Journal(object):
    """One JSON object per line, flushed at once; each on a new line, whatever a cell may have written in between."""

    def __init__(self, folder):
        self._stream = io.open(os.path.join(folder, "journal.jsonl"), "a", encoding="utf-8")

    def write(self, **entry):
        self._stream.write("\n" + json.dumps(entry, sort_keys=True) + "\n")
        self._stream.flush()


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

    def __init__(self):
        self._loaded = {}

    def get(self, path):
        if path not in self._loaded:
            try:
                self._loaded[path] = load_implementation(path)
            except (Exception, SystemExit) as error:
                self._loaded[path] = error
        return self._loaded[path]


def run_cell(cell, request, lift, implementations, inputs):
    """The record and the outputs (list of (name, Tensor)) of one cell; nothing a cell raises gets out, but KeyboardInterrupt."""
    import cells  # here and not above: they import NumPy, which must find the thread variables set
    import outcomes

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
    begin = time.perf_counter()
    try:
        implementation = implementations.get(cell["impl"])
        if isinstance(implementation, BaseException):
            raise implementation
        function = getattr(implementation, cell["function"], None)
        if function is None:
            raise LookupError("{} has no function {}".format(os.path.basename(cell["impl"]), cell["function"]))
        work = cells.Work(cell, inputs, request["device"], request["threads"])
        if work.mode not in lift.MODES:
            raise outcomes.Unsupported("{} has no mode {}".format(request["framework"], work.mode))
        answer = lift.run(function, work)
        outputs = list(zip(work.output_names(len(answer.outputs)), answer.outputs))
        record.update(seconds=answer.seconds, first_call_seconds=answer.first_call_seconds, notes=answer.notes, measured=answer.measured)
        return record, outputs
    except (Exception, SystemExit) as error:
        status, reason = outcomes.classify(error, cell["impl"])
        spent = time.perf_counter() - begin
        record.update(status=status, reason=reason or status, seconds=spent, first_call_seconds=spent)
        if status == "error":
            sys.stderr.write("{}\n".format(cell["id"]))
            traceback.print_exc()
        return record, []


def main(arguments=None):
    """Run a request; the exit status is 0 when every cell has its file."""
    parser = argparse.ArgumentParser(description="Run the cells of a request in this environment.")
    parser.add_argument("--request", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    options.out = os.path.abspath(options.out)  # a cell may change the folder it runs in
    with io.open(options.request, encoding="utf-8") as stream:
        request = json.load(stream)
    journal = Journal(options.out)
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
        import tensors

        lift.start(request["threads"], request["device"], request.get("switches") or {})
    except Exception as error:
        traceback.print_exc()
        journal.write(failed="{}: {}".format(type(error).__name__, (str(error).splitlines() or [""])[0]))
        return EXIT_IMPORT
    imported = time.perf_counter() - begin
    observation = write_observation(options.out, observe.observe(lift, held))
    inputs, results, implementations = tensors.Inputs(request["inputs"]), tensors.ResultFolder(options.out), Implementations()
    if hasattr(gc, "freeze"):  # what the import left is permanent: collections between cells then cost next to nothing
        gc.collect()
        gc.freeze()
    journal.write(ready=True, import_seconds=imported, observation=observation)
    for place, cell in enumerate(request["cells"]):
        journal.write(start=cell["key"], id=cell["id"], t=time.time())
        watch = time.perf_counter()
        record, outputs = run_cell(cell, request, lift, implementations, inputs)
        record["observation"] = observation
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
        journal.write(done=cell["key"], status=record["status"], seconds=time.perf_counter() - watch)
    return 0


if __name__ == "__main__":
    try:
        status = main()
    except (IOError, OSError) as failure:  # what a cell raises has become its record: this is about the folder that records go to
        if failure.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):  # others can be a cell's doing
            raise
        sys.stderr.write("\n{}{}\n".format(OUTPUT_FAILED, os.strerror(failure.errno)))
        status = EXIT_OUTPUT
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # taking a framework down in order costs up to a second and has nothing left to say
