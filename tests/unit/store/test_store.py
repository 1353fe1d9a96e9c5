"""The store: every byte of a cell file matters, blobs are kept once, damaged files are put aside."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from property.test_store_laws import cell_file, made, placed
from replab.errors import StoreError
from replab.model import Limits
from replab.run import batch
from replab.store.store import SCHEMA, Store, encode

KEY = "ab" * 32
SMALL = {"out": ("F32", [3], 1), "other": ("BF16", [2], 2)}


def test_every_single_byte_of_a_small_cell_is_covered(tmp_path):
    """Not a sample: each byte in turn, one bit flipped, or a blank turned into another one."""
    store = Store(tmp_path)
    _, data = cell_file(made(SMALL))
    unnoticed = []
    for place in range(len(data)):
        for flip in (1, 0x80, ord(" ") ^ ord("\t")):
            bad = bytearray(data)
            bad[place] ^= flip
            placed(store, bytes(bad))
            try:
                store.read(KEY)
            except StoreError:
                continue
            unnoticed.append((place, flip, data[max(place - 9, 0) : place + 9]))
    assert unnoticed == []


def blob_cell(values):
    sha = hashlib.sha256(values.tobytes()).hexdigest()
    output = {"name": "out", "dtype": "float32", "shape": list(values.shape), "sha256": sha, "blob": True}
    record = {
        "schema": SCHEMA,
        "key": KEY,
        "id": "a",
        "status": "ok",
        "reason": "",
        "seconds": 0.5,
        "first_call_seconds": 0.5,
        "outputs": [output],
        "notes": [],
        "observation": "",
    }
    return sha, encode(record, {}), encode({}, {"data": ("F32", values)})


def staged(folder, values):
    sha, cell, blob = blob_cell(values)
    (folder / "blobs").mkdir(parents=True)
    (folder / f"{KEY}.safetensors").write_bytes(cell)
    (folder / "blobs" / f"{sha}.safetensors").write_bytes(blob)
    return sha


def test_a_finished_cell_moves_in_with_its_blob(tmp_path):
    values = np.arange(100, dtype=np.float32)
    sha = staged(tmp_path / "staging", values)
    store = Store(tmp_path / "store")
    store.adopt(KEY, tmp_path / "staging")
    assert np.array_equal(store.read(KEY).tensors[0].values, values)
    assert store.blob_path(sha).exists()
    assert [path for path in (tmp_path / "staging").rglob("*") if path.is_file()] == []


def test_equal_bits_are_stored_once(tmp_path):
    values = np.arange(100, dtype=np.float32)
    store = Store(tmp_path / "store")
    for name in ("one", "two"):
        staged(tmp_path / name, values)
        store.adopt(KEY, tmp_path / name)
    assert len(list((tmp_path / "store" / "blobs").rglob("*.safetensors"))) == 1


def test_a_damaged_blob_in_the_store_is_replaced_by_a_good_one(tmp_path):
    """A file of the right size with wrong bytes must not win over the one that was just checked."""
    values = np.arange(100, dtype=np.float32)
    store = Store(tmp_path / "store")
    sha = staged(tmp_path / "one", values)
    store.adopt(KEY, tmp_path / "one")
    bad = bytearray(store.blob_path(sha).read_bytes())
    bad[-1] ^= 1
    store.blob_path(sha).write_bytes(bytes(bad))
    assert not store.intact(KEY)
    staged(tmp_path / "two", values)
    store.adopt(KEY, tmp_path / "two")
    assert store.intact(KEY)


def test_a_blob_that_is_missing_or_damaged_is_noticed(tmp_path):
    values = np.arange(100, dtype=np.float32)
    store = Store(tmp_path / "store")
    sha = staged(tmp_path / "one", values)
    store.adopt(KEY, tmp_path / "one")
    good = store.blob_path(sha).read_bytes()
    for bad in (good[:-1], good[:40], b"", good[:-5] + b"\xff" + good[-4:]):
        store.blob_path(sha).write_bytes(bad)
        with pytest.raises(StoreError):
            store.read(KEY)
    store.blob_path(sha).unlink()
    with pytest.raises(StoreError) as caught:
        store.read(KEY)
    assert str(caught.value) == f"{store.blob_path(sha)}: is missing"


def test_a_damaged_cell_of_a_sandbox_is_not_taken(tmp_path):
    sha = staged(tmp_path / "one", np.arange(100, dtype=np.float32))
    path = tmp_path / "one" / "blobs" / f"{sha}.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    store = Store(tmp_path / "store")
    with pytest.raises(StoreError):
        store.adopt(KEY, tmp_path / "one")
    assert not (tmp_path / "store").exists()


def test_a_cell_of_another_key_is_not_taken(tmp_path):
    other = "cd" * 32
    (tmp_path / f"{other}.safetensors").write_bytes(cell_file(made(SMALL))[1])
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "store").adopt(other, tmp_path)
    assert str(caught.value) == f"{tmp_path / other}.safetensors: holds the key {KEY!r}"


def test_a_cell_under_the_name_of_another_is_noticed(tmp_path):
    """A file that was copied to another key's place is whole, but it is not that result."""
    store, other = Store(tmp_path), "cd" * 32
    path = store.cell_path(other)
    path.parent.mkdir(parents=True)
    path.write_bytes(cell_file(made(SMALL))[1])
    with pytest.raises(StoreError):
        store.read(other)


def test_a_damaged_file_is_put_aside_and_counts_as_missing(tmp_path):
    store = Store(tmp_path)
    _, data = cell_file(made(SMALL))
    path = placed(store, data)
    assert store.intact(KEY)
    path.write_bytes(data[:-1])
    assert not store.intact(KEY)
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes() == data[:-1]
    assert not store.intact(KEY)


def test_a_missing_cell_is_named(tmp_path):
    with pytest.raises(StoreError) as caught:
        Store(tmp_path).read(KEY)
    assert str(caught.value) == f"{tmp_path}/cells/ab/{KEY}.safetensors: is missing"


def test_a_failure_is_a_record_without_tensors(tmp_path):
    store = Store(tmp_path)
    store.write_failure(KEY, "ops.exp:float32:d0@a:eager:default:cpu", "crashed", "the interpreter ended with signal 6 (SIGABRT)", 1.5)
    result = store.read(KEY)
    assert result.tensors == ()
    assert (result.record["status"], result.record["reason"], result.record["seconds"]) == (
        "crashed",
        "the interpreter ended with signal 6 (SIGABRT)",
        1.5,
    )
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [f"{KEY}.safetensors"]


@pytest.mark.parametrize(
    ("status", "limit", "settled"),
    [
        ("timeout", 20.0, False),
        ("timeout", 30.0, True),
        ("timeout", 60.0, True),
        ("oom", 900.0, False),
        ("oom", 1000.0, True),
        ("crashed", 0.0, True),
    ],
)
def test_a_cell_that_was_stopped_is_run_again_only_with_a_higher_limit(tmp_path, status, limit, settled):
    store = Store(tmp_path)
    store.write_failure(KEY, "ops.exp:float32:d0@a:eager:default:cpu", status, "was stopped", 1.5, limit)
    assert batch._settled(store.sound(KEY), Limits(seconds=30.0, memory_mb=1000)) is settled


def test_what_a_cell_itself_said_of_memory_is_settled():
    """A framework that cannot allocate says so whatever the limit is."""
    assert batch._settled({"status": "oom"}, Limits(seconds=30.0, memory_mb=1000))
    assert not batch._settled(None, Limits(seconds=30.0, memory_mb=1000))


def test_numbers_of_a_record_must_be_json(tmp_path):
    with pytest.raises(ValueError):
        encode({"seconds": float("nan")}, {})


def test_the_record_is_written_the_same_way_every_time():
    record, data = cell_file(made(SMALL))
    assert data == encode(json.loads(json.dumps(record)), dict(reversed(list(made(SMALL).items()))))
