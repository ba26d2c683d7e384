"""A peer that floods, or takes all that it gets, has its share of a turn: timers and everybody else come after sixteen tries, or 64 datagrams."""

import fcntl
import socket
import struct
import termios
import threading
import time

import cpromise as cp
import pytest

pytestmark = pytest.mark.usefixtures("poller")
SHARE, DATAGRAMS = 16, 64
MOST = SHARE + 2  # the one that was put off, and the one that is asked for when the turn ends


class Turns:
    """Counts what happens in each turn of the loop."""

    def __init__(self):
        self.loop, self.seen = cp.get_running_loop(), []

    def count(self):
        self.seen.append(self.loop.stats()["turns"])

    def most(self):
        return max(map(self.seen.count, set(self.seen)))


def test_reads():
    async def flood(stream):
        data = bytes(1 << 20)
        while not stream.closed:
            await stream.write(data)

    async def main():
        turns = Turns()
        async with await cp.serve_tcp(flood, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                for _ in range(3000):
                    await stream.read(100)
                    turns.count()
        return turns.most()

    assert SHARE <= cp.run(main()) <= MOST


def test_accepts():
    """All wait in the backlog before the first is accepted."""

    async def main():
        turns = Turns()
        async with await cp.serve_tcp(lambda stream: turns.count(), "127.0.0.1", 0) as server:
            peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
            while len(turns.seen) < len(peers):
                await cp.sleep(0)
            for peer in peers:
                peer.close()
        return turns.most()

    assert SHARE <= cp.run(main()) <= MOST


def test_datagrams():
    async def main():
        turns = Turns()
        async with await cp.bind_udp("127.0.0.1", 0) as ours:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                for i in range(200):
                    peer.sendto(b"%d" % i, ours.sockname)
            for i in range(200):
                assert (await ours.receive())[0] == b"%d" % i
                turns.count()
        return turns.most()

    assert DATAGRAMS <= cp.run(main()) <= DATAGRAMS + 2


def test_a_receive_that_waits_for_the_next_turn_when_its_socket_is_closed():
    async def main():
        ours = await cp.bind_udp("127.0.0.1", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for i in range(DATAGRAMS + 2):
                peer.sendto(b"x", ours.sockname)
        for _ in range(DATAGRAMS):
            await ours.receive()
        pending = ours.receive()
        assert pending.state == "pending"
        pending.cancel()
        again = ours.receive()
        ours.close()
        with pytest.raises(ConnectionAbortedError, match="closed during a receive"):
            await again

    cp.run(main())


# ---- Sending


class Sink:
    """Reads all that comes, on a thread of its own."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.received = 0
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        return self

    def read(self):
        peer, _ = self.listener.accept()
        with peer:
            while size := len(peer.recv(1 << 20)):
                self.received += size

    def __exit__(self, *exc):
        self.thread.join()
        self.listener.close()

    def connect(self):
        return cp.connect_tcp(*self.listener.getsockname())


def unsent(fd):
    return struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)))[0]


def descriptor_to(port):
    """Of this process, the one that is connected to that port."""
    for fd in range(3, 256):
        try:
            with socket.socket(fileno=fd) as probe:
                try:
                    if probe.getpeername()[1] == port:
                        return fd
                finally:
                    probe.detach()
        except OSError:
            pass
    raise AssertionError(f"no descriptor is connected to port {port}")


def test_writes_to_a_peer_that_takes_all():
    """The writer waits, without leaving the turn, until the peer has everything: the socket is never full."""
    size, number = 1 << 16, 150

    async def main(sink):
        turns = Turns()
        async with await sink.connect() as stream:
            fd = descriptor_to(sink.listener.getsockname()[1])
            for _ in range(number):
                await stream.write(bytes(size))
                turns.count()
                while unsent(fd):
                    time.sleep(0.0001)
        return turns.most()

    with Sink() as sink:
        most = cp.run(main(sink))
    assert most <= 2 * MOST and sink.received == size * number


def test_sendfile_to_a_peer_that_takes_all(tmp_path):
    size = 1 << 28
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(size)

    async def main(sink):
        async with await sink.connect() as stream:
            before = cp.get_running_loop().stats()["turns"]
            with open(tmp_path / "sparse", "rb") as file:
                assert await stream.sendfile(file) == size
            return cp.get_running_loop().stats()["turns"] - before

    with Sink() as sink:
        turns = cp.run(main(sink))
    assert turns >= size / (SHARE << 20) and sink.received == size


def test_a_long_read_of_much_that_comes():
    size = 1 << 26

    def send():
        peer, _ = listener.accept()
        with peer:
            peer.sendall(bytes(size))

    async def main():
        async with await cp.connect_tcp(*listener.getsockname()) as stream:
            before = cp.get_running_loop().stats()["turns"]
            assert len(await stream.readexactly(size)) == size
            return cp.get_running_loop().stats()["turns"] - before

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send)
        thread.start()
        assert cp.run(main()) >= size / ((SHARE + 1) << 18)
        thread.join()
