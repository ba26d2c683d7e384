"""Files of io_file and io_log: in the folder that the driver makes for this process, and removes."""

import os

import io_file


def scratch():
    try:
        return os.environ["GILBENCH_SCRATCH"]
    except KeyError:
        raise RuntimeError("GILBENCH_SCRATCH is not set: the driver names a folder for files by it") from None


def make(work):
    """Writes the files; their paths, in order. What was written is in the page cache then."""
    paths = [os.path.join(scratch(), f"file{number}") for number in range(work.files)]
    for number, path in enumerate(paths):
        with open(path, "wb") as file:
            file.write(io_file.content(number, work.size))
    return paths


def log_path(worker):
    return os.path.join(scratch(), f"log{worker}")


def read(path):
    """All of a file; blocks."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while data := os.read(fd, max(os.fstat(fd).st_size, 4096)):
            parts.append(data)
        return b"".join(parts)
    finally:
        os.close(fd)


class Log:
    """Of one op in flight."""

    def __init__(self, worker):
        self.fd = os.open(log_path(worker), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0

    def append(self, record):
        """Writes it, waits until it is on the disk, reads it back; blocks."""
        if os.write(self.fd, record) != len(record):
            raise OSError("a record was written in part: is the disk full?")
        os.fsync(self.fd)
        data = os.pread(self.fd, len(record), self.size)
        self.size += len(record)
        return data
