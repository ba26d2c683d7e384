/* py_native.c - to_native: C kernels on the loop's pool, without the GIL. Buffers are held from the
 * call until it has come home, so a bytearray cannot be resized meanwhile. */
#include "../core/native.h"
#include "py_errand.h"
#include <errno.h>

enum { NUMBERS = 2 };

struct kernel_call {
    struct errand errand;
    const struct kernel *kernel;
    Py_buffer *buffers; /* PyMem */
    Py_ssize_t buffer_count;
    int64_t numbers[NUMBERS];
    /* of the worker */
    int64_t result; /* or a negative errno */
    unsigned char digest[32];
};

/* Parameters: `buffers` of them at least and at most, then numbers in their range; `needed` of these
 * must be given, the rest is 0. */
struct kernel {
    const char *name, *usage;
    void (*run)(struct kernel_call *);
    Py_ssize_t least_buffers, most_buffers;
    int numbers, needed;
    int64_t least, most;
    bool gives_digest;
};

static struct kernel_call *call_of(struct errand *errand) {
    return cp_container_of(errand, struct kernel_call, errand);
}

/* ---- On the pool */

static void run_sha256(struct kernel_call *call) {
    struct cp_span *spans = PyMem_RawMalloc(((size_t)call->buffer_count + 1) * sizeof *spans);
    if (!spans) {
        call->result = -ENOMEM;
        return;
    }
    for (Py_ssize_t i = 0; i < call->buffer_count; i++)
        spans[i] = (struct cp_span){call->buffers[i].buf, (size_t)call->buffers[i].len};
    cp_sha256(spans, (size_t)call->buffer_count, call->digest);
    PyMem_RawFree(spans);
}

static void run_crc32(struct kernel_call *call) {
    call->result =
        cp_crc32((uint32_t)call->numbers[0], call->buffers[0].buf, (size_t)call->buffers[0].len);
}

static void run_sieve(struct kernel_call *call) {
    call->result = cp_sieve(call->numbers[0]);
}

static void run_queens(struct kernel_call *call) {
    unsigned n = (unsigned)call->numbers[0];
    call->result = (int64_t)cp_queens(n, (unsigned)call->numbers[1] % n);
}

static const struct kernel kernels[] = {
    {"sha256", "*buffers", run_sha256, 0, PY_SSIZE_T_MAX, 0, 0, 0, 0, true},
    {"crc32", "buffer, value=0", run_crc32, 1, 1, 1, 0, 0, UINT32_MAX, false},
    {"sieve", "below", run_sieve, 0, 0, 1, 1, 0, CP_MOST_SIEVED, false},
    {"queens", "n, column=0", run_queens, 0, 0, 2, 1, 0, CP_MOST_QUEENS, false},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static void run_kernel(struct cp_work *work, void *Py_UNUSED(worker)) {
    struct kernel_call *call = call_of(ERRAND_OF(work));
    call->kernel->run(call);
}

/* ---- On the loop's thread */

static void settle_kernel(struct errand *errand) {
    struct kernel_call *call = call_of(errand);
    PyObject *value;
    if (call->result < 0) {
        promise_reject_errno(errand->promise, (int)call->result, "to_native", NULL);
        return;
    }
    value = call->kernel->gives_digest
                ? PyBytes_FromStringAndSize((char *)call->digest, sizeof call->digest)
                : PyLong_FromLongLong(call->result);
    if (value)
        promise_fulfil(errand->promise, value);
    else
        promise_reject(errand->promise, take_raised());
}

static void free_kernel(struct errand *errand) {
    struct kernel_call *call = call_of(errand);
    for (Py_ssize_t i = 0; i < call->buffer_count; i++)
        PyBuffer_Release(&call->buffers[i]);
    PyMem_Free(call->buffers);
    PyMem_Free(call);
}

static const struct kernel *find_kernel(PyObject *name) {
    PyObject *names;
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "to_native(name, *args): name is a str, not %.100s",
                     Py_TYPE(name)->tp_name);
        return NULL;
    }
    for (int i = 0; i < KERNELS; i++)
        if (!PyUnicode_CompareWithASCIIString(name, kernels[i].name))
            return &kernels[i];
    names = PyUnicode_FromString(kernels[0].name);
    for (int i = 1; names && i < KERNELS; i++)
        Py_SETREF(names, PyUnicode_FromFormat("%U, %s", names, kernels[i].name));
    if (names)
        PyErr_Format(PyExc_ValueError, "to_native(%R): there is no such kernel; there are %U", name,
                     names);
    Py_XDECREF(names);
    return NULL;
}

static int wrong_count(const struct kernel *kernel) {
    PyErr_Format(PyExc_TypeError, "to_native(\"%s\", %s): these are the arguments", kernel->name,
                 kernel->usage);
    return -1;
}

static int get_buffer(struct kernel_call *call, PyObject *object) {
    if (!PyObject_CheckBuffer(object)) {
        PyErr_Format(PyExc_TypeError, "to_native(\"%s\", %s): bytes or a buffer, not %.100s",
                     call->kernel->name, call->kernel->usage, Py_TYPE(object)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(object, &call->buffers[call->buffer_count], PyBUF_SIMPLE) < 0)
        return -1;
    call->buffer_count++;
    return 0;
}

static int get_number(struct kernel_call *call, PyObject *object, int64_t *number) {
    const struct kernel *kernel = call->kernel;
    int overflow;
    if (!PyLong_Check(object) || PyBool_Check(object)) {
        PyErr_Format(PyExc_TypeError, "to_native(\"%s\", %s): an int, not %.100s", kernel->name,
                     kernel->usage, Py_TYPE(object)->tp_name);
        return -1;
    }
    *number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow || *number < kernel->least || *number > kernel->most) {
        PyErr_Format(PyExc_ValueError, "to_native(\"%s\", %s): %R is not from %lld to %lld",
                     kernel->name, kernel->usage, object, (long long)kernel->least,
                     (long long)kernel->most);
        return -1;
    }
    return 0;
}

static int get_arguments(struct kernel_call *call, PyObject *const *args, Py_ssize_t count) {
    const struct kernel *kernel = call->kernel;
    Py_ssize_t buffers = count < kernel->most_buffers ? count : kernel->most_buffers;
    Py_ssize_t numbers = count - buffers;
    if (buffers < kernel->least_buffers || numbers < kernel->needed || numbers > kernel->numbers)
        return wrong_count(kernel);
    if (buffers && !(call->buffers = PyMem_New(Py_buffer, (size_t)buffers))) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < buffers; i++)
        if (get_buffer(call, args[i]) < 0)
            return -1;
    for (Py_ssize_t i = 0; i < numbers; i++)
        if (get_number(call, args[buffers + i], &call->numbers[i]) < 0)
            return -1;
    if (kernel->run == run_queens && !call->numbers[0]) {
        PyErr_SetString(PyExc_ValueError, "to_native(\"queens\", n, column=0): n is at least 1");
        return -1;
    }
    return 0;
}

const char cp_to_native_doc[] =
    "to_native(name, /, *args) -> Promise\n--\n\n"
    "Runs a kernel written in C on a thread of the loop's pool, without the GIL:\n"
    "  'sha256', *buffers        the digest of the buffers in a row, bytes\n"
    "  'crc32', buffer, value=0  zlib's CRC-32, going on from value\n"
    "  'sieve', below            how many primes are below the number; takes half as many bytes\n"
    "  'queens', n, column=0     the ways to place n queens, 1 to 20, the first in that column\n"
    "Buffers must not be changed until it has settled; they are released then. cancel() as for\n"
    "to_thread(). Raises TypeError and ValueError at once.";
PyObject *cp_to_native(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    const struct kernel *kernel;
    struct kernel_call *call;
    PyObject *promise = NULL;
    LoopObject *loop;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "to_native(name, *args): the name is missing");
        return NULL;
    }
    if (!(kernel = find_kernel(args[0])) || !(loop = loop_current(state_of_module(module))))
        return NULL;
    if (!(call = PyMem_Calloc(1, sizeof *call))) {
        PyErr_NoMemory();
    } else {
        call->kernel = kernel;
        call->errand =
            (struct errand){.name = "to_native", .settle = settle_kernel, .free = free_kernel};
        if (get_arguments(call, args + 1, nargs - 1) < 0)
            free_kernel(&call->errand);
        else
            promise = errand_send(loop, &call->errand, CP_POOL_PLAIN, run_kernel);
    }
    Py_DECREF(loop);
    return promise;
}
