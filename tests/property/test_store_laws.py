"""What is read is what was written, or an error: never anything else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from replab.errors import StoreError
from replab.store.store import DTYPE_OF, NUMPY_OF, SCHEMA, Store, encode, read_safetensors

pytestmark = pytest.mark.property
KEY = "ab" * 32

tensors = st.dictionaries(
    st.text(st.characters(codec="ascii", min_codepoint=97, max_codepoint=122), min_size=1, max_size=6),
    st.tuples(st.sampled_from(sorted(NUMPY_OF)), st.lists(st.integers(0, 3), max_size=3), st.integers(0, 2**32 - 1)),
    min_size=1,
    max_size=4,
)


def made(spec):
    """Tensors from (dtype, shape, seed)."""
    found = {}
    for name, (dtype, shape, seed) in spec.items():
        kind = np.dtype(NUMPY_OF[dtype])
        count = int(np.prod(shape, dtype=int))
        raw = np.random.default_rng(seed).integers(0, 2 if dtype == "BOOL" else 256, count * kind.itemsize, dtype=np.uint8)
        found[name] = (dtype, raw.view(kind).reshape(shape))
    return found


def cell_file(found, key=KEY):
    outputs = [
        {
            "name": name,
            "dtype": DTYPE_OF[dtype],
            "shape": list(values.shape),
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "blob": False,
        }
        for name, (dtype, values) in found.items()
    ]
    record = {
        "schema": SCHEMA,
        "key": key,
        "id": "a",
        "status": "ok",
        "reason": "",
        "seconds": 0.5,
        "first_call_seconds": 0.5,
        "outputs": outputs,
        "notes": [],
        "observation": "",
    }
    return record, encode(record, found)


def placed(store, data):
    path = store.cell_path(KEY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@given(tensors)
def test_a_cell_is_read_as_it_was_written(tmp_path, spec):
    found = made(spec)
    record, data = cell_file(found)
    store = Store(tmp_path)
    placed(store, data)
    result = store.read(KEY)
    assert result.record == record
    assert {tensor.name for tensor in result.tensors} == found.keys()
    for tensor in result.tensors:
        dtype, values = found[tensor.name]
        assert (tensor.dtype, tensor.values.dtype, tensor.values.shape) == (DTYPE_OF[dtype], values.dtype, values.shape)
        assert tensor.values.tobytes() == values.tobytes()


@given(tensors)
def test_the_library_reads_the_same(tmp_path, spec):
    from safetensors import safe_open

    _, data = cell_file(made(spec))
    path = placed(Store(tmp_path), data)
    with safe_open(path, "np") as file:
        assert sorted(file.keys()) == sorted(spec)
        assert file.metadata() == read_safetensors(path)[0]


@settings(max_examples=400)
@given(tensors, st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_byte_that_changed_is_noticed(tmp_path, spec, where, flip):
    _, data = cell_file(made(spec))
    store = Store(tmp_path)
    bad = bytearray(data)
    bad[int(where * len(bad))] ^= flip
    placed(store, bytes(bad))
    with pytest.raises(StoreError):
        store.read(KEY)


@settings(max_examples=100)
@given(tensors, st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_noticed(tmp_path, spec, where):
    _, data = cell_file(made(spec))
    store = Store(tmp_path)
    placed(store, data[: int(where * len(data))])
    with pytest.raises(StoreError):
        store.read(KEY)


@given(tensors, st.binary(min_size=1, max_size=20))
def test_bytes_that_were_added_are_noticed(tmp_path, spec, more):
    _, data = cell_file(made(spec))
    store = Store(tmp_path)
    placed(store, data + more)
    with pytest.raises(StoreError):
        store.read(KEY)


@given(st.binary(max_size=300))
def test_other_files_are_damaged_cells(tmp_path, data):
    store = Store(tmp_path)
    placed(store, data)
    with pytest.raises(StoreError):
        store.read(KEY)
