"""Which exceptions mean that an environment cannot run a cell, as data; everything else is an error of the cell."""

import linecache
import os
import re
import sys
import traceback

REASON_CHARACTERS = 500


class Unsupported(Exception):
    """Raised by a lift: this environment cannot do that, for the reason given."""


NO_KERNEL_FOR = r"not (implemented|supported on \w+) for '?(torch\.)?(Half|BFloat16|Bool|Byte|Char|Short|Int|Long|U?Int\d+)"
NO_MODULE = r"No module named '(numpy|tensorflow|torch|keras)|cannot import name .* from '(numpy|tensorflow|torch|keras)"
# (name of the exception's class or of one of its bases, pattern searched in the message, status). The first that fits wins.
TABLE = (
    ("Unsupported", r"", "unsupported"),
    ("NotImplementedError", r"", "unsupported"),
    # memory
    ("MemoryError", r"", "oom"),
    ("ResourceExhaustedError", r"OOM|[Aa]llocat|[Mm]emory", "oom"),
    ("RuntimeError", r"can't allocate memory|not enough memory|out of memory|std::bad_alloc", "oom"),
    # TensorFlow: kernels, dtypes, gradients and compilers that are not there
    ("OpError", r"Could not find (valid )?device for node|No OpKernel was registered|No registered '.*' OpKernel", "unsupported"),
    ("OpError", r"no supported kernel for \w+ devices is available", "unsupported"),
    ("OpError", r"Detected unsupported operations|not compilable|must be a compile-time constant|XLA compilation requires", "unsupported"),
    ("OpError", r"not in (the )?list of allowed values", "unsupported"),
    ("UnimplementedError", r"", "unsupported"),
    ("TypeError", r"not in list of allowed values|Second-order gradient for while loops not supported", "unsupported"),
    ("LookupError", r"No gradient defined|gradient registry has no entry|Gradient explicitly disabled", "unsupported"),
    ("TypeError", r"[Uu]sing a (symbolic )?`?tf\.Tensor`? as a Python `?bool`? is not allowed", "unsupported"),
    ("OperatorNotAllowedInGraphError", r"", "unsupported"),
    ("StagingError", r"gradient registry has no entry|No gradient defined|Gradient explicitly disabled", "unsupported"),
    # PyTorch
    ("RuntimeError", NO_KERNEL_FOR, "unsupported"),
    ("RuntimeError", r"could not create a (primitive )?descriptor", "unsupported"),
    ("RuntimeError", r"Low precision dtypes not supported", "unsupported"),
    ("RuntimeError", r"derivative for .* is not implemented|[Dd]erivative (of|for) .* not (yet )?implemented", "unsupported"),
    ("RuntimeError", r"does not currently support double backward", "unsupported"),
    ("RuntimeError", r"Python 3\.\d+\+? not yet supported for torch\.compile|Dynamo is not supported on Python", "unsupported"),
    ("RuntimeError", r"Could not run '.*' with arguments from the", "unsupported"),
    # NumPy
    ("TypeError", r"array type \w+ is unsupported in linalg|ufunc '.*' not supported for the input types", "unsupported"),
    # an API that another version has
    ("AttributeError", r"module '(numpy|tensorflow|torch)[\w.]*' has no attribute", "unsupported"),
    ("ImportError", NO_MODULE, "unsupported"),
)


UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text):
    """``text`` without what no file in UTF-8 can hold (lone surrogates) and what a terminal obeys: as escapes, which say what was there."""
    return UNSPEAKABLE.sub(lambda found: _escape(ord(found.group())), text)


def _escape(number):
    return "\\x{:02x}".format(number) if number < 256 else "\\u{:04x}".format(number)


def message_of(error):
    """What an exception says; classes of users can fail at that too."""
    try:
        return str(error)
    except Exception as failure:
        return "its message cannot be had: {}".format(type(failure).__name__)


def classify(error, impl):
    """(status, reason) of an exception that a cell raised; ``impl`` is the path of the implementation file."""
    names = [kind.__name__ for kind in type(error).__mro__]
    message = message_of(error)
    fitting = [status for name, pattern, status in TABLE if name in names and re.search(pattern, message)]
    status = fitting[0] if fitting else "error"
    said = _essence(message, impl)
    if isinstance(error, (Unsupported, NotImplementedError)) and said:
        return status, said[:REASON_CHARACTERS]
    kind = type(error).__name__
    text = "{}: {}".format(kind, said) if said else kind
    place = _place(error, impl) if status == "error" else ""
    room = REASON_CHARACTERS - len(place)
    return status, text[:room] + place


def first_line(error):
    """The first line of a message, for a note."""
    lines = [line.strip() for line in message_of(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _essence(message, impl):
    """The line that says what happened: the first, or the last where a framework puts a traceback before it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[0]
    if re.match(r"in (user|converted) code:|The following operation failed in the TorchScript interpreter", line):
        said = [text for text in lines if re.match(r"[\w.]*(Error|Exception|Warning)\b", text)]
        line = re.sub(r"^[\w.]*(Error|Exception|Warning): *", "", said[-1] if said else lines[-1])
    elif line.endswith(":") and len(lines) > 1:
        line = line + " " + lines[1]
    return _without_paths(line, impl)


def _without_paths(text, impl):
    """The same text on every machine: folders of the implementation and of the environment shortened."""
    for folder, short in ((os.path.dirname(os.path.abspath(impl)), ""), (sys.prefix, "env"), (sys.base_prefix, "python")):
        text = text.replace(folder + os.sep, short + os.sep if short else "")
    return text


def _place(error, impl):
    """`` (impl_tf.py, line 12: return tf.foo(x))``: the innermost line of the implementation file, or nothing."""
    name = os.path.basename(impl)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if os.path.basename(frame.filename) == name]
    if not lines:  # AutoGraph runs generated code and tells in the message where it came from
        lines = [int(number) for number in re.findall(re.escape(name) + r"(?:\", line |:)(\d+)", message_of(error))]
    if not lines:
        return ""
    text = " ".join(linecache.getline(impl, lines[-1]).split())
    return " ({}, line {}{})".format(name, lines[-1], ": " + text[:120] if text else "")
