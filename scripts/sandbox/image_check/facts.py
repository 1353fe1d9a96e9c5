"""Looks at an image from inside: run by its own interpreter (Python 3.6 on), prints one JSON object."""

import glob
import json
import os
import struct
import sys


def executable_stacks(folder):
    """Libraries below ``folder`` that ask for an executable stack: a program header PT_GNU_STACK with the flag X, or none at all."""
    paths = []
    for root, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(root, name)
            if ".so" in name and not os.path.islink(path) and asks(path):
                paths.append(os.path.relpath(path, folder))
    return sorted(paths)


def asks(path):
    with open(path, "rb") as stream:
        head = stream.read(64)
        if head[:4] != b"\x7fELF" or head[4:5] != b"\x02":  # 64 bit, as everything here
            return False
        (offset,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
        stream.seek(offset)
        table = stream.read(size * count)
    for at in range(0, len(table), size):
        kind, flags = struct.unpack_from("<II", table, at)
        if kind == 0x6474E551:
            return bool(flags & 1)
    return True


def packages():
    versions = {}
    for folder in sys.path:
        for path in glob.glob(os.path.join(folder, "*.dist-info", "METADATA")):
            fields = {}
            with open(path, encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    if not line.strip():
                        break
                    key, _, value = line.partition(":")
                    fields.setdefault(key, value.strip())
            versions[fields["Name"].lower().replace("_", "-").replace(".", "-")] = fields["Version"]
    return versions


def lstm(framework):
    """One step of a small LSTM: where old stacks break with a NumPy that is too new."""
    import numpy as np

    if framework == "numpy":
        return float(np.tanh(np.ones(3, "float32")).sum())
    if framework == "torch":
        import torch

        layer = torch.nn.LSTM(3, 2)
        return float(layer(torch.ones(4, 1, 3))[0].sum())
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        tf.compat.v1.enable_eager_execution()
    layer = tf.keras.layers.LSTM(2)
    return float(tf.reduce_sum(layer(tf.ones((1, 4, 3)))))


def main():
    framework = sys.argv[1]
    writable = False
    try:
        with open("/replab-was-here", "w"):
            writable = True
    except OSError:
        pass
    value = lstm(framework)
    import numpy as np

    print(
        "\n"
        + json.dumps(
            {
                "uid": os.getuid(),
                "writable_root": writable,
                "python": "%d.%d" % sys.version_info[:2],
                "libc": os.confstr("CS_GNU_LIBC_VERSION"),
                "numpy": np.__version__,
                "packages": packages(),
                "stacks": executable_stacks(sys.prefix),
                "lstm": value,
            },
            sort_keys=True,
        )
    )


main()
