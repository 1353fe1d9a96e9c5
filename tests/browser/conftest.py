"""Tests in this folder drive a real Chromium; ``-m "not browser"`` leaves them out."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives a real Chromium over rendered pages")
