"""Compiles what ext/sources.mk lists: the same files as the Makefile, with the same flags that matter."""

import glob
import hashlib
import os
import re
import shlex
import subprocess
import sysconfig

from setuptools import Extension, setup


def sources():
    text = open("ext/sources.mk", encoding="utf-8").read().replace("\\\n", " ")
    listed = re.findall(r"^CP_\w+ := (.*)$", text, re.M)
    return ["ext/" + path for line in listed for path in line.split()]


def build_id():
    """As in the Makefile: of all sources and headers, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob("ext/core/*.[ch]") + glob.glob("ext/binding/*.[ch]")):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def uring():
    """As in the Makefile: what links liburing, nothing where it is not installed."""
    program = "#include <liburing.h>\nint main(void) { return io_uring_setup(IORING_SETUP_DEFER_TASKRUN, 0); }"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    for library in ("-l:liburing.a", "-luring"):
        command = [*compiler, "-x", "c", "-fPIC", "-shared", "-o", os.devnull, "-", "-x", "none", library]
        try:
            if subprocess.run(command, input=program, text=True, capture_output=True).returncode == 0:
                return [library]
        except OSError:
            break
    return []


LIBURING = uring()

setup(
    ext_modules=[
        Extension(
            "cpromise._cpromise",
            sources(),
            depends=glob.glob("ext/*/*.h"),
            define_macros=[("_GNU_SOURCE", None), ("CP_BUILD_ID", f'"{build_id()}"'), *[("CP_HAVE_URING", None)] * len(LIBURING)],
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden"],
            extra_link_args=["-pthread", *LIBURING, "-Wl,--exclude-libs,ALL"],
        )
    ]
)
