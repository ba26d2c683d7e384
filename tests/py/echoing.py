"""A server and a client of it in one loop, for the tests of streams."""

import cpromise as cp


def with_echo(client, handler=None):
    """Runs client(stream, server) against a server; the echo server unless a handler is given."""

    async def echo(stream):
        while data := await stream.read():
            await stream.write(data)

    async def main():
        async with await cp.serve_tcp(handler or echo, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                return await client(stream, server)

    return cp.run(main())
