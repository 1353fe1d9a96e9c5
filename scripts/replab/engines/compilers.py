"""The C++ compiler of this host, for modes that make machine code with it, and what such a mode needs around it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

# A compiler that is killed leaves half a file under the final name, and the cache of torch.compile takes any file that is
# there for a finished one: every later run would fail on it. So the output gets its name only when it is whole. And PyTorch 2.0 compiles
# the same two files in every process, for eight seconds, to learn what the processor can do: what was made alike is not made again.
_WRAPPER = """#!/bin/sh
# Made by replab: runs the compiler so that its output file appears whole or not at all, and once.
out= input= after= count=$# said=$(printf '%s\\n' "$@")
while [ "$count" -gt 0 ]; do
    argument=$1 count=$((count - 1))
    shift
    case $after$argument in
        -o/dev/*) ;;
        -o?*) out=${argument#-o} argument=$argument.partial-$$ ;;
        *.cpp) input=$argument ;;
    esac
    after=; [ "$argument" != -o ] || after=-o
    set -- "$@" "$argument"
done
[ -n "$out" ] || exec COMPILER "$@"
if [ -n "$input" ] && [ "$out" -nt "$input" ] && [ -e "$out.command" ] && [ "$said" = "$(cat "$out.command")" ]; then exit 0; fi
COMPILER "$@"
status=$?
if [ -e "$out.partial-$$" ]; then
    if [ "$status" -eq 0 ]; then
        rm -f "$out.command"
        mv -f "$out.partial-$$" "$out" && printf '%s\\n' "$said" > "$out.command" || status=1
    else
        rm -f "$out.partial-$$"
    fi
fi
exit "$status"
"""


@cache
def compiler() -> tuple[str, str]:
    """Path and name-version of the C++ compiler; empty texts when there is none."""
    path = next((program for name in ("g++", "clang++") if (program := shutil.which(name))), "")
    if not path:
        return "", ""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\d+(\.\d+)+", done.stdout)
    return path, f"{Path(path).name}-{version[0] if version else 'unknown'}"


def compile_variables(cache_folder: Path, key: str) -> dict[str, str]:
    """Variables with which ``torch.compile`` keeps what it made under ``cache_folder``, apart for each ``key``; makes the folders."""
    made = cache_folder / "compiled" / key
    temporary = made / "tmp"  # precompiled headers go to the temporary folder, whatever the cache folder is
    temporary.mkdir(parents=True, exist_ok=True)
    variables = {
        "TORCHINDUCTOR_CACHE_DIR": str(made),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # a pool of workers costs a second at each start and outlives a killed sandbox
        "TMPDIR": str(temporary),
    }
    if not shutil.which("openssl", path="/usr/local/bin:/usr/bin:/bin"):
        variables["TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS"] = "0"  # they are hashed by calling openssl
    path, _ = compiler()
    if path:
        variables["CXX"] = str(_wrapper(cache_folder, Path(path)))
    return variables


def _wrapper(cache_folder: Path, path: Path) -> Path:
    """The wrapped compiler; it keeps the name, by which torch tells compilers apart."""
    wrapper = cache_folder / "tools" / path.name
    text = _WRAPPER.replace("COMPILER", f"'{path}'")
    if not wrapper.is_file() or wrapper.read_text(encoding="utf-8") != text:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        partial = wrapper.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o755)
        partial.rename(wrapper)
    return wrapper
