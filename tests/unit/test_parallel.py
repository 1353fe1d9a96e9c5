"""Work divided among processes gives what one process gives."""

from __future__ import annotations

import os
import time

import pytest

from replab import parallel
from replab.errors import ConfigError

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("there", [1, 3])
def test_answers_come_in_the_order_of_the_items(there, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(there)))
    found = parallel.each(lambda item: (item, os.getpid()), list("abcdefgh"))
    assert [item for item, _ in found] == list("abcdefgh")
    assert ({pid for _, pid in found} == {os.getpid()}) == (there == 1)


def test_what_is_raised_is_raised_here(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})

    def work(item):
        raise ConfigError(f"no {item}", where="there", hint="Look again")

    with pytest.raises(ConfigError) as found:
        parallel.each(work, ["x", "y"])
    assert str(found.value) == str(ConfigError("no x", where="there", hint="Look again"))


def test_of_several_errors_the_first_item_s_is_raised_whichever_came_first(monkeypatch, tmp_path):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    failed = tmp_path / "failed"

    def work(item):
        if item == "x":
            while not failed.exists():
                time.sleep(0.001)
        elif item == "y":
            failed.touch()
        raise ConfigError(f"no {item}")

    with pytest.raises(ConfigError, match="no x"):
        parallel.each(work, ["x", "y", "z"])


def test_items_need_not_be_picklable(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    assert parallel.each(lambda make: make(), [lambda: 1, lambda: 2]) == [1, 2]


def test_nothing_to_do_starts_nothing():
    assert parallel.each(lambda item: item, []) == []
