"""What fresh memory holds. A function that reads what nobody wrote there gives other bits when the allocator fills it first.

The C library of most Linux systems (glibc) fills every block that it hands out with one byte when it is asked to, and leaves whatever
was there before when it is not: ``mallopt(3)``, M_PERTURB. A library without that function fills nothing, and nothing is told then.
"""

import contextlib
import ctypes

M_PERTURB = -6
# Zeros are what memory from the system holds, and what hides most mistakes. The other byte makes no number that a result survives:
# -1.7e38 in float32, -5.3e303 in float64, a negative integer.
ZEROS, GARBAGE = 0x00, 0xFE


@contextlib.contextmanager
def filled(byte):
    """Every allocation made meanwhile is filled with ``byte``."""
    _perturb(byte ^ 0xFF)  # the argument is what freed memory is filled with; blocks handed out get its complement
    try:
        yield
    finally:
        _perturb(0)


def _perturb(value):
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_PERTURB, value)
