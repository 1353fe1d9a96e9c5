"""What a cell asks to be measured beside its outputs: time, runs of the body, the cost of something new, memory, reach of a debugger.

Every measurement is a dictionary with ``name`` and ``value``; where they mean something ``low`` and ``high`` (an interval for the median of
the values taken, with its ``confidence``), ``count`` (how many values), ``baseline`` (what the value is relative to), ``unit``, ``note``.
"""

import copy
import ctypes
import gc
import os
import re
import sys

import numpy as np

import timing
from outcomes import first_line
from tensors import FLOATING

CALLS = 10
# So many new shapes or numbers are tried; one only, where that takes longer than this.
NEW_THINGS = 3
SLOW_SECONDS = 0.2
# What Python still does is the same for a value and for its derivatives, which take longer to build.
OF_VALUES = ("body_runs", "retrace", "debug")
# What must be built anew to be measured (four times, at most) is left out where building takes so long: a cell has a limit of its own.
LONGEST_BUILD_SECONDS = 20.0
MEMORY_RUNS = 5
KNOWN_NUMBERS = 2**21  # 8 MiB of float32: if taking them does not show, nothing would
MEGABYTE = 1024.0 * 1024.0
ARENA_MAX = -8  # of mallopt(3)


def run(prepare, function, work, eager=None, accumulated=None):
    """Values or derivatives of ``function`` for a `cells.Work`, and what it asks to measure: a `timing.Answer`.

    ``prepare(function, work)`` makes the `timing.Prepared` of the work's mode, ``eager`` that of the framework's eager mode (None where
    there is no other). ``accumulated(prepared)`` gives the gradients as they are found after one and after two backward passes.
    """
    if "memory" in work.measure:
        _one_arena()  # before the first cell makes a framework start its threads
    prepared = prepare(function, work)
    try:
        answer = timing.run(prepared)
        if work.measure:
            answer.measured = _Measuring(prepare, function, prepared, answer, eager, accumulated).take()
        return answer
    finally:
        prepared.close()


class _Measuring(object):
    """The measurements of one cell; one that fails becomes a note and costs neither the others nor the result."""

    def __init__(self, prepare, function, prepared, answer, eager, accumulated):
        self.prepare, self.function, self.prepared, self.answer = prepare, function, prepared, answer
        self.eager, self.accumulated, self.work = eager, accumulated, prepared.work
        self.found = []
        self._warm = None

    def take(self):
        wanted = self.work.measure
        for name in ("time", "memory", "debug", "accumulate", "body_runs", "retrace"):
            if name not in wanted or (name in OF_VALUES and self.work.derivative):
                continue
            if name in ("body_runs", "retrace") and self.answer.first_call_seconds > LONGEST_BUILD_SECONDS:
                message = "could not measure {}: building takes longer than {:g} s"
                self.answer.notes.append(message.format(name, LONGEST_BUILD_SECONDS))
                continue
            try:
                getattr(self, "_" + name)()
            except (Exception, SystemExit) as error:
                self.answer.notes.append("could not measure {}: {}: {}".format(name, type(error).__name__, first_line(error)))
        return self.found

    def _add(self, name, value, **more):
        self.found.append(dict({"name": name, "value": float(value)}, **more))

    def _add_many(self, name, values, **more):
        low, high, confidence = timing.interval(values)
        more.update(low=float(low), high=float(high), confidence=confidence, count=len(values))
        self._add(name, timing.median(values), **more)

    # --- time ------------------------------------------------------------------------------------------------------------------------

    def _time(self):
        """Seconds per call; and the ratio to the eager mode, both called in turn in this process."""
        if self.eager is None or self.work.mode == "eager":
            self._warm, _ = timing.pairs(self.prepared.call)
        else:
            other = self.eager(self.function, _like(self.work, mode="eager"))
            try:
                other.call()
                self._warm, baseline = timing.pairs(self.prepared.call, other.call)
            finally:
                other.close()
            self._add_many("time_ratio", [mine / its for mine, its in zip(self._warm, baseline)], baseline="eager", unit="")
        self._add_many("seconds_per_call", self._warm, unit="s")
        self._add("first_call_seconds", self.answer.first_call_seconds, count=1, unit="s")

    def _warm_seconds(self):
        if self._warm is None:
            self._warm, _ = timing.pairs(self.prepared.call)
        return timing.median(self._warm)

    # --- what Python still does ------------------------------------------------------------------------------------------------------

    def _body_runs(self):
        """How often the function's own Python code runs while it is built and called ``CALLS`` times."""
        with _Counted(self.prepare, self.function, self.work, self.prepared) as counted:
            for _ in range(CALLS):
                counted.prepared.call()
            self._add("body_runs", counted.runs, count=CALLS, unit="runs", note=counted.how)

    def _debug(self):
        """How many lines of the user's file a debugger passes in one call that is not the first."""
        self.prepared.call()
        self._add("line_events", _line_events(self.prepared.call, self.function), count=1, unit="lines")

    def _retrace(self):
        """What the first call with something new costs, in calls that bring nothing new, and how often the body runs for it."""
        warm = self._warm_seconds()
        for kind, works in (("shape", _grown(self)), ("dtype", _retyped(self)), ("scalar", _renumbered(self))):
            if not works:
                continue
            if self.prepared.traces is not None:
                # one each: such compilers give up after a number of variants
                self._retrace_kind(kind, works[:1], _Traced(self.prepared), warm)
                continue
            with _Counted(self.prepare, self.function, self.work, self.prepared) as counted:
                for _ in range(max(2, counted.prepared.calls)):
                    counted.prepared.call()
                self._retrace_kind(kind, works, counted, warm)

    def _retrace_kind(self, kind, works, counted, warm):
        seconds, runs = [], []
        for new in works:
            call = counted.prepared.again(new)
            before, watch = counted.runs, timing.Stopwatch()
            try:
                call()
            except Exception as error:
                self.answer.notes.append("a new {} is refused: {}".format(kind, first_line(error)))
                break
            seconds.append(watch.seconds())
            runs.append(counted.runs - before)
            if seconds[0] > SLOW_SECONDS:
                break
        if not seconds:
            return
        self._add_many("retrace_" + kind, [one / warm for one in seconds], baseline="warm call", unit="")
        self._add_many("retrace_" + kind + "_seconds", seconds, unit="s")
        self._add("retrace_" + kind + "_body_runs", timing.median(runs), count=len(runs), unit="runs", note=counted.how)

    # --- memory ----------------------------------------------------------------------------------------------------------------------

    def _memory(self):
        """The most memory that a call takes beside what was there before it."""
        order = "gradient" if self.work.derivative else "value"
        peaks = [_peak(self.prepared.call) for _ in range(MEMORY_RUNS)]
        held = sum(len(output.data) for output in self.answer.outputs)
        if timing.median(peaks) < held // 2 or not self._shows_memory():
            self.answer.notes.append("could not measure memory: the framework keeps what it has freed, resident memory does not tell")
            return
        given = sum(self.work.cast(item).nbytes for item in self.work.inputs)
        self._add_many("memory_{}_mb".format(order), [peak / MEGABYTE for peak in peaks], unit="MiB")
        self._add_many("memory_{}_ratio".format(order), [peak / float(max(given, 1)) for peak in peaks], baseline="inputs", unit="")

    def _shows_memory(self):
        """Whether a call that must take `KNOWN_NUMBERS` numbers, made in the same mode, shows in resident memory every time."""
        item = copy.copy(self.work.inputs[0])
        item.array, item.dtype = np.ones(KNOWN_NUMBERS, "float32"), "float32"
        known = _like(self.work, inputs=[item], parameters={}, dtype="float32", derivative=0, cotangents=[])
        # a compiler for seconds is not asked: its code takes memory from where the eager mode does
        prepare = self.eager if self.prepared.traces is not None else self.prepare
        prepared = prepare(_square, known)
        try:
            return min(_peak(prepared.call) for _ in range(MEMORY_RUNS)) >= 2 * KNOWN_NUMBERS
        finally:
            prepared.close()

    # --- gradients that add up -------------------------------------------------------------------------------------------------------

    def _accumulate(self):
        """The gradient found after two backward passes over that found after one, with nothing zeroed in between."""
        if self.accumulated is None or not self.work.derivative:
            return
        once, twice = [np.concatenate([np.ravel(one).astype("float64") for one in side]) for side in self.accumulated(self.prepared)]
        if not np.any(once):
            self.answer.notes.append("could not measure accumulate: the gradient is zero")
            return
        self._add("gradient_after_two_backwards_ratio", np.dot(once, twice) / np.dot(once, once), baseline="after one", unit="", count=2)


def _square(x):
    return x * x


# --- counting the runs of a body ---------------------------------------------------------------------------------------------------------


class _Traced(object):
    """As `_Counted`, for a compiler that tells itself how often it traced: a counter in the body would be a state to guard on."""

    how = "functions that the compiler traced"

    def __init__(self, prepared):
        self.prepared = prepared

    @property
    def runs(self):
        return self.prepared.traces()


class _Counted(object):
    """A function prepared so that the runs of its body are counted: ``prepared``, ``runs``, and in words ``how``.

    A wrapper that counts is part of the body, as a ``print`` in it would be: the lift says how to keep a compiler from looking into that.
    TorchScript compiles source and cannot take a wrapper: there the interpreter is asked whether it enters the function.
    """

    def __init__(self, prepare, function, work, prepared):
        self._prepare, self._function, self._work = prepare, function, _like(work)
        self._scripted, self._opaque = prepared.scripted, prepared.opaque
        self._runs = []
        self.how = "calls of the function that the interpreter enters" if self._scripted else "a counter in the function's body"

    def __enter__(self):
        if self._scripted:
            self._before = sys.getprofile()
            sys.setprofile(self._entered)
            function = self._function
        else:
            function = _counting(self._function, self._opaque(self._count))
        try:
            self.prepared = self._prepare(function, self._work)
        except BaseException:
            self._leave()
            raise
        return self

    @property
    def runs(self):
        return len(self._runs)

    def _count(self):
        self._runs.append(None)

    def _entered(self, frame, event, _argument):
        if event == "call" and frame.f_code is self._function.__code__:
            self._runs.append(None)

    def _leave(self):
        if self._scripted:
            sys.setprofile(self._before)

    def __exit__(self, *raised):
        self._leave()
        self.prepared.close()


def _counting(function, count):
    def counted(*arguments, **parameters):
        count()
        return function(*arguments, **parameters)

    return counted


def _line_events(call, function):
    """Lines of the file of ``function`` that a tracing debugger is told of during ``call``."""
    path, lines = function.__code__.co_filename, []

    def local(frame, event, _argument):
        if event == "line":
            lines.append(frame.f_lineno)
        return local

    def entered(frame, _event, _argument):
        return local if frame.f_code.co_filename == path else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        call()
    finally:
        sys.settrace(before)
    return len(lines)


# --- something new -----------------------------------------------------------------------------------------------------------------------


def _like(work, **changes):
    """A copy of ``work`` with other attributes and notes of its own."""
    new = copy.copy(work)
    new.notes = []
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _with_arrays(change, items):
    """Copies of ``items`` whose arrays are ``change(item)``."""
    found = []
    for item in items:
        new = copy.copy(item)
        new.array = change(item)
        found.append(new)
    return found


def _grown(measuring):
    """Works with more rows: of every input that has as many as the first, or of the first input alone, whichever the function takes."""
    first = np.asarray(measuring.work.inputs[0].array)
    if measuring.eager is None and measuring.work.mode != "eager":
        return []
    for same in (True, False):
        works = _with_more_rows(measuring, first.shape[:1], same)
        if works:
            return works
    measuring.answer.notes.append("could not measure retrace: the function takes no other shape of its first input")
    return []


def _with_more_rows(measuring, length, same):
    try:
        return [_with_rows(measuring, more, length, same) for more in range(1, NEW_THINGS + 1)]
    except Exception:  # the function does not take these shapes
        return []


def _with_rows(measuring, more, length, same):
    """The work with ``more`` rows; raises what the function raises on them."""
    work = measuring.work

    def rows(item):
        array = np.asarray(item.array)
        if (same and array.shape[:1] != length) or (not same and item is not work.inputs[0]):
            return array
        if array.ndim == 0:
            return np.repeat(array[None], more + 1)
        return np.concatenate([array, array[np.arange(more) % len(array)]])

    inputs = _with_arrays(rows, work.inputs)
    new = _like(work, inputs=inputs)
    prepare = measuring.eager if measuring.eager is not None else measuring.prepare
    trial = prepare(measuring.function, _like(new, mode="eager", derivative=0, cotangents=[]))
    try:
        shapes = [tuple(trial.read(value).shape) for value in timing.as_list(trial.call())]
    finally:
        trial.close()
    names = work.value_names(len(shapes))
    places = work.differentiable()
    levels = []
    for order, level in enumerate(work.cotangents):
        known = dict(zip(names, shapes)) if order == 0 else {}
        known.update(("grad_" + work.inputs[place].name, np.shape(inputs[place].array)) for place in places)
        known.update((str(number), shape) for number, shape in enumerate(shapes))
        levels.append(_with_arrays(lambda item, known=known: np.resize(item.array, known[item.name]), level))
    new.cotangents = levels
    return new


def _retyped(measuring):
    """The work in float64, its floating inputs included."""
    work = measuring.work
    if work.dtype == "float64":
        return []

    def items(those):
        found = []
        for item in those:
            new = copy.copy(item)
            new.dtype = "float64" if item.dtype in FLOATING else item.dtype
            found.append(new)
        return found

    return [_like(work, dtype="float64", inputs=items(work.inputs), cotangents=[items(level) for level in work.cotangents])]


def _renumbered(measuring):
    """Works whose first floating parameter is another number."""
    work = measuring.work
    names = [name for name in sorted(work.parameters) if isinstance(work.parameters[name], float)]
    if not names:
        return []
    return [
        _like(work, parameters=dict(work.parameters, **{names[0]: work.parameters[names[0]] + 2.0**-step}))
        for step in range(1, NEW_THINGS + 1)
    ]


# --- memory of this process --------------------------------------------------------------------------------------------------------------


def _peak(call):
    """Bytes by which resident memory rises at most during ``call``, its result included; raises where the system does not tell."""
    gc.collect()
    _trim()
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")  # forgets the highest mark
    before = _resident("VmRSS")
    kept = call()
    highest = _resident("VmHWM")
    del kept
    return max(0, highest - before)


def _one_arena():
    """Have all threads take memory from one place: what is free in the places of other threads cannot be given back to the system."""
    try:
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)
    except (OSError, AttributeError):
        pass  # another C library: peaks are then lower bounds


def _trim():
    """Give free memory back, so that the next call must take it again: what an allocator keeps would hide what a call needs."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass  # as above


def _resident(name):
    with open("/proc/{}/status".format(os.getpid())) as stream:
        found = re.search(name + r":\s*(\d+) kB", stream.read())
    if found is None:
        raise OSError("the system does not tell {}".format(name))
    return int(found.group(1)) * 1024
