"""What every test of the API runs under."""

from collections.abc import Iterator

import pytest

from mentorai.core.engine import Engine
from tests.web.api.data_guard import DataGuard


@pytest.fixture(autouse=True)
def data_guard(engine: Engine) -> Iterator[DataGuard]:
    """Fails whatever test runs a statement that does not say whose rows it means."""
    with DataGuard(engine.database) as guard:
        yield guard
