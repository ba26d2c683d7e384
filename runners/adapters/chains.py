"""The employee chain in four styles, for any store that has id_of(name), record_of(id) and joined(name): `blocking`,
`awaited` (coroutines), `chained` (promises) and `nested` (callbacks, which get an error or None, then the value). Each
gives an op as Tally.add takes it."""

import common
from io_employee import boss_of, outcome


def blocking(store, work, op):
    start, name = common.clock(), work.names[op]
    if work.join:
        employee_id, record = store.joined(name)
    else:
        employee_id = store.id_of(name)
        record = None if employee_id is None else store.record_of(employee_id)
        for _ in range(work.chain - 2):
            record = record and store.record_of(boss_of(record))
    return op, *outcome(name, employee_id, record), common.clock() - start


async def awaited(store, work, op):
    start, name = common.clock(), work.names[op]
    if work.join:
        employee_id, record = await store.joined(name)
    else:
        employee_id = await store.id_of(name)
        record = None if employee_id is None else await store.record_of(employee_id)
        for _ in range(work.chain - 2):
            record = record and await store.record_of(boss_of(record))
    return op, *outcome(name, employee_id, record), common.clock() - start


def chained(store, work, op):
    start, name = common.clock(), work.names[op]

    def details(employee_id):
        if employee_id is None:
            raise LookupError(name)
        promise = store.record_of(employee_id)
        for _ in range(work.chain - 2):
            promise = promise.then(boss)
        return promise.then(lambda record: finish(employee_id, record))

    def boss(record):
        return record and store.record_of(boss_of(record))

    def finish(employee_id, record):
        return op, *outcome(name, employee_id, record), common.clock() - start

    if work.join:
        return store.joined(name).then(lambda found: finish(*found))
    return store.id_of(name).then(details).catch(LookupError, lambda _: finish(None, None))


def nested(store, work, op, done):
    start, name = common.clock(), work.names[op]

    def finish(employee_id, record):
        done(None, (op, *outcome(name, employee_id, record), common.clock() - start))

    def on_joined(error, found):
        if error:
            done(error, None)
        else:
            finish(*found)

    def on_id(error, employee_id):
        left = work.chain - 2

        def on_record(error, record):
            nonlocal left
            if error:
                done(error, None)
            elif record and left:
                left -= 1
                store.record_of(boss_of(record), on_record)
            else:
                finish(employee_id, record)

        if error:
            done(error, None)
        elif employee_id is None:
            finish(None, None)
        else:
            store.record_of(employee_id, on_record)

    if work.join:
        store.joined(name, on_joined)
    else:
        store.id_of(name, on_id)


def take_turns(store, work, ops, tally, finished):
    """What one connection does of a sample in callbacks: the next op that nobody has taken, until there is none; then, or after an
    error, finished(error or None)."""

    def next_op(error=None, done=None):
        if done:
            tally.add(*done)
        op = None if error else next(ops, None)
        if op is None:
            finished(error)
        else:
            nested(store, work, op, next_op)

    next_op()
