"""Calling a lifted function: the first call, the repeated one, and what each took."""

import time

CHEAP_SECONDS = 0.2


class Stopwatch(object):
    """Seconds since it was made."""

    def __init__(self):
        self.begin = time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.begin


class Answer(object):
    """What a lift returns: ``outputs`` (list of `tensors.Tensor`), the two times, and ``notes`` (list of str)."""

    def __init__(self, outputs, seconds, first_call_seconds, notes):
        self.outputs, self.seconds, self.first_call_seconds, self.notes = outputs, seconds, first_call_seconds, notes


def as_list(value):
    """The outputs of a function, which returns a tensor or a tuple of tensors."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def measure(work, since, call, read, synchronise=None, calls=1, always_again=False):
    """Run ``call`` and return an `Answer` with the outputs of its last mandatory call.

    ``since`` was started before anything was built, so that the first call includes tracing and compiling. ``calls`` calls are made in any
    case (a profiling compiler specialises during the first ones); one more is timed when the call is cheap or ``always_again`` says that
    the first one was slow for other reasons than its arithmetic. Calls that give other bits than the result kept are noted.
    """
    answers, durations = [], []

    def once():
        watch = Stopwatch()
        values = as_list(call())
        if synchronise is not None:
            synchronise()
        durations.append(watch.seconds())
        answers.append([read(value) for value in values])

    once()
    first = since.seconds()
    while len(answers) < calls:
        once()
    kept = answers[-1]
    if always_again or durations[-1] < CHEAP_SECONDS:
        if calls == 1:
            once()
    notes = list(work.notes)
    if any(answer != kept for answer in answers):
        notes.append("repeated calls gave other bits: {} different results in {} calls".format(_distinct(answers), len(answers)))
    return Answer(kept, durations[-1], first, notes)


def _distinct(answers):
    kinds = []
    for answer in answers:
        if answer not in kinds:
            kinds.append(answer)
    return len(kinds)
