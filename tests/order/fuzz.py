#!/usr/bin/env python3
"""Random promise programs in cpromise and in node: the traces must be equal. fuzz.py [--seed S] [--count N]

Exit status: 0 all equal, 1 a difference (shrunk and printed), 2 there is no node that works."""

import argparse
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time

import programs
import run

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 200
LIFE = 10_000  # programs of one process: node keeps a record of each rejection that nobody handled, and ends when they are too many


class NoNode(Exception):
    pass


class Node:
    """One process of node, which is given batches of programs and gives back their traces."""

    def __init__(self, command=("node",)):
        if not shutil.which(command[0]):
            raise NoNode(f"there is no program {command[0]!r} on PATH: this test compares with node (18 or later), please install it")
        self.command = [*command, os.path.join(HERE, "run.mjs")]
        self.sent = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.left = LIFE

    def send(self, batch):
        """Node reads to the end of a batch before it writes: neither side can wait for the other."""
        if self.left <= 0:
            self.close()
            self.start()
        self.sent = len(batch)
        self.left -= self.sent
        lines = "".join(json.dumps(program) + "\n" for program in batch) + "\n"
        try:
            self.process.stdin.write(lines.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise NoNode("node ended before it was given a program; what it wrote to stderr says why") from None

    def receive(self):
        lines = [self.process.stdout.readline() for _ in range(self.sent)]
        if not all(lines):
            raise NoNode(f"node ended with status {self.process.wait()} while it ran a batch of programs")
        return [json.loads(line) for line in lines]

    def trace(self, program):
        self.send([program])
        return self.receive()[0]

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def differences(node, seeds, ours=run.run):
    """Yields (seed, program) where the trace is another one here than in node, and (None, count) after each batch."""
    for first in range(0, len(seeds), BATCH):
        part = seeds[first : first + BATCH]
        batch = [programs.program(seed) for seed in part]
        node.send(batch)  # which runs there while it does here
        traces = [ours(program) for program in batch]
        theirs = node.receive()
        yield from ((seed, program) for seed, program, a, b in zip(part, batch, traces, theirs) if a != b)
        yield None, len(part)


def side_by_side(ours, theirs):
    width = max([len("cpromise"), *map(len, ours)])
    lines = [f"  {'cpromise':{width}} | node"]
    for a, b in itertools.zip_longest(ours, theirs, fillvalue=""):
        lines.append(f"{' ' if a == b else '*'} {a:{width}} | {b}")
    return "\n".join(lines)


def report(node, seed, program, ours=run.run):
    small = programs.shrink(program, lambda less: ours(less) != node.trace(less))
    return f"seed {seed}: the order differs; shrunk to\n{json.dumps(small)}\n{side_by_side(ours(small), node.trace(small))}"


class Progress:
    def __init__(self, total):
        self.total, self.start, self.said = total, time.monotonic(), 3

    def say(self, done):
        passed = time.monotonic() - self.start
        if passed > self.said:
            self.said = passed + 10
            print(f"{done} of {self.total} programs, {done / passed:.0f} a second", file=sys.stderr)


def say_seed(seed):
    print(f"seed {seed}", file=sys.stderr, flush=True)
    return seed


def fuzz(node, seeds, say=False):
    """With `say` one program at a time is run, and its seed said before: the last one is that of a crash."""
    progress, done = Progress(len(seeds)), 0
    parts = ([say_seed(seed)] for seed in seeds) if say else [seeds]
    for seed, found in itertools.chain.from_iterable(differences(node, part) for part in parts):
        if seed is not None:
            print(report(node, seed, found))
            return 1
        done += found
        progress.say(done)
    print(f"{done} programs, seeds {seeds[0]} to {seeds[-1]}: equal")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--count", type=int, default=3000, help="how many programs, with one seed after the other")
    parser.add_argument("--say", action="store_true", help="say each seed before its program runs, to find one that crashes")
    args = parser.parse_args()
    if args.count < 1:
        parser.error("--count must be at least 1")
    try:
        with Node() as node:
            return fuzz(node, range(args.seed, args.seed + args.count), args.say)
    except NoNode as error:
        print(f"fuzz.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
