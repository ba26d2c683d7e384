"""The HTTP of io_http, in each language: what is understood and what is refused, however the bytes are cut; against wrk. And mix_convoy."""

import json
import random
import re
import shutil
import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies
from subjects import Cell, start, why_not, register
from wirechild import TIMEOUT_S

import io_http
import mix_convoy

HOST = b"Host: h\r\n"
GET = b"GET /p HTTP/1.1\r\n" + HOST + b"\r\n"
ECHO = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nGET /"
OLD = b"GET /p HTTP/1.0\r\n\r\n"


def get(target, *fields):
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target, HOST, b"".join(field + b"\r\n" for field in fields))


# What comes, the statuses that are answered, and whether the connection is then closed.
CASES = {
    "one": (GET, [200], False),
    "pipelined": (GET + ECHO + get(b"/b/3") + get(b"/fib/9") + get(b"/wait/10"), [200] * 5, False),
    "empty lines before it": (b"\r\n\r\n" + GET, [200], False),
    "not found": (get(b"/nothing") + GET, [404, 200], False),
    "other method": (b"PUT" + GET[3:] + GET, [404, 200], False),
    "number too great": (get(b"/fib/33") + get(b"/b/1000001") + get(b"/b/123456789"), [404] * 3, False),
    "no number": (get(b"/b/") + get(b"/b/-1") + get(b"/b/1x"), [404] * 3, False),
    "close": (get(b"/p", b"Connection: close") + GET, [200], True),
    "close among words": (get(b"/p", b"connection: Keep-Alive ,\tCLOSE") + GET, [200], True),
    "1.0 ends": (OLD + GET, [200], True),
    "1.0 that is kept": (OLD[:-2] + b"Connection: keep-alive\r\n\r\n" + GET, [200, 200], False),
    "body of no bytes": (b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n" + GET, [200, 200], False),
    "equal lengths": (get(b"/p", b"Content-Length: 0", b"Content-Length: 00") + GET, [200, 200], False),
    "unequal lengths": (get(b"/p", b"Content-Length: 0", b"Content-Length: 1"), [400], True),
    "list of lengths": (get(b"/p", b"Content-Length: 0, 0"), [400], True),
    "negative length": (get(b"/p", b"Content-Length: -1"), [400], True),
    "length with a sign": (get(b"/p", b"Content-Length: +1"), [400], True),
    "length of nothing": (get(b"/p", b"Content-Length:"), [400], True),
    "length of many digits": (get(b"/p", b"Content-Length: " + b"9" * 40), [400], True),
    "length too great": (get(b"/p", b"Content-Length: 1000001"), [413], True),
    "chunked": (get(b"/p", b"Transfer-Encoding: chunked"), [501], True),
    "chunked with a length": (get(b"/p", b"Transfer-Encoding: chunked", b"Content-Length: 3"), [501], True),
    "no host": (b"GET /p HTTP/1.1\r\n\r\n", [400], True),
    "two hosts": (get(b"/p", b"Host: other"), [400], True),
    "blank before the colon": (get(b"/p", b"A : b"), [400], True),
    "no colon": (get(b"/p", b"nothing"), [400], True),
    "no name": (get(b"/p", b": nothing"), [400], True),
    "folded line": (get(b"/p", b"A: b", b" c"), [400], True),
    "control character": (get(b"/p", b"A: b\x00c"), [400], True),
    "newline in a value": (get(b"/p", b"A: b\nB: c"), [400], True),
    "return in a value": (get(b"/p", b"A: b\rB: c"), [400], True),
    "any other byte in a value": (get(b"/p", b"A:\t\xff\xfe\t"), [200], False),
    "newlines only": (b"GET /p HTTP/1.1\nHost: h\n\n\r\n\r\n", [400], True),
    "two blanks": (b"GET  /p HTTP/1.1\r\n" + HOST + b"\r\n", [400], True),
    "no path": (b"GET p HTTP/1.1\r\n" + HOST + b"\r\n", [400], True),
    "byte in a path": (b"GET /\xe9 HTTP/1.1\r\n" + HOST + b"\r\n", [400], True),
    "no version": (b"GET /p\r\n\r\n", [400], True),
    "other protocol": (b"GET /p HTTPS/1.1\r\n" + HOST + b"\r\n", [400], True),
    "later version": (b"GET /p HTTP/2.0\r\n" + HOST + b"\r\n", [505], True),
    "small letters": (b"GET /p http/1.1\r\n" + HOST + b"\r\n", [400], True),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400], True),
    "head just small enough": (get(b"/p", b"A: " + b"b" * (8192 - len(get(b"/p", b"A: "))), ), [200], False),
    "head too large": (get(b"/p", b"A: " + b"b" * 8192)[:8192], [431], True),
    "empty lines without end": (b"\r\n" * 4098, [400], True),
}
CASES["good, then bad"] = (GET + b"nonsense\r\n\r\n" + GET, [200, 400], True)


def expected(name):
    """The answers, byte for byte: statuses and ends are said above, bodies and heads by the workload."""
    data, statuses, closes = CASES[name]
    work = io_http.Workload(io_http.PARAMS)
    conversation, answers = work.conversation(), []
    for request in conversation(data):
        answers.append(work.answer(request.what))
        if request.last:
            break
    assert [int(answer[9:12]) for answer in answers] == statuses
    assert request.last == closes
    return b"".join(answers)


@pytest.mark.parametrize("name", CASES)
@given(data=strategies.data())
@settings(max_examples=5, deadline=None)
def test_however_it_is_cut_it_means_the_same(name, data):
    text, _, _ = CASES[name]
    cuts = sorted(data.draw(strategies.lists(strategies.integers(0, len(text)), max_size=8)))
    work = io_http.Workload(io_http.PARAMS)
    conversation, answers = work.conversation(), []
    for begin, end in zip([0, *cuts], [*cuts, len(text)]):
        for request in conversation(text[begin:end]):
            answers.append(work.answer(request.what))
            if request.last:
                assert b"".join(answers) == expected(name)
                return
    assert b"".join(answers) == expected(name)


def ask(port, pieces, size):
    """(what a server answers to these pieces, up to `size` bytes or the end, whether the end was reset)."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        try:
            for piece in pieces:
                sock.sendall(piece)
            while len(data) < size and (part := sock.recv(65536)):
                data += part
        except ConnectionError:  # bytes that were sent after the end
            return data, True
        return data, False


def ways_to_cut(text):
    yield [text]
    yield [text[i : i + 1] for i in range(len(text))] if len(text) < 1000 else [text[:1], text[1:]]
    cuts = sorted(random.Random(len(text)).choices(range(len(text)), k=5))
    yield [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)])]


LANGUAGES = [
    pytest.param(model, marks=[pytest.mark.skip(reason=why)] if (why := why_not(register()[model.partition(":")[0]], "")) else [])
    for model in ("threads", "asyncio", "promise:chain", "pthreads", "cloop", "node:promise")
]


@pytest.mark.parametrize("model", LANGUAGES)
def test_every_language_answers_alike(model):
    with start(model, "io_http") as adapter:
        _, port = adapter.ready()
        for name, (text, _, closes) in CASES.items():
            wanted = expected(name)
            for pieces in ways_to_cut(text):
                answer, reset = ask(port, pieces, len(wanted) + closes)  # one more: the end is waited for
                # What is sent behind the last request may reset the connection before the answer was read.
                assert answer == wanted or (reset and closes and len(pieces) > 1 and wanted.startswith(answer)), (name, pieces)
        adapter.stop()


@pytest.mark.parametrize("model", ["threads", "pthreads"])
def test_wrk_sees_the_same_rates(model):
    """Within a factor of five: it and the load generator are measured one after the other, on a machine that others may use."""
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed here; scripts/setup --for test does it")
    with Cell(model, "io_http", width=8, route="b", bytes=2000, ops=4000) as cell:
        sample, _ = cell.measured.sample()
        port = cell.port
        done = subprocess.run(["wrk", "-t1", "-c8", "-d1", f"http://127.0.0.1:{port}/b/2000"], capture_output=True, text=True, timeout=TIMEOUT_S)
    ours = 4000 * 1e9 / int(sample["ns"])
    theirs = float(re.search(r"Requests/sec: *([0-9.]+)", done.stdout)[1])
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    assert 1 / 5 < ours / theirs < 5


# ---- The convoy


@pytest.mark.parametrize("spin, wanted", [("python", 934946010), ("regex", 3765), ("sha256", 2310191867)])
def test_what_computes_beside_a_server_is_the_same_everywhere(spin, wanted):
    """As in tests/c/test_talk.c."""
    assert mix_convoy.Workload({**mix_convoy.PARAMS, "spin": spin}).spin() == wanted
    if shutil.which("node"):
        code = f"const m = require('./mix_convoy.js'); console.log(new m.Workload({{...m.PARAMS, spin: '{spin}'}}).spin())"
        done = subprocess.run(["node", "-e", code], cwd=mix_convoy.__file__.rpartition("/")[0], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == wanted


def seconds(model, **params):
    with Cell(model, "mix_convoy", width=1, ops=2, **params) as cell:
        return int(cell.measured.sample()[0]["ns"]) / 1e9


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no convoy without a GIL")
def test_a_thread_that_computes_costs_a_switch_interval():
    """At least one of them, in two ops. Processes that compute have another GIL."""
    assert seconds("threads", interval_us=400000) > 0.36
    assert seconds("threads", interval_us=400000, spinners=0) < 0.36
    assert seconds("procs:spawn", interval_us=400000) < 0.36
