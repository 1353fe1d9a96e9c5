"""Every file that a run leaves is damaged in many ways: each damage is noticed, or changes nothing that is shown."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .conftest import AFTER, BEFORE
from .world import Score, World, chance, tries

pytestmark = pytest.mark.torture

CLASSES = {
    "cell": "store/cells/*/*.safetensors",
    "blob": "store/blobs/*/*.safetensors",
    "truth": "store/truth/*/*.safetensors",
    "input": "inputs/data/*.npy",
    "index": "inputs/*.json",
    "environment": "environments/*.json",
    "manifest": "batches/*.json",
    "truths": "truth/*.json",
    "judged": "judged/*.parquet",
    "table": "*.parquet",
    "facts": "*.json",
    "settings": "plan/*.json",
    "note": "ledger/*.json",
    "page": "report/**/*.*",
    "other": "[clp]o[sgr][tr]*/**/*.*",  # costs, logs, progress
}
ATTEMPTS = 3
"""Starts after which everything must be as before; one that is refused says why."""


def damage(path: Path, luck: random.Random) -> str:
    """Damage a file in some way, some of them without a trace in its times; says how."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    how = luck.choice(["flip", "flip", "flip", "cut", "zeros", "append", "empty", "delete"])
    if not data or how == "delete":
        path.unlink()
        return "deleted"
    place = luck.randrange(len(data))
    match how:
        case "flip":
            data[place] ^= 1 << luck.randrange(8)
        case "cut":
            del data[place:]
        case "zeros":
            data[place : place + 16] = bytes(len(data[place : place + 16]))
        case "append":
            data += luck.randbytes(8)
        case _:
            data.clear()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    when = luck.choice(["kept", "kept", "now", "future"])
    if when != "now":
        stamp = stat.st_mtime_ns if when == "kept" else 2_600_000_000_000_000_000
        os.utime(path, ns=(stamp, stamp))
    return f"{how} at {place} of {stat.st_size}, time {when}"


def force_a_reader(world: World, luck: random.Random) -> None:
    """Have something read the files again: derived files are lost, or a source is edited and mended."""
    for path in luck.choice(
        [[], [], list((world.results / "judged").glob("*")), [world.results / "cells.parquet"], list((world.results / "batches").glob("*"))]
    ):
        path.unlink(missing_ok=True)


def test_damage_to_any_file_of_a_finished_run_is_noticed_or_harmless(
    world: World, expected: dict[str, dict[str, str]], record_property: object
) -> None:
    luck, score = chance("flips"), Score("damaged files of a run")
    names = list(CLASSES)
    luck.shuffle(names)
    for place in range(tries(36)):
        kind = names[place % len(names)]
        found = sorted(path for path in world.results.glob(CLASSES[kind]) if path.is_file() and path.stat().st_size)
        if not found:
            continue
        score.tries += 1
        score.by_class[kind] += 1
        victim = luck.choice(found)
        told = f"{victim.relative_to(world.results)}: {damage(victim, luck)}"
        force_a_reader(world, luck)
        edited = luck.random() < 0.25
        if edited:
            world.edit(AFTER)
        gain = AFTER if edited else BEFORE
        for _attempt in range(ATTEMPTS):
            code, said = world.run()
            if "Traceback" in said:
                score.silent.append(f"{told}: a traceback:\n{said[-3000:]}")
            if code == 0:
                break
            score.noticed += 1
            if "replab:" not in said and "failed" not in said:
                score.silent.append(f"{told}: exit code {code} without a sentence:\n{said[-3000:]}")
        else:
            score.lost.append(f"{told}: still {code} after {ATTEMPTS} starts:\n{said[-3000:]}")
            break
        score.noticed += "done again" in said
        if world.shown() != expected[gain]:
            score.silent.append(f"{told}: exit code 0, and other tables")
            break
        if left := world.unsound():
            score.silent.append(f"{told}: exit code 0, but {left}")
            break
        score.mended += 1
        if edited:
            world.edit(BEFORE)
            code, said = world.run()
            assert code == 0, said
    score.demand(record_property)


def test_damage_to_the_store_is_found_by_verify(world: World, record_property: object) -> None:
    luck, score = chance("verify"), Score("damaged files of the store, read by verify")
    for _ in range(tries(8)):
        found = [
            path for path in sorted((world.results / "store").rglob("*")) if path.is_file() and path.suffix in (".safetensors", ".json")
        ]
        victim = (
            luck.choice([path for path in found if path.parent.name == "observations"] or found)
            if luck.random() < 0.4
            else luck.choice(found)
        )
        before = victim.read_bytes()
        stat = victim.stat()
        place = luck.randrange(len(before))
        victim.write_bytes(before[:place] + bytes([before[place] ^ (1 << luck.randrange(8))]) + before[place + 1 :])
        score.tries += 1
        score.by_class[victim.relative_to(world.results / "store").parts[0]] += 1
        code, said = world.replab("verify")
        if code == 0 or victim.stem[:12] not in said.replace("\n", ""):
            score.silent.append(f"{victim}: bit flipped at {place}, verify says {code}: {said[-1500:]}")
        else:
            score.noticed += 1
        victim.write_bytes(before)
        os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        score.mended += 1
    code, said = world.replab("verify")
    assert code == 0, said
    score.demand(record_property)


def test_damage_to_a_built_environment_is_noticed(world: World, expected: dict[str, dict[str, str]], record_property: object) -> None:
    luck, score = chance("environment"), Score("damaged files of an environment")
    for _ in range(tries(4)):
        folder = next(path for path in (world.cache / "environments").iterdir() if path.is_dir() and not path.name.startswith("."))
        found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size)
        kind = luck.choice(["py", "so", "pyc", "any"])
        chosen = [path for path in found if kind == "any" or (kind == "so" and ".so" in path.name) or path.suffix == f".{kind}"]
        victim = luck.choice(chosen)
        told = f"{victim.relative_to(folder)}: {damage(victim, luck)}"
        score.tries += 1
        score.by_class[kind] += 1
        for path in (world.results / "store" / "cells").rglob("*.safetensors"):
            if luck.random() < 0.3:
                path.unlink()
        for _attempt in range(ATTEMPTS):
            code, said = world.run()
            if code == 0:
                break
            score.noticed += 1
        else:
            score.lost.append(f"{told}: still {code}:\n{said[-3000:]}")
            break
        if world.shown() != expected[BEFORE]:
            score.silent.append(f"{told}: exit code 0, and other tables")
            break
        code, said = world.replab("verify")
        if code:
            score.silent.append(f"{told}: the run ended well, verify says {said[-1500:]}")
            break
        score.mended += 1
    score.demand(record_property)
