"""resolve_host: literal addresses, names, and what cannot be resolved."""

import asyncio
import socket

import cpromise as cp
import pytest


def test_a_literal_address_does_not_leave_the_loop():
    for name, family in (("127.0.0.1", 0), ("::1", 0), ("::1", socket.AF_INET6), ("10.1.2.3", socket.AF_INET)):
        promise = cp.resolve_host(name, family=family)
        assert promise.peek() == [name]  # settled already
    assert cp.resolve_host("0:0::0001").peek() == ["::1"]


def test_a_name_gives_each_address_once():
    async def main():
        resolving = cp.resolve_host("localhost")
        assert resolving.state == "pending"
        return await resolving, await cp.resolve_host("localhost", family=socket.AF_INET)

    both, v4 = cp.run(main())
    assert v4 == ["127.0.0.1"] and set(both) <= {"127.0.0.1", "::1"} and len(set(both)) == len(both)
    expected = {info[4][0] for info in socket.getaddrinfo("localhost", 0, family=socket.AF_INET)}
    assert set(v4) == expected


def test_no_such_name_is_named():
    async def main():
        with pytest.raises(socket.gaierror, match="no-such-host.invalid") as info:
            await cp.resolve_host("no-such-host.invalid")
        assert isinstance(info.value, OSError) and info.value.errno < 0

    cp.run(main())


@pytest.mark.parametrize("call", ["connect_tcp", "serve_tcp", "connect_udp", "bind_udp"])
def test_a_host_without_an_address(call, no_descriptor_is_left):
    """The same error from all: errno and text are the resolver's, the call and the host are named."""
    with pytest.raises(socket.gaierror) as expected:
        socket.getaddrinfo("no-such-host.invalid", 80)
    handler = [lambda stream: None] if call == "serve_tcp" else []

    async def main():
        with pytest.raises(socket.gaierror) as info:
            await getattr(cp, call)(*handler, "no-such-host.invalid", 80)
        assert info.value.errno == expected.value.errno
        assert info.value.strerror == f"{call} no-such-host.invalid:80: {expected.value.strerror}"

    cp.run(main())


@pytest.mark.parametrize("call", ["connect_tcp", "serve_tcp", "connect_udp", "bind_udp"])
def test_a_host_that_cannot_be_one(call):
    handler = [lambda stream: None] if call == "serve_tcp" else []
    for bad, error in ((5, TypeError), (b"localhost", TypeError), ("a\0b", ValueError), ("x" * 70 + "ü", UnicodeError)):
        with pytest.raises(error):
            getattr(cp, call)(*handler, bad, 80)


def test_an_address_of_the_other_family():
    async def main():
        with pytest.raises(socket.gaierror):
            await cp.resolve_host("127.0.0.1", family=socket.AF_INET6)

    cp.run(main())


def test_many_at_once_and_cancelled_ones():
    async def main():
        names = [cp.resolve_host("localhost", family=socket.AF_INET) for _ in range(60)]
        for each in names[::2]:
            each.cancel()
        results = await cp.Promise.all_settled(names)
        assert [r["status"] for r in results] == ["rejected", "fulfilled"] * 30
        assert isinstance(results[0]["reason"], asyncio.CancelledError)

    cp.run(main())


def test_a_loop_that_closes_ends_it(no_descriptor_is_left):
    kept = []
    cp.run(lambda: kept.extend(cp.resolve_host("localhost").catch(cp.LoopClosedError, lambda e: "closed") for _ in range(100)) or cp.sleep(0))
    assert all(promise.state == "fulfilled" for promise in kept)


def test_names_of_other_letters():
    async def main():
        with pytest.raises(OSError):
            await cp.resolve_host("bücher.invalid")

    cp.run(main())


def test_bad_arguments():
    for bad, error in ((5, TypeError), (None, TypeError), (b"localhost", TypeError), ("a\0b", ValueError), ("x" * 70 + "ü", UnicodeError)):
        with pytest.raises(error):
            cp.resolve_host(bad)
    with pytest.raises(ValueError, match="family"):
        cp.resolve_host("localhost", family=socket.AF_UNIX)
