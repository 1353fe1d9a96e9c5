"""Tensors as bytes: the array that every lift returns, input files, and a safetensors writer of the standard library.

NumPy has no bfloat16, so a tensor names its dtype itself and carries plain bytes; everything else here is layout.
"""

import hashlib
import io
import json
import os

import numpy as np

# dtype name -> (safetensors code, NumPy dtype that has the same bytes)
LAYOUT = {
    "float64": ("F64", np.dtype("<f8")),
    "float32": ("F32", np.dtype("<f4")),
    "float16": ("F16", np.dtype("<f2")),
    "bfloat16": ("BF16", np.dtype("<u2")),
    "int64": ("I64", np.dtype("<i8")),
    "int32": ("I32", np.dtype("<i4")),
    "int16": ("I16", np.dtype("<i2")),
    "int8": ("I8", np.dtype("i1")),
    "uint64": ("U64", np.dtype("<u8")),
    "uint32": ("U32", np.dtype("<u4")),
    "uint16": ("U16", np.dtype("<u2")),
    "uint8": ("U8", np.dtype("u1")),
    "bool": ("BOOL", np.dtype("?")),
}
FLOATING = ("float64", "float32", "float16", "bfloat16")
BLOB_BYTES = 256 * 1024
CACHE_BYTES = 256 * 1024 * 1024


class Tensor(object):
    """``data`` (bytes, C order, little endian) of a tensor with a ``dtype`` of `LAYOUT` and a ``shape`` (tuple of int)."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, tuple(int(n) for n in shape), data

    def __eq__(self, other):
        return (self.dtype, self.shape, self.data) == (other.dtype, other.shape, other.data)

    def __ne__(self, other):
        return not self == other

    __hash__ = None


def from_numpy(array, dtype=None):
    """The `Tensor` of a NumPy array or scalar, of any strides and byte order; a 0-d array keeps shape ``()``.

    ``dtype`` names what the bytes mean where NumPy cannot (``bfloat16`` given as uint16). A bfloat16 array of the type that
    a framework registered with NumPy is recognised by its name. Raises ``TypeError`` for anything that cannot travel (complex, extended
    precision, objects, strings).
    """
    array = np.asarray(array)
    name = dtype or array.dtype.name
    if name == "bfloat16" and array.dtype.itemsize == 2:
        array = array.view(np.uint16)
    if name not in LAYOUT:
        raise TypeError("an output has dtype {}, which a result cannot carry".format(name))
    plain = np.empty(array.shape, LAYOUT[name][1])  # np.ascontiguousarray would turn a scalar into a vector
    plain[...] = array
    return Tensor(name, plain.shape, plain.tobytes())


class Damaged(Exception):
    """A file that the lab made for the cells is not what it was, or not there: ``name`` and what is ``wrong`` with it."""

    def __init__(self, name, wrong):
        super(Damaged, self).__init__("{} {}".format(name, wrong))
        self.name, self.wrong = name, wrong


class Inputs(object):
    """The folder of input files ``<sha256>.npy``; arrays are kept while they fit in `CACHE_BYTES`."""

    def __init__(self, folder):
        self.folder, self._kept, self._bytes = folder, {}, 0

    def read(self, sha256):
        """The array of one file: read-only, shared between cells. Raises `Damaged` where the file does not have the hash it is named by."""
        if sha256 not in self._kept:
            array = np.load(io.BytesIO(self._bytes_of(sha256)), allow_pickle=False)
            array.setflags(write=False)
            if self._bytes + array.nbytes > CACHE_BYTES:
                self._kept, self._bytes = {}, 0
            self._kept[sha256] = array
            self._bytes += array.nbytes
        return self._kept[sha256]

    def _bytes_of(self, sha256):
        name = sha256 + ".npy"
        try:
            with io.open(os.path.join(self.folder, name), "rb") as stream:
                data = stream.read()
        except (IOError, OSError) as error:
            raise Damaged(name, "cannot be read ({})".format(os.strerror(error.errno) if error.errno else error)) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Damaged(name, "does not have the hash that it is named by")
        return data


def serialise(tensors, metadata=None):
    """The bytes of a safetensors file with ``tensors`` (name -> `Tensor`) and ``metadata`` (str -> str); equal input, equal bytes."""
    header, chunks, position = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    # widest items first, so that every tensor starts at a multiple of its own item size
    for name in sorted(tensors, key=lambda name: (-LAYOUT[tensors[name].dtype][1].itemsize, name)):
        tensor = tensors[name]
        end = position + len(tensor.data)
        header[name] = {"dtype": LAYOUT[tensor.dtype][0], "shape": list(tensor.shape), "data_offsets": [position, end]}
        chunks.append(tensor.data)
        position = end
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    out = io.BytesIO()
    out.write(len(text).to_bytes(8, "little"))
    out.write(text)
    for chunk in chunks:
        out.write(chunk)
    return out.getvalue()


def write_atomically(path, data):
    """Write ``data`` (bytes) to a temporary name beside ``path`` and rename: nobody ever sees half a file."""
    temporary = path + ".tmp"
    with io.open(temporary, "wb") as stream:
        stream.write(data)
    os.rename(temporary, path)


class ResultFolder(object):
    """Writes cell files and blobs below ``folder``."""

    def __init__(self, folder):
        self.folder, self._blobs = folder, set()

    def write(self, record, outputs):
        """Write the file of one cell. ``outputs``: list of (name, `Tensor`); the record's ``outputs`` are filled in here."""
        inside = {}
        record["outputs"] = []
        for name, tensor in outputs:
            sha256 = hashlib.sha256(tensor.data).hexdigest()
            apart = len(tensor.data) > BLOB_BYTES
            record["outputs"].append({"name": name, "dtype": tensor.dtype, "shape": list(tensor.shape), "sha256": sha256, "blob": apart})
            if apart:
                self._write_blob(sha256, tensor)
            else:
                inside[name] = tensor
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        metadata = {"record": text, "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest()}
        write_atomically(os.path.join(self.folder, record["key"] + ".safetensors"), serialise(inside, metadata))

    def _write_blob(self, sha256, tensor):
        # What this process wrote once is in this folder or was adopted since; looking at the folder instead would race with the adoption.
        if sha256 not in self._blobs:
            os.makedirs(os.path.join(self.folder, "blobs"), exist_ok=True)  # a cell may have removed it
            write_atomically(os.path.join(self.folder, "blobs", sha256 + ".safetensors"), serialise({"data": tensor}))
            self._blobs.add(sha256)
