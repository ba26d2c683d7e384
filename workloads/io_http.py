"""HTTP/1.1 without chunked bodies: what is understood, and what is answered. The rules are in README.md; as in io_http.c."""

import re

import talk

KIND = "server"
PARAMS = {"route": "p", "bytes": 10240, "wait_us": 10000, "n": 18}
HEAD_MOST, BODY_MOST, WAIT_MOST, FIB_MOST = 8192, 1000000, 10000000, 32

FIRST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[!-~]*) HTTP/([0-9])\.([0-9])")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
NUMBERED = re.compile(rb"/(b|wait|fib)/([0-9]{1,8})")
MOST = {b"b": BODY_MOST, b"wait": WAIT_MOST, b"fib": FIB_MOST}
REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    505: b"HTTP Version Not Supported",
}
LETTERS = (b"abcdefghijklmnopqrstuvwxyz" * (BODY_MOST // 26 + 1))[:BODY_MOST]


class Refused(Exception):
    """The request makes no sense, or more of it than this server has; its argument is the status."""


class Head:
    """The lines of a request before its body, understood."""

    def __init__(self, text):
        first, *fields = text.split(b"\r\n")
        self.length, self.close, self.keep, self.chunked, self.hosts = None, False, False, False, 0
        self.read_first(first)
        for field in fields:
            self.read_field(field)
        if self.chunked:
            raise Refused(501)
        if self.hosts > 1 or not (self.old or self.hosts):
            raise Refused(400)
        if (self.length or 0) > BODY_MOST:
            raise Refused(413)

    def read_first(self, line):
        match = FIRST_LINE.fullmatch(line)
        if not match:
            raise Refused(400)
        self.method, self.target, major, minor = match.groups()
        if major != b"1" or minor not in b"01":
            raise Refused(505)
        self.old = minor == b"0"

    def read_field(self, line):
        match = FIELD.fullmatch(line)
        if not match:
            raise Refused(400)
        name, value = match[1].lower(), match[2]
        if name == b"content-length":
            if not value.isdigit() or len(value) > 15 or self.length not in (None, int(value)):
                raise Refused(400)
            self.length = int(value)
        elif name == b"host":
            self.hosts += 1
        elif name == b"transfer-encoding":
            self.chunked = True
        elif name == b"connection":
            words = [word.strip(b" \t").lower() for word in value.split(b",")]
            self.close |= b"close" in words
            self.keep |= b"keep-alive" in words

    def is_last(self):
        return self.close or (self.old and not self.keep)


def route(head, body):
    """(what is asked for, its number or body); a status where there is no such thing."""
    if (head.method, head.target) == (b"GET", b"/p"):
        return b"p", None
    if (head.method, head.target) == (b"POST", b"/echo"):
        return b"echo", body
    match = NUMBERED.fullmatch(head.target) if head.method == b"GET" else None
    if match and int(match[2]) <= MOST[match[1]]:
        return match[1], int(match[2])
    return 404, None


class Conversation:
    """What comes on one connection."""

    def __init__(self):
        self.bytes = b""

    def feed(self, data):
        self.bytes += data
        requests = []
        while self.bytes and (request := self.take()):
            requests.append(request)
        return requests

    def take(self):
        """The first request of what has come; None: it is not whole."""
        at = 0
        while at < HEAD_MOST and self.bytes.startswith(b"\r\n", at):
            at += 2  # empty lines before a request are to be ignored
        end = self.bytes.find(b"\r\n\r\n", at, at + HEAD_MOST)
        try:
            if end < 0 and len(self.bytes) - at >= HEAD_MOST:
                raise Refused(431)
            if end < 0:
                return None
            head = Head(self.bytes[at:end])
        except Refused as refused:
            self.bytes = b""
            return talk.Request((refused.args[0], None, True), last=True)
        start, size = end + 4, head.length or 0
        if len(self.bytes) - start < size:
            return None
        what, value = route(head, self.bytes[start : start + size])
        self.bytes = self.bytes[start + size :]
        last = head.is_last()
        return talk.Request((what, value, last), value / 1e6 if what == b"wait" else 0.0, what == b"fib", last)


class Workload:
    def __init__(self, params):
        pass

    def conversation(self):
        return Conversation().feed

    def answer(self, asked):
        what, value, last = asked
        status = 200
        if what == b"p":
            body = b"Hello, world!"
        elif what == b"b":
            body = LETTERS[:value]
        elif what == b"echo":
            body = value
        elif what == b"wait":
            body = b"%d" % value
        elif what == b"fib":
            body = b"%d" % talk.fib(value)
        else:
            status, body = what, REASONS[what]
        head = b"HTTP/1.1 %d %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n"
        return head % (status, REASONS[status], len(body), b"close" if last else b"keep-alive") + body
