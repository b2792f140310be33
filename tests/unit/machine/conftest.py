import logging
from collections.abc import Iterator
from typing import Any

import pytest
from http_wires import Application, Serve, Served


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever clients do, nothing is logged."""
    caplog.set_level(logging.WARNING)
    yield
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [record.getMessage() for record in records] == []


@pytest.fixture
def serve(quiet: None) -> Iterator[Serve]:  # noqa: ARG001 - which looks at the log after the end
    """Return the starter of servers."""
    started: list[Served] = []

    def start(**limits: Any) -> Served:
        served = Served(**limits)
        served.server.__enter__()
        started.append(served)
        return served

    yield start
    for served in started:
        served.hang_up()
        served.server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def patient() -> Iterator[Served]:
    """Return a server that waits longer than any test."""
    served = Served(request_timeout_s=20)
    with served.server:
        yield served


@pytest.fixture
def served(patient: Served, quiet: None) -> Iterator[Served]:  # noqa: ARG001 - after the test
    """Return the patient server with an application of the test's own."""
    patient.application = Application()
    yield patient
    patient.hang_up()
