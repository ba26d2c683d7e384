/* py_sendfile.c - Stream.sendfile: a range of a file takes its place in the stream's queue, and the
 * kernel copies it. Where the kernel does not (TLS; files without pages, such as pipes), the file is
 * read on a pool thread and written (_functions.py). */
#include "py_stream.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { AT_ONCE = 1 << 20 }; /* bytes a call: a loop has other streams, too */

struct sending {
    struct operation operation;
    struct cp_file_range range;
    PromiseObject *promise;
    PyObject *file;
    StreamObject *stream; /* whose `file` this is */
    int64_t left, sent;   /* bytes */
    uint32_t before;      /* chunks of the queue that go first */
};

/* ---- What the queue of writes asks */

bool sendfile_is_next(const StreamObject *self) {
    return self->file && !self->file->before;
}

uint32_t sendfile_chunks_before(const StreamObject *self) {
    return self->file ? self->file->before : UINT32_MAX;
}

void sendfile_chunk_sent(StreamObject *self) {
    if (self->file)
        self->file->before--;
}

void sendfile_aim(StreamObject *self) {
    struct cp_op *op = &self->write_op;
    op->kind = CP_OP_SENDFILE;
    op->buf = &self->file->range;
    op->len = self->file->left < AT_ONCE ? (size_t)self->file->left : AT_ONCE;
}

/* Takes it off the stream: whoever calls settles the promise and frees it. */
static struct sending *detach(StreamObject *self) {
    struct sending *file = self->file;
    self->file = NULL;
    if (file->promise->core.self.ok == &file->operation)
        file->promise->core.self.ok = NULL;
    return file;
}

static void free_sending(struct sending *file) {
    close(file->range.fd);
    Py_DECREF(file->promise);
    Py_DECREF(file->file);
    PyMem_Free(file);
}

void sendfile_failed(StreamObject *self, int err) {
    struct sending *file;
    if (!self->file)
        return;
    file = detach(self);
    stream_reject(self, file->promise, err, "sendfile");
    free_sending(file);
}

/* The rest of it is read and written: the promise follows that. */
static void fall_back(StreamObject *self) {
    struct sending *file = detach(self);
    PyObject *copied = PyObject_CallFunction(
        self->loop->state->copy_file, "OOLL", self, file->file, (long long)file->range.offset,
        (long long)(file->left == INT64_MAX ? -1 : file->left));
    if (!copied || promise_resolve(file->promise, copied) < 0)
        promise_reject(file->promise, take_raised());
    free_sending(file);
}

bool sendfile_progress(StreamObject *self, ssize_t result) {
    struct sending *file = self->file;
    if (!file) /* cancelled meanwhile */
        return result >= 0 || result == -ECANCELED;
    if ((result == -EINVAL || result == -ENOSYS || result == -ESPIPE) && !file->sent) {
        fall_back(self);
        return true;
    }
    if (result < 0)
        return false;
    file->sent += result;
    file->left -= file->left == INT64_MAX ? 0 : result;
    file->range.offset += result;
    if (result && file->left)
        return true;
    file = detach(self);
    promise_resolve(file->promise, PyLong_FromLongLong(file->sent)); /* a number is no thenable */
    free_sending(file);
    return true;
}

void sendfile_traverse_into(StreamObject *self, PyObject **promise, PyObject **file) {
    *promise = self->file ? (PyObject *)self->file->promise : NULL;
    *file = self->file ? self->file->file : NULL;
}

/* What is on its way cannot be taken back; no more follows it. */
static void cancelled(struct operation *operation) {
    struct sending *file = cp_container_of(operation, struct sending, operation);
    StreamObject *self = file->stream;
    bool under_way = self->write_op.pending && self->write_op.kind == CP_OP_SENDFILE;
    self->file = NULL;
    free_sending(file);
    if (under_way)
        cp_io_cancel(&self->loop->core, &self->write_op);
}

/* ---- The call */

/* It reads from a descriptor of its own: the caller's may be closed, and its number used again,
 * meanwhile. */
static struct sending *sending_new(StreamObject *self, PyObject *file, int fd, int64_t offset,
                                   int64_t count) {
    struct sending *new = PyMem_Malloc(sizeof *new);
    int own = new ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own < 0) {
        if (new)
            PyErr_SetFromErrno(PyExc_OSError);
        else
            PyErr_NoMemory();
        PyMem_Free(new);
        return NULL;
    }
    *new = (struct sending){.operation.cancelled = cancelled,
                            .range = {own, offset},
                            .promise = promise_new(self->loop),
                            .file = Py_NewRef(file),
                            .stream = self,
                            .left = count < 0 ? INT64_MAX : count,
                            .before = self->count};
    if (new->promise) {
        new->promise->core.self.job.kind = KIND_OPERATION;
        new->promise->core.self.ok = &new->operation;
        return new;
    }
    close(own);
    Py_DECREF(file);
    PyMem_Free(new);
    return NULL;
}

static PyObject *copied_by_hand(StreamObject *self, PyObject *file, int64_t offset, int64_t count) {
    PyObject *coro = PyObject_CallFunction(self->loop->state->copy_file, "OOLL", self, file,
                                           (long long)offset, (long long)count);
    return coro ? (PyObject *)task_new(self->loop, coro) : NULL;
}

const char stream_sendfile_doc[] =
    "sendfile(file, offset=0, count=None) -> Promise[int]\n--\n\n"
    "Sends count bytes of a file (None: all to its end) from the byte at offset on, in its place\n"
    "among the writes; the promise of how many. file: a descriptor, or an object with fileno();\n"
    "its position stays. The kernel copies; over TLS, and where it cannot, a thread reads.";
PyObject *stream_sendfile(StreamObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"file", "offset", "count", NULL};
    PyObject *file, *given = Py_None, *promise;
    long long offset = 0, count = -1;
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|LO:sendfile", keywords, &file, &offset,
                                     &given) ||
        (given != Py_None && (count = PyLong_AsLongLong(given)) == -1 && PyErr_Occurred()) ||
        (fd = PyObject_AsFileDescriptor(file)) < 0 ||
        loop_check(self->loop, "write to a stream of") < 0)
        return NULL;
    if (offset < 0 || (given != Py_None && count < 0))
        return PyErr_Format(PyExc_ValueError, "sendfile(file, offset, count): not negative");
    if (!(promise = stream_refuse_write(self)) && PyErr_Occurred())
        return NULL;
    if (promise)
        return promise;
    if (self->file)
        return stream_rejected(self, PyExc_RuntimeError,
                               "a sendfile of this stream is pending already; await it first");
    if (count == 0)
        return stream_fulfilled(self, PyLong_FromLong(0));
    if (self->tls)
        return copied_by_hand(self, file, offset, count);
    if (!(self->file = sending_new(self, file, fd, offset, count)))
        return NULL;
    promise = Py_NewRef(self->file->promise);
    stream_flush(self);
    return promise;
}
