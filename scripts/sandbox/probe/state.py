"""What a cell must leave as it found it: switches of the process and of the framework, and the generators of random numbers.

Reading all of it takes some twenty microseconds, since it is done after every cell. Where a switch moved, the cell is marked and the
process ends: nothing puts a switch back as surely as a new process. Generators are put back, so that drawing costs no process; a function
that seeds one is marked for it, unless it is known to draw.
"""

import _signal  # without the enumerations that its wrapper makes of every answer
import builtins
import ctypes
import gc
import locale
import os
import random
import resource
import signal
import sys
import threading
import time
import types
import warnings

import numpy as np

HANDLED = [
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGFPE", "SIGSEGV", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGUSR1", "SIGCHLD")
    if hasattr(signal, name)
]
LIMITS = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_NOFILE")
# Operands of arithmetic whose result tells the mode of the processor; names, so that no compiler folds them.
SMALLEST_NORMAL, SMALLEST, HALF, TWO, ONE, LITTLE = 2.2250738585072014e-308, 5e-324, 0.5, 2.0, 1.0, 1e-17
MERSENNE_WORDS = 624
MERSENNE_BYTES = 2500  # these words and a position
MOST_BLOCKS = 400  # of numbers that a cell may have drawn: beyond a quarter of a million it counts as seeded
UNTOLD = ("__warningregistry__", "_")  # names that Python itself sets
SHOWN = 60


class Switch(object):
    """Something that can be read: ``words`` for it, ``read()``, and ``tell(before, after)``, what moved in words; empty where nothing did
    that matters. One that ``is_long`` is only said to have moved.
    """

    def __init__(self, words, read, tell=None, is_long=False):
        self.words, self.read, self.tell, self.is_long = words, read, tell, is_long

    def moved(self, before, after):
        if self.tell is not None:
            return self.tell(before, after)
        if self.is_long:
            return "{} moved".format(self.words)
        return "{} was {} and is {}".format(self.words, _short(before), _short(after))


class Generator(object):
    """A source of random numbers: ``moved()`` says whether somebody drew from it or seeded it, ``seeded()`` whether drawing alone does not
    explain that, ``restore()`` puts it back. Constructors of layers draw, whoever calls them: nothing is left of that, and nothing said.
    """

    def __init__(self, words, moved, restore, seeded):
        self.words, self.moved, self.restore, self.seeded = words, moved, restore, seeded


class Watch(object):
    """Compares the state of this process with that in which it was ready."""

    def __init__(self, lift):
        """``lift`` adds the ``switches()`` and ``generators()`` of its framework, and says what of its ``modules()`` nobody may replace."""
        self._switches = _process(lift.OWN_VARIABLES) + _numpy() + lift.switches()
        self._modules = [Names(builtins, True), Names(np, True)] + [Names(module, False) for module in lift.modules()]
        self._generators = [_python_generator(), _numpy_generator()] + lift.generators()
        self._filters = list(warnings.filters)
        self._read = [switch.read for switch in self._switches]
        self.owner, self._owned = None, []
        self._beside = []
        self._before = self._now()

    def settle(self):
        """What has happened until now was nobody's doing, but the framework's own."""
        self._before = self._now()
        for names in self._modules:
            names.moved()

    def loaded(self, path, module):
        """An implementation file was loaded: what that moved holds for all of its cells, and for those of no other file.

        From here on its own names must stay as they are, too; ``module`` is an exception where it could not be loaded.
        """
        moved = self.moved()
        if moved:
            self.owner, self._owned = path, ["loading {} left this: {}".format(os.path.basename(path), words) for words in moved]
            self.settle()
        if isinstance(module, types.ModuleType):
            self._modules.append(Names(module, True, os.path.basename(path)))

    def also(self, modules):
        """Names of these modules, which lie beside an implementation file, must stay as they are, too."""
        for module in modules:
            if module not in self._beside:
                self._beside.append(module)
                self._modules.append(Names(module, True, os.path.basename(module.__file__)))

    def belongs(self, path):
        """Whether a cell of the file ``path`` can run in this process."""
        return self.owner is None or self.owner == path

    def after(self, drawn):
        """(notes for the record of the cell that has ended, whether another one needs a new process)."""
        moved = self.moved()
        notes = self._owned + ["it left this to the cells after it, which got a new process: {}".format(words) for words in moved]
        return notes + self._put_back(drawn), bool(moved)

    def moved(self):
        """What is not as it was, in words."""
        if warnings.filters != self._filters:  # they move no bits, and modules that are imported late add to them
            warnings.filters[:] = self._filters
            with warnings.catch_warnings():  # tells the machinery of warnings that they were changed
                pass
        now = self._now()
        found = []
        if now != self._before:
            told = [switch.moved(old, new) if old != new else "" for switch, old, new in zip(self._switches, self._before, now)]
            found = [words for words in told if words]
            self._before = now
        for names in self._modules:
            found += names.moved()
        return found

    def _put_back(self, drawn):
        notes = []
        for generator in self._generators:
            if generator.moved():
                if not drawn and generator.seeded():
                    notes.append("it seeded {}; it was put back for the cells after it".format(generator.words))
                generator.restore()
        return notes

    def _now(self):
        try:
            return [read() for read in self._read]
        except Exception:  # one of them cannot be read any more, which is a move too
            return [_attempt(read) for read in self._read]


class Names(object):
    """The names of a module or class, none of which may come to mean something else; modules that are imported late may come to them.

    One that is not ``closed`` adds other names itself, when they are first asked for.
    """

    def __init__(self, module, closed, file=""):
        """``file``: the name of an implementation file, whose names are all somebody's own, but those that Python sets."""
        self._module, self._closed, self._there, self._before = module, closed, vars(module), dict(vars(module))
        self._file = file

    def _wraps(self, before, now):
        """Whether a function is the same in a wrapper of the framework's own: some are wrapped when a compiler is first imported."""
        folder = os.path.dirname(getattr(self._module, "__file__", None) or "")
        code = getattr(now, "__code__", None)
        own = bool(folder) and code is not None and code.co_filename.startswith(folder + os.sep)
        return own and getattr(now, "__wrapped__", None) is before

    def _same(self):
        try:
            return self._there == self._before
        except Exception:  # values that cannot be compared: one by one then
            return False

    def moved(self):
        """What was replaced, added or removed since the last time, in words."""
        if self._same():
            return []
        now, before = dict(self._there), self._before
        self._before = now
        names = sorted(name for name in set(now) | set(before) if now.get(name, self) is not before.get(name, self))
        names = [name for name in names if name not in UNTOLD and (self._closed or name in before)]
        names = [name for name in names if not isinstance(now.get(name), types.ModuleType)]  # imported when somebody first asks for it
        names = [name for name in names if not self._wraps(before.get(name), now.get(name))]
        if self._file:
            names = [name for name in names if not name.startswith("__")]
        else:
            names = [name for name in names if not _counts(name, before.get(name), now.get(name))]
        place = self._file or getattr(self._module, "__name__", "a module")
        return ["{}.{} was {}".format(place, name, _fate(name in before, name in now)) for name in names]


def _counts(name, before, now):
    """Whether a name is a number that a framework keeps for itself: of warnings that were shown, say."""
    return name.startswith("_") and all(isinstance(value, (int, float, type(None))) for value in (before, now))


def _fate(before, now):
    return "replaced" if before and now else "added" if now else "removed"


def _short(value):
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _attempt(read):
    try:
        return read()
    except Exception as error:
        return "unreadable ({})".format(type(error).__name__)


# --- this process ------------------------------------------------------------------------------------------------------------------------


def _process(own):
    """Switches of Python, of the C library and of the processor; variables that begin with one of ``own`` are set by the framework."""
    getsignal, limits = _signal.getsignal, [getattr(resource, name) for name in LIMITS if hasattr(resource, name)]
    return [
        Switch("flushing of subnormal numbers to zero", _flushed),
        Switch("the direction of rounding", _direction),
        Switch("the working directory", _folder, is_long=True),
        Switch("the umask", _umask),
        Switch("environment variables", _environment, lambda before, after: _variables(before, after, own)),
        Switch("sys.path", lambda: list(sys.path), is_long=True),
        Switch("the recursion limit", sys.getrecursionlimit),
        Switch("handlers of signals", lambda: [getsignal(number) for number in HANDLED], _handlers),
        Switch("blocked signals", lambda: _signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        Switch("a timer", lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0.0),
        Switch("sys.stdout or sys.stderr", lambda: [sys.stdout, sys.stderr], is_long=True),
        Switch("where descriptor 1 or 2 leads", lambda: [os.fstat(1)[1:3], os.fstat(2)[1:3]], is_long=True),
        Switch("collection of garbage", lambda: (gc.isenabled(), gc.get_threshold())),
        Switch("the locale", lambda: locale.setlocale(locale.LC_ALL)),
        Switch("the time zone", lambda: time.tzname),
        Switch("tracing or profiling", lambda: [sys.gettrace(), sys.getprofile()], is_long=True),
        Switch("the number of threads of Python", _threads),
        Switch("limits of the process", lambda: [resource.getrlimit(number) for number in limits], is_long=True),
        Switch("the processors it may use", lambda: os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None),
    ]


def _flushed():
    """Whether results and operands that are subnormal count as zero, by arithmetic of this thread."""
    return SMALLEST_NORMAL * HALF == 0.0, SMALLEST * TWO == 0.0


def _direction():
    """Whether adding and subtracting what is far below half a unit in the last place does nothing, as it must when rounding to nearest."""
    return "to nearest" if (ONE + LITTLE, ONE - LITTLE) == (ONE, ONE) else "another"


def _folder():
    try:
        return os.getcwd()
    except OSError:
        return "a folder that was removed"


def _umask():
    """Can only be read by setting it."""
    found = os.umask(0o022)
    os.umask(found)
    return found


def _environment():
    return dict(getattr(os.environ, "_data", os.environ))


def _variables(before, after, own):
    """Names only: values can be long, and secret."""
    names = sorted(_text(name) for name in set(before) | set(after) if before.get(name) != after.get(name))
    names = [name for name in names if not name.startswith(own)]
    return "environment variables moved: {}".format(", ".join(names)[:200]) if names else ""


def _threads():
    """Those of pools wait for work, and compilers keep some."""
    pools = sys.modules.get("concurrent.futures.thread")
    return threading.active_count() - (len(pools._threads_queues) if pools is not None else 0)


def _text(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _handlers(before, after):
    numbers = [number for number, old, new in zip(HANDLED, before, after) if old != new]
    return "the handler of {} moved".format(", ".join(getattr(number, "name", str(number)) for number in numbers))


# --- NumPy and the generators that are there in any case ---------------------------------------------------------------------------------


def _numpy():
    promotion = getattr(np, "_get_promotion_state", None)
    switches = [
        Switch("the handling of floating-point errors by NumPy", np.geterr),
        Switch("the callback for floating-point errors", np.geterrcall),
        Switch("the size of NumPy's buffers", np.getbufsize),
    ]
    return switches + ([Switch("NumPy's promotion of types", promotion)] if promotion is not None else [])


def _python_generator():
    """Moved when the next number is not the one that comes first after its state of now: drawing one and setting it back is cheap."""
    known = random.getstate()
    first = random.getrandbits(64)
    random.setstate(known)

    def moved():
        same = random.getrandbits(64) == first
        if same:
            random.setstate(known)
        return not same

    def seeded():
        walker = random.Random()  # noqa: S311
        walker.setstate(known)
        return not _reached(random.getstate()[1][:-1], lambda: walker.getstate()[1][:-1], lambda: walker.getrandbits(32 * MERSENNE_WORDS))

    return Generator("the generator of Python", moved, lambda: random.setstate(known), seeded)


def _reached(block, read, walk):
    """Whether a Mersenne Twister comes to a block of its numbers by drawing: ``walk()`` goes on by one block."""
    for _ in range(MOST_BLOCKS):
        if _equal(read(), block):
            return True
        walk()
    return False


def _equal(left, right):
    return bool(np.all(np.asarray(left) == np.asarray(right)))


def _numpy_generator():
    """The state lies in memory as it is: copying it through the public function takes a hundred times as long."""
    known = np.random.get_state()  # noqa: NPY002 (the generator that functions without one of their own share)
    own = getattr(np.random.mtrand, "_rand", None)
    address = getattr(getattr(getattr(own, "_bit_generator", None), "ctypes", None), "state_address", None)
    if known[0] == "MT19937" and address is not None:
        bits, kept = own._bit_generator, ctypes.string_at(address, MERSENNE_BYTES)

        def moved():
            return own._bit_generator is not bits or ctypes.string_at(address, MERSENNE_BYTES) != kept

    else:

        def moved():
            now = np.random.get_state()  # noqa: NPY002
            return now[0] != known[0] or now[2:] != known[2:] or bool(np.any(now[1] != known[1]))

    def seeded():
        walker = np.random.RandomState()
        walker.set_state(known)
        now = np.random.get_state()  # noqa: NPY002
        return now[0] != known[0] or not _reached(now[1], lambda: walker.get_state()[1], lambda: walker.bytes(4 * MERSENNE_WORDS))

    return Generator("the generator of NumPy", moved, lambda: np.random.set_state(known), seeded)  # noqa: NPY002
