"""to_native: the kernels as Python has them, arguments, buffers, other threads meanwhile."""

import asyncio
import hashlib
import threading
import zlib

import cpromise as cp
import pytest


def call(*args):
    return cp.run(lambda: cp.to_native(*args))


@pytest.mark.parametrize("parts", [(), (b"",), (b"a" * 1000,), (b"ab", bytearray(b"cd"), memoryview(b"ef" * 99))])
def test_sha256(parts):
    assert call("sha256", *parts) == hashlib.sha256(b"".join(parts)).digest()


def test_crc32_sieve_and_queens():
    assert call("crc32", b"some bytes") == zlib.crc32(b"some bytes")
    assert call("crc32", b"bytes", zlib.crc32(b"some ")) == zlib.crc32(b"some bytes")
    assert call("sieve", 1000) == 168
    assert sum(call("queens", 8, i) for i in range(8)) == 92


@pytest.mark.parametrize(
    "args, error, text",
    [
        ((), TypeError, "the name is missing"),
        ((5,), TypeError, "name is a str, not int"),
        (("md5", b""), ValueError, "'md5'.*sha256, crc32, sieve, queens"),
        (("sha256", "text"), TypeError, "a buffer, not str"),
        (("sha256", b"", 5), TypeError, "a buffer, not int"),
        (("crc32",), TypeError, "these are the arguments"),
        (("crc32", b"", 1, 2), TypeError, "these are the arguments"),
        (("crc32", b"", -1), ValueError, "-1 is not from 0 to 4294967295"),
        (("sieve", 1.5), TypeError, "an int, not float"),
        (("sieve", 2**80), ValueError, "is not from 0"),
        (("queens", 21), ValueError, "21 is not from 0 to 20"),
        (("queens", 0), ValueError, "at least 1"),
    ],
)
def test_wrong_arguments(args, error, text):
    with pytest.raises(error, match=text):
        cp.to_native(*args)


def test_a_buffer_is_held_until_it_is_done():
    data = bytearray(1 << 20)

    async def main():
        p = cp.to_native("sha256", data)
        with pytest.raises(BufferError):
            data.append(1)
        assert await p == hashlib.sha256(data).digest()
        data.append(1)

    cp.run(main())


def test_taken_back_the_buffer_is_free_at_once():
    gate, data = threading.Event(), bytearray(9)

    async def main():
        held = cp.to_thread(gate.wait, 20)
        p = cp.to_native("crc32", data)
        assert p.cancel()
        data.append(1)
        gate.set()
        await held
        with pytest.raises(asyncio.CancelledError):
            await p

    cp.run(main(), workers=1)


def test_closing_releases_what_waits():
    gate, data, reasons = threading.Event(), bytearray(9), []

    async def main():
        cp.to_thread(gate.wait, 0.2)
        cp.to_native("crc32", data).catch(cp.LoopClosedError, lambda e: reasons.append(str(e)))

    cp.run(main(), workers=1)
    data.append(1)
    assert reasons == ["the loop was closed before to_native() got to this call"]


def test_python_goes_on_meanwhile():
    async def main():
        work, ticks = cp.to_native("sieve", 30_000_000), 0
        while work.state == "pending":
            await cp.sleep(0.001)
            ticks += 1
        return ticks, await work

    ticks, count = cp.run(main())
    assert count == 1857859 and ticks > 3
