"""Who wants to know of every judgement that ``assert_explained`` makes: the pytest plugin counts them."""

from __future__ import annotations

from collections.abc import Callable

from replab.model import Verdict

listeners: list[Callable[[Verdict, float], None]] = []
"""Each is told the verdict, and which share of its limit z is."""
