"""Reads the defaults of one framework, as it is installed here: signatures, configurations, attributes, schemas, docstrings.

    python introspect.py --atlas ATLAS.json --framework torch --out FILE.json

Runs inside a sandbox like ``main.py``, on its own. The atlas (``replab/defaults/atlas.py``) says which names and parameters to look at;
what is written down is what was found, with the way it was found, and a reason where nothing was.
"""

import argparse
import ast
import enum
import importlib
import inspect
import io
import json
import math
import os
import re
import sys
import textwrap
import warnings

REQUIRED = "required"  # there is such a parameter, and it has no default
READ = "read"
ABSENT = "absent"
ROOTS = {"tf": "tensorflow", "torch": "torch", "numpy": "numpy"}


class Absent(Exception):
    """There is nothing to read here; the text says why."""


# --- names -------------------------------------------------------------------------------------------------------------------------------


def resolve(name):
    """The object of a dotted name that begins with ``tf``, ``torch`` or ``numpy``; raises ``Absent``."""
    first = name.split(".")[0]
    found = importlib.import_module(ROOTS[first])
    path = ROOTS[first]
    for part in name.split(".")[1:]:
        path += "." + part
        try:
            found = getattr(found, part)
        except Exception:
            try:
                found = importlib.import_module(path)
            except Exception:
                raise Absent("there is no {}".format(name)) from None
    return found


def first_of(names):
    """The first of several names that exists, and its object; raises ``Absent`` naming all of them."""
    for name in names:
        found = attempt(resolve, name)
        if not isinstance(found, Absent):
            return name, found
    raise Absent("there is no {}".format(" nor ".join(names)))


def attempt(function, *arguments):
    """What a function returns, or the ``Absent`` that it raises."""
    try:
        return function(*arguments)
    except Absent as absent:
        return absent


# --- values as text ----------------------------------------------------------------------------------------------------------------------


def plain(value):
    """JSON values for whatever a default may be, the same text in every process."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has no infinities
    if isinstance(value, dict):
        if "class_name" in value:  # how Keras writes objects down; modules and registered names say where, not what
            return dict({"class": value["class_name"]}, **plain(value.get("config") or {}))
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    for name in ("item", "numpy", "tolist"):  # scalars and small tensors of every framework
        found = call(value, name)
        if found is not None:
            return plain(found)
    return described(value)


def call(value, method):
    """What a method without arguments returns, or None where there is none or it fails."""
    try:
        return getattr(value, method)()
    except Exception:
        return None


def described(value):
    """A word for an object: the name of a type or function, the configuration of a Keras object, else its class."""
    kind = type(value).__name__
    if "dtype" in kind.lower() and not isinstance(value, type):
        return str(getattr(value, "name", value)).replace("torch.", "")
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    if hasattr(value, "get_config"):
        try:
            return dict({"class": kind}, **plain(value.get_config()))
        except Exception:
            return kind
    return kind


def text(value):
    """Canonical JSON."""
    return json.dumps(plain(value), sort_keys=True)


# --- ways to read ------------------------------------------------------------------------------------------------------------------------


def by_signature(target, parameter):
    """(status, value, source) of a parameter of a callable; ``None`` when Python cannot say."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return None
    found = signature.parameters.get(parameter)
    if found is None:
        return None
    if found.default is inspect.Parameter.empty:
        return REQUIRED, None, "signature"
    if type(found.default).__name__ == "_RequiredParameter":  # how early versions of torch.optim say it
        return REQUIRED, None, "signature"
    if type(found.default) is object or type(found.default).__name__ == "_NoValueType":
        raise Absent("the default of {} is a mark for 'not given': what happens then is written nowhere".format(parameter))
    return READ, found.default, "signature"


def by_schema(operator, parameter):
    """The same from the overloads of an operator of PyTorch: the first one that gives the parameter a default."""
    schemas = getattr(sys.modules["torch"]._C, "_jit_get_schemas_for_operator", None)
    without = None
    for schema in schemas("aten::" + operator) if schemas else ():
        written = "schema " + str(schema).split(" -> ")[0]
        for argument in schema.arguments:
            if argument.name != parameter:
                continue
            # old versions cannot tell "no default" from None: the text of the schema can
            if re.search(r"\b" + re.escape(parameter) + r"=", written):
                return READ, argument.default_value, written
            without = without or (REQUIRED, None, written)
    return without


def by_docstring(name, target, parameter):
    """The same from a docstring that begins, as those of C functions do, with the call: ``name(x, eps=1e-8) -> Tensor``."""
    short = name.split(".")[-1]
    for paragraph in (inspect.getdoc(target) or "").split("\n\n"):
        match = re.match(r"(?:[\w.]+\.)?" + re.escape(short) + r"\((.*?)\)(?:\s*->.*)?$", " ".join(paragraph.split()))
        if not match:
            continue
        for part in split_arguments(match.group(1)):
            given = part.lstrip("*").partition("=")
            if given[0].partition(":")[0].strip() != parameter:
                continue
            if not given[1]:
                return REQUIRED, None, "docstring"
            try:
                return READ, ast.literal_eval(given[2].strip()), "docstring"
            except (ValueError, SyntaxError):
                return READ, given[2].strip(), "docstring"
    return None


def split_arguments(line):
    """A list of arguments cut at its commas, brackets respected."""
    parts, depth = [""], 0
    for letter in line:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def by_source(target, parameter):
    """The calls of ``init`` that a module's ``reset_parameters`` makes for a weight: ``kaiming_uniform_(self.weight, a=math.sqrt(5))``."""
    try:
        lines = inspect.getsource(target)
    except (TypeError, OSError) as error:
        raise Absent("its source cannot be read: {}".format(error)) from None
    for node in ast.walk(ast.parse(textwrap.dedent(lines))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            start = ast.dump(node.func.value)
            if "'init'" in start or ".data" in start:
                written = call_text(lines, node)
                if re.search(r"\b" + re.escape(parameter) + r"\b", written):
                    return READ, written, "source"
    return None


def call_text(lines, node):
    """The text of a call, found by its name and first argument (positions of nodes are not to be had in old Pythons)."""
    for match in re.finditer(r"[\w.]*\b" + re.escape(node.func.attr) + r"\(", lines):
        depth, end = 1, match.end()
        while depth and end < len(lines):
            depth += {"(": 1, ")": -1}.get(lines[end], 0)
            end += 1
        try:
            if ast.dump(ast.parse(lines[match.start() : end]).body[0].value) == ast.dump(node):
                return " ".join(lines[match.start() : end].split())
        except (SyntaxError, IndexError, AttributeError):
            continue
    return node.func.attr


def by_path(value, path):
    """``a.b.0`` of an object: attributes, keys and places."""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value[part]
        elif isinstance(value, (list, tuple)):
            value = value[int(part)]
        else:
            value = getattr(value, part)
    return value


def argument(value, framework):
    """An argument of the atlas: ``{tensor = [...], dtype = ...}`` becomes a tensor, ``{parameters = [...]}`` what an optimiser is given."""
    if not isinstance(value, dict):
        return value
    module = sys.modules[ROOTS.get(framework, framework)] if framework != "tensorflow" else sys.modules["tensorflow"]
    if "tensor" in value:
        make = {"numpy": "array", "tensorflow": "constant", "torch": "tensor"}[framework]
        kind = {"dtype": getattr(module, value["dtype"])} if "dtype" in value else {}
        return getattr(module, make)(value["tensor"], **kind)
    if "parameters" in value:
        return [module.nn.Parameter(module.tensor(value["parameters"]))]
    raise ValueError("unknown kind of argument: {}".format(sorted(value)))


def arguments(table, framework):
    """A table of arguments as places and keywords."""
    given = {key: argument(value, framework) for key, value in table.items()}
    return [given.pop(key) for key in sorted(key for key in given if key.isdigit())], given


# --- one API -----------------------------------------------------------------------------------------------------------------------------


class Reader(object):
    """One API of one framework: finds it once, calls it once where needed."""

    def __init__(self, side, framework):
        self.side, self.framework = side, framework
        self.name, self.target = first_of(side["names"])
        self._made = None

    def made(self):
        """What calling it with the arguments of the atlas gives (an instance of a class, or a result), or the exception that it raised."""
        if self._made is None:
            places, given = arguments(self.side["arguments"], self.framework)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._made = (self.target(*places, **given),)
            except Exception as error:
                self._made = Absent("{} cannot be called: {}: {}".format(self.name, type(error).__name__, first_line(error)))
        if isinstance(self._made, Absent):
            raise self._made
        return self._made[0]

    def read(self, parameter):
        """(status, value, source) of one parameter, under the first of its names that is known; raises ``Absent``."""
        way = self.side["read"]
        for name in parameter:
            found = getattr(self, "_" + way)(name)
            if found is not None:
                return found
        raise Absent("{} has no {}".format(self.name, " nor ".join(parameter)))

    def _signature(self, parameter):
        target = self.target
        found = by_signature(target, parameter)
        if found is None and inspect.isclass(target):
            found = by_signature(target.__init__, parameter)
        if found is None and self.framework == "torch":
            found = by_schema(self.side.get("operator") or self.name.split(".")[-1], parameter)
        if found is None or (found[0] == REQUIRED and found[2].startswith("schema")):
            # an overload of its own makes a parameter look required that the Python function gives a default
            written = by_docstring(self.name, target, parameter)
            found = written if found is None or (written and written[0] == READ) else found
        return found

    def _config(self, parameter):
        config = self.made().get_config()
        try:
            return READ, by_path(config, parameter), "configuration of an instance"
        except (KeyError, AttributeError, IndexError):
            return None

    def _instance(self, parameter):
        try:
            return READ, by_path(self.made(), parameter), "attribute of an instance"
        except (KeyError, AttributeError, IndexError, ValueError):
            return None

    def _result(self, parameter):
        try:
            return READ, self.made() if parameter == "result" else by_path(self.made(), parameter), "result of a call"
        except (KeyError, AttributeError, IndexError, ValueError):
            return None

    def _call(self, parameter):
        """What a function gives, or an instance of a class when it is called, without being told of the parameter."""
        places, given = arguments(self.side["call"], self.framework)
        called = self.made() if inspect.isclass(self.target) else self.target
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = called(*places, **given)
        return READ, by_path(result, self.side["part"]) if self.side["part"] else result, "call"

    def _source(self, parameter):
        return by_source(self.target, parameter)


def first_line(error):
    lines = str(error).strip().splitlines() or [""]
    return re.sub(r" at 0x[0-9a-f]+", "", lines[0])[:200]


def rows(atlas, framework):
    """A row per parameter of every API that has a side for ``framework``."""
    for api in atlas["apis"]:
        # an API may be read in several ways: each parameter says by which side
        readers = {}
        for parameter in api["parameters"]:
            given = parameter["sides"].get(framework)
            if given is None:
                continue
            side = api["sides"][given["side"]]
            row = {
                "api": api["name"],
                "parameter": parameter["name"],
                "value": None,
                "source": "",
                "reason": "",
                "api_name": side["names"][0],
            }
            try:
                if given["side"] not in readers:
                    readers[given["side"]] = attempt(Reader, side, framework)
                reader = readers[given["side"]]
                if isinstance(reader, Absent):
                    raise reader
                row["api_name"] = reader.name
                status, value, source = reader.read(given["names"])
                row.update(status=status, source=source, value=text(value) if status == READ else None)
            except Absent as absent:
                row.update(status=ABSENT, reason=str(absent))
            except Exception as error:  # one odd API must not cost the others
                row.update(status=ABSENT, reason="{}: {}".format(type(error).__name__, first_line(error)))
            if "called" in given and row["status"] == READ:
                try:
                    row.update(called=text(Reader(api["sides"][given["called"]], framework).read([""])[1]))
                except Exception as error:
                    row.update(not_called="{}: {}".format(type(error).__name__, first_line(error)))
            yield row


def main():
    parser = argparse.ArgumentParser(description="Reads the defaults of one framework.")
    parser.add_argument("--atlas", required=True)
    parser.add_argument("--framework", required=True, choices=sorted(ROOTS.values()))
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with io.open(options.atlas, encoding="utf-8") as stream:
        atlas = json.load(stream)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    module = importlib.import_module(options.framework)
    if options.framework == "tensorflow" and not module.executing_eagerly():
        module.compat.v1.enable_eager_execution()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(rows(atlas, options.framework))
    version = module.version.VERSION if options.framework == "tensorflow" else str(module.__version__)
    answer = {"schema": 1, "framework": options.framework, "version": version, "rows": found}
    with io.open(options.out + ".part", "w", encoding="utf-8") as stream:
        stream.write(json.dumps(answer, indent=1, sort_keys=True))
    os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
