"""Runs programs as their readers would, inside of an environment, and notes what each printed and how it ended.

    python run.py REQUEST.json FOLDER

The request lists programs, each with the files that its reader has run before, in the same process. A program runs as the main one,
in a process and an empty folder of its own, with nothing to read from a keyboard; what all import is imported once, before. Works with
Python 3.6 and later, and imports nothing of the lab.
"""

import importlib.util
import io
import json
import os
import signal
import sys
import time
import traceback

MOST_PRINTED = 20000
"""Characters that are kept of what a program prints: the first half and the last."""
EMPTY = {"schema": 1, "state": "ok", "error": "", "message": "", "line": 0, "printed": "", "characters": 0, "before": "", "lacking": []}
PROMPT = "asks for input, and there is nobody to answer"


class Kept(io.TextIOBase):
    """What is printed, the beginning and the end of it; memory does not grow with it."""

    def __init__(self, most):
        self.most, self.head, self.tail, self.total = most, "", "", 0

    def writable(self):
        return True

    def write(self, text):
        self.total += len(text)
        room = self.most // 2 - len(self.head)
        self.head += text[: max(room, 0)]
        self.tail = (self.tail + text[max(room, 0) :])[-(self.most // 2) :]
        return len(text)

    def text(self):
        left_out = self.total - len(self.head) - len(self.tail)
        return self.head + ("\n[%d characters left out]\n" % left_out if left_out > 0 else "") + self.tail


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    out = os.path.abspath(sys.argv[2])
    for name in request["imports"]:  # once for all: each program is a copy of this process
        try:
            __import__(name)
        except Exception:  # whoever needs it says so
            pass
    for program in request["programs"]:
        outcome = alone(program, request["seconds"], os.path.join(out, program["id"]))
        path = os.path.join(out, program["id"] + ".json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(outcome, file)
        os.replace(path + ".part", path)


def alone(program, seconds, folder):
    """What became of one program, in a process of its own that may do what it likes to itself."""
    os.makedirs(folder)
    told = os.path.join(folder, ".outcome")
    began = time.time()
    lacking = missing(program)
    if all(lacking):
        return dict(EMPTY, state="absent", message=", ".join(sorted(set().union(*lacking))), seconds=0.0, files=[])
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        code = 1
        try:
            tell(told, outcome_of(program["before"], program["file"], dict(zip(map(tuple, program["parts"]), lacking))))
            code = 0
        finally:
            os._exit(code)
    status = waited(child, began + seconds)
    took = round(time.time() - began, 3)
    try:
        with open(told, encoding="utf-8") as file:
            outcome = json.load(file)
    except (OSError, ValueError):
        outcome = dict(EMPTY, state="timeout" if status is None else "crashed", message=signal_of(status))
    made = [name for name in sorted(os.listdir(folder)) if name != ".outcome"]
    return dict(outcome, seconds=took, files=made[:20])


def waited(child, until):
    """How a process ended; None where it was stopped for its time."""
    status = None
    while status is None and time.time() < until:
        ended, status_now = os.waitpid(child, os.WNOHANG)
        if ended:
            status = status_now
        else:
            time.sleep(0.01)
    for group in (-child, child):
        try:
            os.kill(group, signal.SIGKILL)
        except OSError:
            pass
    if status is None:
        os.waitpid(child, 0)
    return status


def signal_of(status):
    """By what a process was ended, in words."""
    if status is None:
        return ""
    return "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "it left the process with code %d" % os.WEXITSTATUS(status)


def tell(path, outcome):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(outcome, file)


def missing(program):
    """For each part of a program, the modules that it imports and that are not here."""
    return [{name for name in names if importlib.util.find_spec(name) is None} for _, _, *names in program["parts"]]


def outcome_of(before, program, parts):
    """Runs a program after those before it, without the parts that import what is not here; says what it printed and how it ended."""
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    said, outcome = Kept(MOST_PRINTED), dict(EMPTY, lacking=sorted(set().union(*parts.values())))
    sys.argv = [program]
    for path in before:
        sys.stdout = Kept(0)
        try:
            run(path, names, {})
        except BaseException as error:  # what stands before it is shown in a row of its own
            outcome["before"] = "%s ended in %s" % (os.path.basename(path), type(error).__name__)
    sys.stdout = said
    try:
        run(program, names, parts)
    except SystemExit as error:
        if error.code not in (None, 0):
            outcome.update(state="error", error="SystemExit", message=str(error.code), line=line_of(program, error))
    except EOFError as error:
        outcome.update(state="error", error="EOFError", message=PROMPT, line=line_of(program, error))
    except BaseException as error:
        outcome.update(state="error", error=type(error).__name__, message=str(error)[:2000], line=line_of(program, error))
    return dict(outcome, printed=said.text(), characters=said.total)


def run(path, names, parts):
    """``parts``: (first line, last line, …) with what is missing for each; the lines of a part that lacks something are left empty."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for (first, last, *_), lacking in parts.items():
        if lacking:
            lines[first - 1 : last] = [""] * (last - first + 1)
    names["__file__"] = path
    exec(compile("\n".join(lines), path, "exec"), names)


def line_of(program, error):
    """The last line of the program itself on the way to where the error was raised; of a text that is no Python, its own."""
    if isinstance(error, SyntaxError) and error.filename == program:
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == program]
    return lines[-1] if lines else 0


if __name__ == "__main__":
    main()
