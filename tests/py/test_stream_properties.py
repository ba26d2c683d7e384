"""However bytes are cut on their way, a stream gives back the same ones: against a model of ten lines."""

import asyncio

import cpromise as cp
from hypothesis import given, settings
from hypothesis import strategies as st

READS = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 40)),
    st.tuples(st.just("exactly"), st.integers(0, 40)),
    st.tuples(st.just("until"), st.sampled_from([b"\n", b"ab", b"\r\n"])),
)


async def model_matches(stream, data, reads):
    for kind, how in reads:
        try:
            if kind == "read":
                got = await stream.read(how)
                assert got == data[: len(got)] and (got or not data)
            elif kind == "exactly":
                got = await stream.readexactly(how)
                assert got == data[:how] and len(got) == how
            else:
                got = await stream.readuntil(how)
                assert got == data[: data.index(how) + len(how)]
        except asyncio.IncompleteReadError as error:
            assert error.partial == data
            assert (kind == "exactly" and len(data) < how) or (kind == "until" and how not in data)
            return
        data = data[len(got) :]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\x00", b"a").replace(b"\x01", b"\n")), max_size=8),
    st.lists(READS, max_size=12),
)
def test_reads_give_the_written_bytes_in_order(chunks, reads):
    async def send(stream):
        try:
            for chunk in chunks:
                await stream.write(chunk)
                await cp.sleep(0)
        except ConnectionError:
            pass  # the reader has seen enough

    async def main():
        async with await cp.serve_tcp(send, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                await model_matches(stream, b"".join(chunks), reads)

    cp.run(main())
