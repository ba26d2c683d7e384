"""Clients of a store on cpromise's streams, in three styles: promises that are chained, coroutines, callbacks. See stores.py."""

import cpromise as cp
from sessions import NOT_YET
from stores import address_of, session_of


class Store:
    """id_of, record_of and joined take what `ask` takes behind the request, and give what it gives."""

    @classmethod
    async def connect(cls, adapter):
        store = cls()
        store.session, store.stream = session_of(adapter), await cp.connect_tcp(*address_of(adapter))
        if greeting := store.session.greeting():
            await AwaitStore.ask(store, greeting)
        return store

    def id_of(self, name, *done):
        return self.ask(self.session.id_of(name), *done)

    def record_of(self, employee_id, *done):
        return self.ask(self.session.record_of(employee_id), *done)

    def joined(self, name, *done):
        return self.ask(self.session.joined(name), *done)


class AwaitStore(Store):
    async def ask(self, request):
        self.stream.write(request)
        while (answer := self.session.feed(await self.stream.read())) is NOT_YET:
            pass
        return answer


class ChainStore(Store):
    def ask(self, request):
        self.stream.write(request)
        return self.stream.read().then(self.fed)

    def fed(self, data):
        answer = self.session.feed(data)
        return self.stream.read().then(self.fed) if answer is NOT_YET else answer


class CallbackStore(Store):
    """The stream's own promise is there in each style; nothing is derived from it but this one reaction."""

    def ask(self, request, done):
        self.done = done
        self.stream.write(request)
        self.stream.read().then(self.fed, self.broken)

    def fed(self, data):
        try:
            answer = self.session.feed(data)
        except ConnectionError as error:
            return self.broken(error)
        if answer is NOT_YET:
            self.stream.read().then(self.fed, self.broken)
        else:
            self.done(None, answer)

    def broken(self, error):
        self.done(error, None)
