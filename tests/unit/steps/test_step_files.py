"""What steps leave for each other is checked when it is read: a fault names the file and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replab.contract.facts import Facts
from replab.contract.manifest import Manifest, ManifestEntry
from replab.errors import StoreError

FACTS: dict[str, Any] = {"status": "ok", "identity": "i", "platform": "p", "engine": "uv", "name": "numpy-2.5", "build_seconds": 1}
ENTRY = {"id": "f.c:float32:d0@numpy-2.5:eager:default:cpu", "key": "a" * 64, "status": "ok", "reason": "", "files": [["cells/a", 1, 2]]}
MANIFEST: dict[str, Any] = {"schema": 1, "batch": "numpy-2.5--f--default", "cells": [ENTRY], "began": 1.5, "ran": {"ok": 1}}


def test_facts_and_manifests_are_read_as_they_were_written() -> None:
    for kind, data in ((Facts, FACTS), (Manifest, MANIFEST)):
        one = kind.from_json(data, "file")
        assert kind.from_json(json.loads(json.dumps(one.to_json())), "file") == one


def test_what_was_not_found_out_is_not_written() -> None:
    assert not {"image", "isolation", "interpreter"} & Facts.from_json(FACTS, "file").to_json().keys()
    assert Facts.from_json({**FACTS, "interpreter": {}}, "file").to_json()["interpreter"] == {}


def test_an_entry_of_a_cell_that_was_left_out_needs_no_record() -> None:
    (entry,) = Manifest.from_json(MANIFEST, "file").cells
    assert entry == ManifestEntry(**ENTRY, again=False, record="")


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        (Facts, [], "is no description: []"),
        (Facts, {name: value for name, value in FACTS.items() if name != "platform"}, "does not say platform"),
        (Facts, {**FACTS, "paltform": "p"}, "says 'paltform', which nobody reads"),
        (Facts, {**FACTS, "identity": None}, "its identity is None"),
        (Facts, {**FACTS, "build_seconds": True}, "its build_seconds is True"),
        (Facts, {**FACTS, "status": "fine"}, "its status is 'fine'"),
        (Manifest, {**MANIFEST, "cells": {}}, "its cells is {}"),
        (Manifest, {"schema": 1}, "does not say cells"),
        (Manifest, {**MANIFEST, "cells": [{**ENTRY, "extra": 1}]}, "has a cell that is none: "),
        (Manifest, {**MANIFEST, "cells": [{"id": "x"}]}, "has a cell that is none: "),
        (Manifest, {**MANIFEST, "cells": ["x"]}, "has a cell that is none: "),
    ],
)
def test_what_cannot_be_used_is_named(kind: type[Facts | Manifest], data: object, problem: str) -> None:
    with pytest.raises(StoreError) as caught:
        kind.from_json(data, "results/f.json")
    assert str(caught.value).startswith(f"results/f.json: {problem}")


def test_facts_of_another_version_of_the_lab_may_say_more() -> None:
    assert Facts.of_elsewhere({**FACTS, "sealed_by": "somebody"}, "file") == Facts.from_json(FACTS, "file")
