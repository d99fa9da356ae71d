"""The studio of week 10, with its tiny models loaded once for each module of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from studio_lab.studio import Models, Studio


@pytest.fixture(scope="module")
def loaded() -> Models:
    from studio_lab.studio import Models

    return Models("tiny", "cpu")


@pytest.fixture
def studio(loaded: Models) -> Studio:
    from studio_lab.driving import new_history
    from studio_lab.studio import Studio

    return Studio(loaded, new_history(), "0123abcd")
