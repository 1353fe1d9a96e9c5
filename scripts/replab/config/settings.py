"""Reads ``config/config.yaml``, and says what is wrong with a setting."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import yaml

from replab import files
from replab.config.faults import Faults
from replab.config.generators import ELEMENTS, is_finite
from replab.config.values import MOST, NAME_BYTES
from replab.errors import ConfigError
from replab.model import ENGINES
from replab.texts import nearest_of_all
from replab.visible import shown, visible

POINTS = {"quick": 2**15, "full": 1_000_000}
"""Elements of an elementwise input: a first run has its answer in minutes, the whole matrix looks closely."""
DEVICES = ("auto", "cpu", "cuda")
"""What the key ``devices`` may say."""
SETTINGS_LIMIT = 1 << 16
"""Bytes of ``config.yaml``: a reader of YAML in Python takes a second for these."""
HIGHEST = {"points": float(ELEMENTS), "cell_seconds": 86_400.0, "cell_memory_mb": float(2**24)}
"""The largest a number may be: an input's elements; a day, when a sandbox is ended whatever it does; 16 TiB."""
PATH_BYTES = 1024
"""Bytes of a path: file systems end at 4096, and the lab's own names, of up to 200 bytes, come below."""
BUILT_IN = "built-in"
"""A word of the key ``experiments``: the families that come with the lab."""
DEFAULTS: dict[str, object] = {
    "environments": "core",
    "families": "all",
    "experiments": ["experiments"],
    "engine": "uv",
    "variants": "all",
    "coverage": "quick",
    "points": "auto",
    "cell_seconds": 120,
    "cell_memory_mb": 6144,
    "results": "results",
    "cache": ".replab",
    "bases": "containers/bases.lock",
    "builder": "auto",
    "devices": "auto",
}
BUILDERS = ("docker", "podman")
"""What can build images; the first that this machine has, where nothing says which."""


def read_config(path: Path) -> dict[str, object]:
    """The user's settings as written in ``config.yaml``.

    Raises ``ConfigError`` when the file is missing or not YAML.
    """
    try:
        data = read_yaml(files.read_text(path, limit=SETTINGS_LIMIT))
    except FileNotFoundError:
        raise ConfigError("does not exist", where=str(path), hint="Run from the root of the repository") from None
    except ConfigError as error:
        raise error if error.where else error.within(str(path)) from None
    if not isinstance(data or {}, dict):
        raise ConfigError("must be a table of settings", where=str(path))
    return data if isinstance(data, dict) else {}


def read_yaml(text: str) -> object:
    """What a text in YAML says. Raises ``ConfigError`` for all that its reader cannot make a value of."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        message = "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"is not valid YAML: {message}") from None


def path_fault(text: str) -> str:
    """Why a path cannot be that of results, caches, experiments or a site; nothing when it can.

    Blanks, quotes, ``$``, ``;``, ``&``, ``%``, ``#``, ``?`` and letters of any language are parts of names like others: they reach commands
    as data. Refused is what Snakemake reads as something else (braces are wildcards), what no log can show, and what commands read as an
    option.
    """
    if not text.strip():
        return "is empty"
    if visible(text, lines=False) != text:
        if any("\ud800" <= character <= "\udfff" for character in text):
            return "has bytes that are no text here: rename it, or use a locale with UTF-8, such as LC_ALL=C.UTF-8"
        return "has control characters or letters that cannot be seen"
    if braces := sorted({character for character in text if character in "{}"}):
        return f"has {' and '.join(braces)}, which Snakemake reads as a wildcard"
    if text.startswith(("-", "~")):
        return f"begins with {text[0]}, which commands and shells read as something else: write ./{text}, or the whole path"
    if len(text.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in Path(text).parts):
        return f"is too long: {PATH_BYTES} bytes at most, {NAME_BYTES} for one name"
    return ""


def folder_fault(path: Path) -> str:
    """Why there is no folder at ``path`` and none can be made, as far as can be told before anything starts; nothing when it can."""
    for above in (path, *path.parents):
        try:
            mode = above.stat().st_mode
        except FileNotFoundError:
            if above.is_symlink():
                return f"{above} is a link that leads nowhere"
            continue
        except (OSError, ValueError) as error:
            if isinstance(error, NotADirectoryError):
                continue  # the file in the way is one of the next
            return f"{above}: {getattr(error, 'strerror', None) or error}"
        return "" if stat.S_ISDIR(mode) else f"{above} is {files.kind_of(mode) or 'a file'}, not a folder"
    return "there is no such place"


def around_fault(path: Path, root: Path) -> str:
    """Why the lab cannot write all it makes into the folder ``path``: it must not lie among what the lab is made from, or around it."""
    asked_folder, lab_folder = path.resolve(), root.resolve()
    return f"{path} is the folder of the lab itself, or one around it" if lab_folder.is_relative_to(asked_folder) else ""


def check(settings: Mapping[str, object], root: Path, faults: Faults) -> None:
    """Note what is wrong with the settings that name neither environments nor variants nor experiments."""
    where = "config"
    points = points_of(settings)
    numbers = {"points": points, **{name: settings[name] for name in ("cell_seconds", "cell_memory_mb")}}
    if settings["coverage"] not in tuple(POINTS):
        faults.add(f"must be quick or full, not {shown(settings['coverage'])}", where=f"{where}: coverage")
    for name, value in numbers.items():
        _check_number(value, f"{where}: {name}", faults, whole=name == "points", highest=HIGHEST[name])
    for name in ("results", "cache", "bases"):
        _check_path(settings[name], root, f"{where}: {name}", faults, folder=name != "bases")
    engine = settings["engine"]
    if not isinstance(engine, str) or not engine:
        faults.add(f"must be a word, not {shown(engine)}", where=f"{where}: engine")
    elif engine not in ENGINES:
        faults.add(f"unknown engine '{engine}'", where=f"{where}: engine", hint=nearest_of_all(engine, ENGINES))
    if settings["devices"] not in DEVICES:
        faults.add(f"must be {', '.join(DEVICES)}, not {shown(settings['devices'])}", where=f"{where}: devices")
    if settings["builder"] not in ("auto", *BUILDERS):
        faults.add(f"must be auto, {' or '.join(BUILDERS)}, not {shown(settings['builder'])}", where=f"{where}: builder")
    if not faults.errors and settings["bases"] != DEFAULTS["bases"] and not (root / str(settings["bases"])).is_file():
        faults.add(f"there is no lock {settings['bases']}", where=f"{where}: bases", hint="Make it with 'replab bases build'")


def points_of(settings: Mapping[str, object]) -> object:
    """Elements of an elementwise input, as written or as the coverage says."""
    coverage = settings["coverage"] if isinstance(settings["coverage"], str) else ""
    return POINTS.get(coverage, POINTS["quick"]) if settings["points"] == "auto" else settings["points"]


def _check_number(value: object, where: str, faults: Faults, *, whole: bool, highest: float) -> None:
    """A positive number that is no more than a machine can mean."""
    if not is_finite(value) or not isinstance(value, int | float) or value <= 0:
        faults.add(f"must be a positive number, not {shown(value)}", where=where)
    elif value < 1 or (whole and value != int(value)):
        faults.add(f"must be {'a whole number' if whole else '1 or more'}, not {shown(value)}", where=where)
    elif value > highest:
        faults.add(f"must be at most {highest:.0f}, not {shown(value)}", where=where)


def _check_path(value: object, root: Path, where: str, faults: Faults, *, folder: bool) -> None:
    """A word that names a file, or a folder that is there or can be made."""
    if not isinstance(value, str) or not value:
        faults.add(f"must be a word, not {shown(value)}", where=where)
    elif fault := path_fault(value) or ((folder_fault(root / value) or around_fault(root / value, root)) if folder else ""):
        faults.add(fault, where=where, hint="Name another place" if folder else "")


def words(value: object) -> list[str]:
    """A setting that may be one word, several words in one string, or a list of words."""
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if isinstance(listed, list | tuple) and all(isinstance(word, str) for word in listed) and len(listed) <= MOST:
        return list(listed)
    raise ConfigError(f"must be a name or a list of names, not {shown(value)}")


def folders(value: object) -> list[str]:
    """The setting ``experiments``: a path, several with commas between them, or a list of paths; blanks are parts of paths."""
    listed = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(part, str) for part in listed) or len(listed) > MOST:
        raise ConfigError(f"must be a folder or a list of folders, not {shown(value)}", where="experiments")
    if not listed:
        raise ConfigError("names no folder", where="experiments", hint="Say where families lie: experiments=FOLDER")
    return list(listed)
