"""What several tests of sockets share."""

import cpromise as cp
import pytest


@pytest.fixture(params=["epoll", "io_uring"])
def poller(request, monkeypatch):
    """The test runs once on each poller, here and in the processes that it starts; skipped, with the reason, where one is refused."""
    try:
        cp.Loop(backend=request.param).close()
    except OSError as refused:
        pytest.skip(str(refused))
    monkeypatch.setenv("CPROMISE_BACKEND", request.param)
    return request.param
