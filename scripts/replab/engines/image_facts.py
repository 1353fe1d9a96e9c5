"""Looks into an image, through a sandbox like any other: its C library, its compiler, its Python."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from replab.engines.base import Engine
from replab.engines.run_once import run_once
from replab.engines.sandbox import Built, Sandbox
from replab.errors import EnvironmentUnavailable
from replab.model import Limits

LIMITS = Limits(seconds=60, memory_mb=1024)
# For any Python 3. The last line is the answer.
_LOOK = """
import json, os, platform, re, shutil, subprocess
found = {"machine": platform.machine(), "libc": os.confstr("CS_GNU_LIBC_VERSION").replace(" ", "-"), "compiler": ""}
for name in ("g++", "clang++"):
    if shutil.which(name) and not found["compiler"]:
        said = subprocess.Popen([name, "--version"], stdout=subprocess.PIPE).communicate()[0].decode()
        found["compiler"] = name + "-" + (re.findall(r"[0-9]+(?:[.][0-9]+)+", said) or ["unknown"])[0]
print(json.dumps(found))
"""


def look(engine: Engine, built: Built) -> dict[str, str]:
    """``machine``, ``libc`` and ``compiler`` (or an empty text) as they are inside. Raises ``EnvironmentUnavailable``."""
    built.cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="look-", dir=built.cache))
    try:
        launch = engine.command(Sandbox(built=built, argv=("-c", _LOOK), limits=LIMITS, writable=folder))
        code, output = run_once(launch, LIMITS.seconds)
        if code != 0:
            last = output.strip().splitlines()[-1:] or ["without a word"]
            problem = f"its image cannot be started: {last[0].removeprefix('replab: ')}"
            raise EnvironmentUnavailable(problem, where=built.environment.name)
        facts: dict[str, str] = json.loads(output.strip().splitlines()[-1])
        return facts
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for file in folder.parent.glob(f".{folder.name}.*.json"):
            file.unlink(missing_ok=True)
