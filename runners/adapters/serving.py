"""What servers in Python share: talk over a blocking socket, a thread for each connection, pools for what requests compute, and what
computes beside a server."""

import contextlib
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import common

SIZE = 65536  # of a read


def no_delay(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def echo(connection):
    while data := connection.recv(SIZE):
        connection.sendall(data)


def converse(connection, conversation, sleep, answer):
    """Answers what comes on a connection, one request after the other."""
    while data := connection.recv(SIZE):
        for request in conversation(data):
            if request.wait:
                sleep(request.wait)
            connection.sendall(answer(request))
            if request.last:
                return


class Threaded(common.Adapter):
    """A server with a thread for each connection."""

    offload = None  # where requests compute: a function of request.what; None: where they were read

    def listen(self):
        """The port. Connections are accepted from serve() on."""
        self.listener = socket.create_server(("127.0.0.1", self.params["port"]), backlog=4096)
        return self.listener.getsockname()[1]

    def serve(self, wait):
        threading.Thread(target=self.accept_all, daemon=True).start()
        while wait() != "stop":
            pass

    def accept_all(self):
        while True:
            connection, _ = self.listener.accept()
            no_delay(connection)
            threading.Thread(target=self.serve_one, args=(connection,), daemon=True).start()

    def serve_one(self, connection):
        with connection, contextlib.suppress(ConnectionError):
            if hasattr(self.work, "conversation"):
                converse(connection, self.work.conversation(), time.sleep, self.answer)
            else:
                echo(connection)

    def answer(self, request):
        if request.offload and self.offload:
            return self.offload(request.what)
        return self.work.answer(request.what)


# ---- Pools


def thread_pool(adapter):
    """(executor, function): what requests compute is submitted as function(request.what). All threads exist."""
    size = adapter.params["workers"]
    pool, barrier = ThreadPoolExecutor(size), threading.Barrier(size)
    list(pool.map(lambda _: barrier.wait(), range(size)))
    return pool, adapter.work.answer


def process_pool(adapter):
    """The same with processes, which are there and have the workload."""
    import procs

    adapter.start_method = "spawn"
    return procs.pool(adapter.work, adapter.params["workers"], "spawn"), procs.answer_request


def pool(adapter):
    return process_pool(adapter) if adapter.variant == "process" else thread_pool(adapter)


# ---- What computes beside a server (mix_convoy)


@contextlib.contextmanager
def spinners(work):
    """Threads of this process that do nothing but compute, with the switch interval that the workload asks for."""
    before, over = sys.getswitchinterval(), False

    def spin():
        while not over:
            work.spin()

    threads = [threading.Thread(target=spin, daemon=True) for _ in range(work.spinners)]
    sys.setswitchinterval(work.interval)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over = True
        sys.setswitchinterval(before)
        for thread in threads:
            thread.join()
