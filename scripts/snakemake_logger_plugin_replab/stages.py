"""The stages that readers of the display know, and the rules that make them up."""

from __future__ import annotations

STAGES = {
    "environments": ("image", "environment", "defaults", "published"),
    "inputs": ("inputs",),
    "cells": ("batch",),
    "truth": ("truth",),
    "judge": ("judge",),
    "report": ("tables", "claims", "elsewhere", "report", "publish"),
}
"""Stage → rules, in the order of the data."""

COUNTED = {"cells": "cell", "truth": "value", "judge": "case"}
"""Stages whose jobs are long and say how far they are: what they count."""

UNSEEN = ("all", "images")
"""Rules without work of their own."""


def stage_of(rule: str) -> str:
    """The stage of a rule; a rule of no stage is one by itself."""
    return next((stage for stage, rules in STAGES.items() if rule in rules), rule)


def in_order(stages: set[str]) -> list[str]:
    """Stages in the order of the data, unknown ones last."""
    listed = list(STAGES)
    return sorted(stages, key=lambda stage: (listed.index(stage) if stage in listed else len(listed), stage))
