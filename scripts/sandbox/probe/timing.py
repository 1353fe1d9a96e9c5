"""Calling a prepared function: the first call, the repeated one, what each took; and how two ways of calling compare."""

import gc
import time

import memory

CHEAP_SECONDS = 0.2

CONFIDENCE = 0.99
# A median has an interval of this confidence from so many values on: 2 * 0.5 ** 8 < 0.01.
FEWEST_VALUES = 8
FEWEST_PAIRS = 30
MOST_PAIRS = 400
ENOUGH_SECONDS = 0.1
# Slow functions: after so long even fewer pairs will do, as long as the interval exists.
LONGEST_SECONDS = 5.0
# Reading the clock twice takes a tenth of a microsecond: calls are timed in blocks that make this less than a thousandth.
BLOCK_SECONDS = 2e-4
MOST_CALLS = 1000


class Stopwatch(object):
    """Seconds since it was made."""

    def __init__(self):
        self.begin = time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.begin


class Answer(object):
    """What a lift returns: ``outputs`` (list of `tensors.Tensor`), the two times, ``notes`` (list of str) and what was ``measured``."""

    def __init__(self, outputs, seconds, first_call_seconds, notes):
        self.outputs, self.seconds, self.first_call_seconds, self.notes = outputs, seconds, first_call_seconds, notes
        self.measured = []


class Prepared(object):
    """A function made ready to run in its mode, on the inputs of its work.

    ``call()`` computes the outputs (and waits for the device); ``read(value)`` makes one of them a `tensors.Tensor`. ``since`` was started
    before anything was built. ``calls`` calls are made in any case (a profiling compiler specialises during the first ones), one more
    where ``always_again`` says that the first one was slow for other reasons than its arithmetic. ``again(work)`` prepares a call of the
    same function on the inputs of another work and returns it: it builds, when called, no more than this mode must build anew.
    ``remarks()`` is what there is to note after a run, ``close()`` gives back what was taken.

    For those who measure: ``scripted`` says that the source was compiled and Python does not run it; ``traces()`` counts what a compiler
    traced (None where counting the runs of the body says the same); ``opaque(function)`` keeps a compiler from looking into a function.
    """

    scripted = False
    traces = None
    lifted = None

    def __init__(self, work, since, call, read, again, synchronise=None, calls=1, always_again=False, remarks=None, close=None):
        self.work, self.since, self.read, self.again = work, since, read, again
        self.calls, self.always_again = calls, always_again
        self.remarks = remarks if remarks is not None else list
        self.close = close if close is not None else _nothing
        self.call = call if synchronise is None else _waiting(call, synchronise)

    @staticmethod
    def opaque(function):
        return function


def _nothing():
    pass


def _waiting(call, synchronise):
    def synchronised():
        values = call()
        synchronise()
        return values

    return synchronised


def as_list(value):
    """The outputs of a function, which returns a tensor or a tuple of tensors. Raises ``TypeError`` where it returned nothing."""
    values = list(value) if isinstance(value, (tuple, list)) else [value]
    if not values or value is None:
        raise TypeError("the function returned nothing")
    return values


def run(prepared):
    """Call a `Prepared` and return an `Answer` with the outputs of its last mandatory call.

    The first call includes tracing and compiling. A cheap one is called again unless the work wants it ``once``: twice, each time with
    other bytes in the memory that it is given, which a function that writes before it reads cannot see. Calls that give other bits than the
    result kept are noted.
    """
    answers, durations = [], []

    def once():
        watch = Stopwatch()
        values = as_list(prepared.call())
        durations.append(watch.seconds())
        answers.append([prepared.read(value) for value in values])

    once()
    first = prepared.since.seconds()
    while len(answers) < prepared.calls:
        once()
    kept, slow = answers[-1], durations[-1] >= CHEAP_SECONDS and not prepared.always_again
    for byte in () if prepared.work.once or slow else (memory.ZEROS, memory.GARBAGE):
        with memory.filled(byte):
            once()
    notes = list(prepared.work.notes)
    if any(answer != kept for answer in answers):
        notes.append("repeated calls gave other bits: {} different results in {} calls".format(_distinct(answers), len(answers)))
    notes.extend(prepared.remarks())
    return Answer(kept, durations[-1], first, notes)


def _distinct(answers):
    kinds = []
    for answer in answers:
        if answer not in kinds:
            kinds.append(answer)
    return len(kinds)


def pairs(call, other=None):
    """Seconds per call of ``call``, and of ``other``, called in turn: two lists of the same length (the second empty without ``other``).

    Whatever slows the machine down for a while slows both sides of a pair; which side goes first alternates. Garbage is not collected
    meanwhile. Both have been called before, so that nothing is built here.
    """
    sides = [call] if other is None else [call, other]
    sizes = [_block(side) for side in sides]
    found = [[] for _ in sides]
    enabled = gc.isenabled()
    gc.disable()
    try:
        watch = Stopwatch()
        while not _enough(len(found[0]), watch.seconds()):
            order = range(len(sides)) if len(found[0]) % 2 == 0 else range(len(sides) - 1, -1, -1)
            for place in order:
                found[place].append(_seconds(sides[place], sizes[place]))
    finally:
        if enabled:
            gc.enable()
    return found[0], found[1] if other is not None else []


def _enough(count, seconds):
    if count >= MOST_PAIRS:
        return True
    if count >= FEWEST_PAIRS:
        return seconds >= ENOUGH_SECONDS
    return count >= FEWEST_VALUES and seconds >= LONGEST_SECONDS


def _block(call):
    """How many calls make a block that the clock resolves; the call is warmed up on the way."""
    size, seconds = 1, _seconds(call, 1)
    while seconds * size < BLOCK_SECONDS and size < MOST_CALLS:
        size *= 2
        seconds = _seconds(call, size)
    return size


def _seconds(call, size):
    """Seconds per call in a block of ``size`` calls."""
    begin = time.perf_counter()
    for _ in range(size):
        call()
    return (time.perf_counter() - begin) / size


def median(values):
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def interval(values):
    """(low, high, confidence) for the median of what ``values`` are drawn from, whatever its distribution.

    The interval from the k-th smallest to the k-th largest of n values misses the median when fewer than k values lie on one side of it:
    its confidence is 1 - 2 P(B < k), B binomial (n, 1/2). k is the largest for which that is `CONFIDENCE`; where even k = 1 (all values)
    has less, the interval is that of all values, with the confidence it has.
    """
    ordered = sorted(values)
    count = len(ordered)
    tail, term, k = 0.0, 0.5**count, 1
    tail = term  # P(B < 1)
    while k < count // 2:
        term = term * (count - k + 1) / k  # P(B = k)
        if 2.0 * (tail + term) > 1.0 - CONFIDENCE:
            break
        tail += term
        k += 1
    return ordered[k - 1], ordered[count - k], max(0.0, 1.0 - 2.0 * tail)
