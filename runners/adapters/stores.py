"""Clients of a store over a blocking socket and over asyncio, each with a session (sessions.py) that knows what to say. A store
has id_of(name), record_of(id) and joined(name). cpromise's are in promise_stores.py."""

import asyncio
import socket

from sessions import NOT_YET, SPEAKS


def session_of(adapter):
    return SPEAKS[adapter.params["store_speaks"]](adapter.work)


def address_of(adapter):
    return adapter.params["store_host"], adapter.params["store_port"]


class BlockingStore:
    connect = staticmethod(socket.create_connection)

    def __init__(self, adapter):
        self.session = session_of(adapter)
        self.socket = self.connect(address_of(adapter))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if greeting := self.session.greeting():
            self.ask(greeting)

    def ask(self, request):
        self.socket.sendall(request)
        while (answer := self.session.feed(self.socket.recv(65536))) is NOT_YET:
            pass
        return answer

    def id_of(self, name):
        return self.ask(self.session.id_of(name))

    def record_of(self, employee_id):
        return self.ask(self.session.record_of(employee_id))

    def joined(self, name):
        return self.ask(self.session.joined(name))


class AsyncioStore:
    """Over asyncio streams, on asyncio's own loop or another."""

    @classmethod
    async def connect(cls, adapter):
        store = cls()
        store.session = session_of(adapter)
        store.reader, store.writer = await asyncio.open_connection(*address_of(adapter))
        if greeting := store.session.greeting():
            await store.ask(greeting)
        return store

    async def ask(self, request):
        self.writer.write(request)
        while (answer := self.session.feed(await self.reader.read(65536))) is NOT_YET:
            pass
        return answer

    def id_of(self, name):
        return self.ask(self.session.id_of(name))

    def record_of(self, employee_id):
        return self.ask(self.session.record_of(employee_id))

    def joined(self, name):
        return self.ask(self.session.joined(name))


class CallbackStore(asyncio.Protocol):
    """In callbacks, without a future: on an asyncio protocol."""

    @classmethod
    async def connect(cls, adapter):
        loop = asyncio.get_running_loop()
        store = cls()
        store.session, store.done = session_of(adapter), None
        store.transport, _ = await loop.create_connection(lambda: store, *address_of(adapter))
        if greeting := store.session.greeting():
            greeted = loop.create_future()
            store.ask(greeting, lambda error, _: greeted.set_exception(error) if error else greeted.set_result(None))
            await greeted
        return store

    def ask(self, request, done):
        self.done = done
        self.transport.write(request)

    def data_received(self, data):
        try:
            answer = self.session.feed(data)
        except ConnectionError as error:
            self.answer(error, None)
        else:
            if answer is not NOT_YET:
                self.answer(None, answer)

    def connection_lost(self, error):
        if self.done:
            self.answer(error or ConnectionError("the store hung up in the middle of an answer"), None)

    def answer(self, error, value):
        done, self.done = self.done, None
        if done:
            done(error, value)

    def id_of(self, name, done):
        self.ask(self.session.id_of(name), done)

    def record_of(self, employee_id, done):
        self.ask(self.session.record_of(employee_id), done)

    def joined(self, name, done):
        self.ask(self.session.joined(name), done)
