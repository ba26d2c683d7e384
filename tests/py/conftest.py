"""What several tests share."""

import gc
import os
import signal

import cpromise as cp
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's job in the background, and so the children that the tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """What pytest keeps of some thousands of tests stays as long as they run: collections of garbage need not look at it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()


@pytest.fixture(params=["epoll", "io_uring"])
def poller(request, monkeypatch):
    """The test runs once on each poller, here and in the processes that it starts; skipped, with the reason, where one is refused."""
    try:
        cp.Loop(backend=request.param).close()
    except OSError as refused:
        pytest.skip(str(refused))
    monkeypatch.setenv("CPROMISE_BACKEND", request.param)
    return request.param


@pytest.fixture
def no_descriptor_is_left():
    """There may be fewer: a thread that an earlier test left behind ends when it is done."""
    cp._close_thread_loop()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    cp._close_thread_loop()
    assert len(os.listdir("/proc/self/fd")) <= before
