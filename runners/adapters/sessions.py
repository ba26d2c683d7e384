"""What goes over a connection to a store, without the connection: a session makes the bytes of a request, is fed the bytes
that come, and says what was found. One request at a time.

Resp speaks RESP2 (our own store, Redis); Postgres the protocol of PostgreSQL, version 3, with prepared statements and values as
text. The models' clients of PostgreSQL all use it, and differ in how they wait."""

import struct

import io_employee

NOT_YET = object()  # what feed() gives until the answer is whole


class Resp:
    def __init__(self, work):
        self.bytes = b""

    def greeting(self):
        return b""

    def request(self, key):
        raw = key.encode()
        return b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(raw), raw)

    def id_of(self, name):
        return self.request(io_employee.id_key(name))

    def record_of(self, employee_id):
        return self.request(io_employee.record_key(employee_id))

    def joined(self, name):
        raise NotImplementedError("join=1 needs a store that knows SQL: --store postgres")

    def feed(self, data):
        """NOT_YET, or the value; None for none."""
        if not data:
            raise ConnectionError("the store hung up in the middle of an answer")
        self.bytes += data
        end = self.bytes.find(b"\r\n")
        if end < 0:
            return NOT_YET
        size = bulk_size(self.bytes[: end + 2])
        if size is None:
            self.bytes = b""
            return None
        if len(self.bytes) < end + size + 4:
            return NOT_YET
        value, self.bytes = self.bytes[end + 2 : end + 2 + size], b""
        return value


def bulk_size(line):
    """The size that a bulk string's first line announces; None for none. Anything else raises."""
    if line[:1] != b"$" or line[-2:] != b"\r\n":
        raise ConnectionError(f"the store answered {line!r} to GET")
    size = int(line[1:])
    return None if size < 0 else size


# ---- PostgreSQL


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def joins(chain):
    """All of an op as one query: the last of `chain` - 1 records, along the bosses."""
    last = chain - 2
    tables = "".join(f" LEFT JOIN employees e{k} ON e{k}.id = e{k - 1}.boss" for k in range(1, last + 1))
    return f"SELECT n.id, e{last}.record FROM names n LEFT JOIN employees e0 ON e0.id = n.id{tables} WHERE n.name = $1"


class Postgres:
    def __init__(self, work):
        self.bytes, self.row, self.none, self.error = b"", None, None, None
        self.left = 2  # answers that are due, each ended by ReadyForQuery: to the start, and to the statements
        self.queries = {
            b"id": "SELECT id FROM names WHERE name = $1",
            b"record": "SELECT record FROM employees WHERE id = $1",
            b"joined": joins(getattr(work, "chain", 2)),
        }

    def greeting(self):
        """Who we are, and the statements: each is parsed once a connection. Answered as one request."""
        start = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
        parse = b"".join(message(b"P", name + b"\0" + query.encode() + b"\0\0\0") for name, query in self.queries.items())
        return struct.pack("!i", len(start) + 4) + start + parse + message(b"S", b"")

    def request(self, statement, value):
        """Bind, Execute and Sync; the value as text, and so all results."""
        self.left, self.none = 1, (None, None) if statement == b"joined" else None
        bind = b"\0" + statement + b"\0\0\0\0\1" + struct.pack("!i", len(value)) + value + b"\0\0"
        return message(b"B", bind) + message(b"E", b"\0\0\0\0\0") + message(b"S", b"")

    def id_of(self, name):
        return self.request(b"id", name.encode())

    def record_of(self, employee_id):
        return self.request(b"record", employee_id)

    def joined(self, name):
        return self.request(b"joined", name.encode())

    def feed(self, data):
        """NOT_YET, or the row, a value alone if it has one column."""
        if not data:
            raise ConnectionError("the store hung up in the middle of an answer")
        self.bytes += data
        at = 0
        ready = False
        while len(self.bytes) - at >= 5:
            size = int.from_bytes(self.bytes[at + 1 : at + 5], "big")
            if len(self.bytes) - at < size + 1:
                break
            ready = self.take(self.bytes[at : at + 1], self.bytes[at + 5 : at + 1 + size])
            at += size + 1
        self.bytes = self.bytes[at:]
        if not ready:
            return NOT_YET
        row, self.row = self.row or self.none, None
        if self.error:
            raise ConnectionError(f"the store answered: {self.error}")
        return row

    def take(self, kind, body):
        """One message; whether it ends the answer."""
        if kind == b"D":
            values, at = [], 2
            for _ in range(int.from_bytes(body[:2], "big")):
                (size,) = struct.unpack_from("!i", body, at)
                values.append(None if size < 0 else body[at + 4 : at + 4 + size])
                at += 4 + max(size, 0)
            self.row = values[0] if len(values) == 1 else tuple(values)
        elif kind == b"E":
            self.error = b" ".join(part[1:] for part in body.split(b"\0") if part[:1] in b"SCM" and part).decode()
            return self.error.startswith("FATAL")  # the server says no more
        elif kind == b"R" and body[:4] != b"\0\0\0\0":
            self.error = "a password is asked for, and there is none"
            return True
        self.left -= kind == b"Z"
        return not self.left


SPEAKS = {"resp": Resp, "postgres": Postgres}
