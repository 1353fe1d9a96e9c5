"""Work that runs somebody's code, in a process of its own: whatever that code does costs the item in hand, and no other.

A worker is forked, which has everything at hand, and is asked for one item after the other. It may loop, exit, crash, eat memory, print
without end, close descriptors or leave processes behind: it is ended then with all that it started, and another one goes on. What was
being tried when it happened has a name (``trial``); the item is done again with that name ``lost``, so that the work itself says what
follows from it.
"""

from replab.contained.pool import Lost, each
from replab.contained.protocol import PATIENCE
from replab.contained.trials import altered, lost, note, passed, trial
from replab.contained.worker import described

__all__ = ["PATIENCE", "Lost", "altered", "described", "each", "lost", "note", "passed", "trial"]
