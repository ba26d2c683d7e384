/* py_file.c - open_file and the File type: what a caller may ask for. How it is done is in
 * py_file_ops.c (order, positions, answers) and py_file_work.c (system calls, on the pool). */
#include "py_file.h"
#include "py_stream.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BUFFERING = 64 * 1024 };

/* ---- Asking for an operation */

/* An operation, or NULL with *answer: a promise that is rejected already, or NULL with an
 * exception. */
static struct file_op *ask(FileObject *self, enum file_call call, const char *what,
                           PyObject **answer) {
    struct file_op *op;
    *answer = NULL;
    if (loop_check(self->loop, "use a file of") < 0)
        return NULL;
    if (!self->closing && (op = file_op_new(self, call)))
        return op;
    if (!self->closing)
        return NULL;
    PyErr_Format(PyExc_ValueError, "%s of closed file %R", what, self->name);
    *answer = stream_rejected_raised(self->loop);
    return NULL;
}

/* For calls that need a mode: 0, or -1 with io.UnsupportedOperation. */
static int check_mode(FileObject *self, bool writes) {
    const int access = self->flags & O_ACCMODE;
    PyObject *io, *type;
    if (access == O_RDWR || access == (writes ? O_WRONLY : O_RDONLY))
        return 0;
    if ((io = PyImport_ImportModule("io"))) {
        if ((type = PyObject_GetAttrString(io, "UnsupportedOperation")))
            PyErr_Format(type, "file %R was opened with mode '%s': not %s", self->name, self->mode,
                         writes ? "writable" : "readable");
        Py_XDECREF(type);
        Py_DECREF(io);
    }
    return -1;
}

/* The same as an operation: a promise that is rejected in *answer, where the mode is wrong. */
static struct file_op *ask_mode(FileObject *self, enum file_call call, bool writes,
                                PyObject **answer) {
    struct file_op *op = ask(self, call, writes ? "write" : "read", answer);
    if (!op || check_mode(self, writes) == 0)
        return op;
    file_op_free(op);
    *answer = stream_rejected_raised(self->loop);
    return NULL;
}

static PyObject *simple(FileObject *self, enum file_call call, const char *what) {
    PyObject *answer;
    struct file_op *op = ask(self, call, what, &answer);
    return op ? file_queue(op) : answer;
}

/* ---- Reading */

/* The number of bytes to read from an argument: -1 for all. 0 or -1. */
static int count_of(PyObject *arg, Py_ssize_t *count) {
    *count = -1;
    if (arg == Py_None)
        return 0;
    *count = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    return *count == -1 && PyErr_Occurred() ? -1 : 0;
}

PyDoc_STRVAR(
    read_doc,
    "read($self, n=-1, /) -> Promise[bytes]\n--\n\n"
    "n bytes from the position on, fewer only at the end of the file; all of the rest if n "
    "is\nnegative or None. Rejects with OSError.");
static PyObject *file_read(FileObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t count = -1;
    PyObject *answer;
    struct file_op *op;
    if (!check_nargs("read", nargs, 0, 1) || (nargs && count_of(args[0], &count) < 0))
        return NULL;
    if (!(op = ask_mode(self, count < 0 ? FILE_READ_ALL : FILE_READ, false, &answer)))
        return answer;
    op->wanted = count;
    return file_queue(op);
}

PyDoc_STRVAR(readinto_doc,
             "readinto($self, buffer, /) -> Promise[int]\n--\n\n"
             "Fills a writable buffer, which is held until then; how many bytes there were: fewer "
             "than\nit has room for only at the end of the file.");
static PyObject *file_readinto(FileObject *self, PyObject *buffer) {
    PyObject *answer;
    struct file_op *op = ask_mode(self, FILE_READINTO, false, &answer);
    if (!op)
        return answer;
    if (PyObject_GetBuffer(buffer, &op->view, PyBUF_WRITABLE) < 0) {
        file_op_free(op);
        return NULL;
    }
    return file_queue(op);
}

PyDoc_STRVAR(readline_doc, "readline($self, /) -> Promise[bytes]\n--\n\n"
                           "The next line with its end; b'' at the end of the file.");
static PyObject *file_readline(FileObject *self, PyObject *Py_UNUSED(args)) {
    PyObject *answer;
    struct file_op *op = ask_mode(self, FILE_LINE, false, &answer);
    return op ? file_queue(op) : answer;
}

static PyObject *file_anext(FileObject *self) {
    PyObject *answer;
    struct file_op *op = ask_mode(self, FILE_NEXT, false, &answer);
    return op ? file_queue(op) : answer;
}

/* ---- Writing */

PyDoc_STRVAR(write_doc,
             "write($self, data, /) -> Promise[int]\n--\n\n"
             "Writes all of data at the position; its length. When that is settled the kernel has "
             "the\nbytes: there is no buffer to flush. Other objects than bytes are copied. After "
             "an OSError\nthe position is behind what could be written.");
static PyObject *file_write(FileObject *self, PyObject *data) {
    PyObject *answer;
    struct file_op *op = ask_mode(self, FILE_WRITE, true, &answer);
    if (!op)
        return answer;
    if (PyUnicode_Check(data))
        PyErr_SetString(PyExc_TypeError, "write(data): bytes are needed, not str; encode() it");
    else
        op->bytes = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
    if (!op->bytes) {
        file_op_free(op);
        return NULL;
    }
    return file_queue(op);
}

PyDoc_STRVAR(writelines_doc, "writelines($self, iterable, /) -> Promise[int]\n--\n\n"
                             "write() of all chunks together.");
static PyObject *file_writelines(FileObject *self, PyObject *iterable) {
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0), *joined, *promise;
    joined = empty ? PyObject_CallMethod(empty, "join", "O", iterable) : NULL;
    promise = joined ? file_write(self, joined) : NULL;
    Py_XDECREF(empty);
    Py_XDECREF(joined);
    return promise;
}

PyDoc_STRVAR(truncate_doc, "truncate($self, size=None, /) -> Promise[int]\n--\n\n"
                           "Makes the file size bytes long, None: as long as the position says; "
                           "the new size. The\nposition stays.");
static PyObject *file_truncate(FileObject *self, PyObject *const *args, Py_ssize_t nargs) {
    PyObject *answer;
    int64_t size = -1;
    struct file_op *op;
    if (!check_nargs("truncate", nargs, 0, 1))
        return NULL;
    if (nargs && args[0] != Py_None && (size = PyLong_AsLongLong(args[0])) < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "truncate(size): not negative, not %S", args[0]);
        return NULL;
    }
    if (!(op = ask_mode(self, FILE_TRUNCATE, true, &answer)))
        return answer;
    op->offset = size;
    return file_queue(op);
}

PyDoc_STRVAR(flush_doc, "flush($self, /) -> Promise[None]\n--\n\n"
                        "Settles when all that was asked for before is done. See sync().");
static PyObject *file_flush(FileObject *self, PyObject *Py_UNUSED(args)) {
    return simple(self, FILE_FLUSH, "flush");
}

PyDoc_STRVAR(sync_doc, "sync($self, /) -> Promise[None]\n--\n\n"
                       "fsync(2): settles when what was written is on the disk.");
static PyObject *file_sync(FileObject *self, PyObject *Py_UNUSED(args)) {
    return simple(self, FILE_SYNC, "sync");
}

/* ---- Position */

PyDoc_STRVAR(seek_doc, "seek($self, offset, whence=0, /) -> Promise[int]\n--\n\n"
                       "Moves the position, once what was asked for before is done: by offset "
                       "bytes from the start,\nthe position (1), the end (2); os.SEEK_DATA and "
                       "os.SEEK_HOLE as well. The new position.");
static PyObject *file_seek(FileObject *self, PyObject *const *args, Py_ssize_t nargs) {
    PyObject *answer;
    int64_t offset;
    int whence = SEEK_SET;
    struct file_op *op;
    if (!check_nargs("seek", nargs, 1, 2))
        return NULL;
    offset = PyLong_AsLongLong(args[0]);
    if (!PyErr_Occurred() && nargs > 1)
        whence = (int)PyLong_AsLong(args[1]);
    if (PyErr_Occurred())
        return NULL;
    if (whence < SEEK_SET || whence > SEEK_HOLE)
        return PyErr_Format(PyExc_ValueError, "seek(offset, whence): whence is 0 to 4, not %d",
                            whence);
    if (!(op = ask(self, FILE_SEEK, "seek", &answer)))
        return answer;
    op->offset = offset;
    op->whence = whence;
    return file_queue(op);
}

PyDoc_STRVAR(tell_doc, "tell($self, /) -> Promise[int]\n--\n\n"
                       "The position, once what was asked for before is done.");
static PyObject *file_tell(FileObject *self, PyObject *Py_UNUSED(args)) {
    return simple(self, FILE_TELL, "tell");
}

/* ---- Closing */

/* Nothing is under way, and no pool is there any more. */
static void close_here(FileObject *self) {
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

PyDoc_STRVAR(file_close_doc,
             "close($self, /) -> Promise[None]\n--\n\n"
             "Closes the file once all that was asked for before is done. Also when its loop is "
             "closed.");
static PyObject *file_close(FileObject *self, PyObject *Py_UNUSED(args)) {
    /* what a thread that was left behind still uses is closed when that has ended */
    struct file_op *op;
    if (self->loop->open && loop_check(self->loop, "close a file of") < 0)
        return NULL;
    if (!self->loop->open && !self->first)
        close_here(self);
    if (!self->loop->open || self->closing || self->fd < 0) {
        self->closing = true;
        return loop_settled_none(self->loop);
    }
    if (!(op = file_op_new(self, FILE_CLOSE)))
        return NULL;
    self->closing = true;
    return file_queue(op);
}

static PyObject *file_aenter(FileObject *self, PyObject *Py_UNUSED(args)) {
    PromiseObject *p;
    if (loop_check(self->loop, "use a file of") < 0 || !(p = promise_new(self->loop)))
        return NULL;
    promise_fulfil(p, Py_NewRef(self));
    return (PyObject *)p;
}

static PyObject *file_aexit(FileObject *self, PyObject *Py_UNUSED(args)) {
    return file_close(self, NULL);
}

/* ---- What can be seen of a file */

PyDoc_STRVAR(fileno_doc,
             "fileno($self, /) -> int\n--\n\n"
             "The descriptor, which stays the file's. Its own offset is not the position of the "
             "file: reads\nand writes name their place.");
static PyObject *file_fileno(FileObject *self, PyObject *Py_UNUSED(args)) {
    if (!self->closing)
        return PyLong_FromLong(self->fd);
    return PyErr_Format(PyExc_ValueError, "fileno of closed file %R", self->name);
}

static PyObject *file_get_closed(FileObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->closing);
}

static PyObject *file_get_mode(FileObject *self, void *Py_UNUSED(closure)) {
    return PyUnicode_FromString(self->mode);
}

static PyObject *file_repr(FileObject *self) {
    return PyUnicode_FromFormat("<cpromise.File %R mode='%s'%s>", self->name, self->mode,
                                self->closing ? " closed" : "");
}

/* ---- Opening */

static int mode_error(const char *mode) {
    PyErr_Format(PyExc_ValueError,
                 strchr(mode, 'b') && !strchr(mode, 't')
                     ? "open_file(path, mode): one of r, w, x, a, then b, and + or not; not '%s'"
                     : "open_file(path, mode): files are binary, as in 'rb'; decode() what you "
                       "read, encode() what you write; not '%s'",
                 mode);
    return -1;
}

/* The flags of open(2) for a mode, and the mode as it is shown. 0 or -1. */
static int parse_mode(FileObject *self, const char *mode) {
    static const struct {
        char letter;
        int flags;
    } kinds[] = {
        {'r', 0}, {'w', O_CREAT | O_TRUNC}, {'x', O_CREAT | O_EXCL}, {'a', O_CREAT | O_APPEND}};
    const bool plus = strchr(mode, '+');
    size_t length = strlen(mode), seen = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strchr(mode, kinds[i].letter)) {
            seen++;
            self->flags = kinds[i].flags | (plus                     ? O_RDWR
                                            : kinds[i].letter == 'r' ? O_RDONLY
                                                                     : O_WRONLY);
            self->mode[0] = kinds[i].letter;
        }
    if (seen != 1 || !strchr(mode, 'b') || length != (size_t)(plus ? 3 : 2))
        return mode_error(mode);
    self->mode[1] = 'b';
    self->mode[2] = plus ? '+' : 0;
    return 0;
}

static int set_path(FileObject *self, PyObject *path) {
    PyObject *bytes;
    if (PyLong_Check(path)) {
        self->fd = PyObject_AsFileDescriptor(path);
        return self->fd < 0 ? -1 : 0;
    }
    if (!PyUnicode_FSConverter(path, &bytes))
        return -1;
    if ((self->path = PyMem_Malloc((size_t)PyBytes_GET_SIZE(bytes) + 1)))
        strcpy(self->path, PyBytes_AS_STRING(bytes));
    else
        PyErr_NoMemory();
    Py_DECREF(bytes);
    return self->path ? 0 : -1;
}

static FileObject *file_new(LoopObject *loop, PyObject *path, const char *mode,
                            Py_ssize_t buffering) {
    FileObject *self = (FileObject *)loop->state->File->tp_alloc(loop->state->File, 0);
    if (!self)
        return NULL;
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->name = Py_NewRef(path);
    self->fd = -1;
    self->buffering = buffering < 0 ? BUFFERING : (size_t)buffering;
    if (parse_mode(self, mode) == 0 && set_path(self, path) == 0)
        return self;
    self->fd = -1; /* a descriptor that was not taken over */
    Py_DECREF(self);
    return NULL;
}

const char cp_open_file_doc[] =
    "open_file(path, mode='rb', *, buffering=-1) -> Promise[File]\n--\n\n"
    "Opens a file without blocking the loop: this and all that is done with the File runs on the\n"
    "loop's pool of threads, in the order of the calls. path: str, bytes, os.PathLike, or a\n"
    "descriptor, which the File takes over. mode: as for open(), binary only. buffering: so many\n"
    "bytes are read at once where less is asked for; -1: 64 KiB, 0: none. Rejects with OSError.\n"
    "A pipe or a terminal occupies a thread of the pool until there is something to read.";
PyObject *cp_open_file(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"path", "mode", "buffering", NULL};
    const char *mode = "rb";
    Py_ssize_t buffering = -1;
    PyObject *path, *promise = NULL;
    LoopObject *loop;
    FileObject *file;
    struct file_op *op;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|s$n:open_file", keywords, &path, &mode,
                                     &buffering) ||
        !(loop = loop_current(state_of_module(module))))
        return NULL;
    if ((file = file_new(loop, path, mode, buffering))) {
        if ((op = file_op_new(file, FILE_OPEN)))
            promise = file_queue(op);
        Py_DECREF(file);
    }
    Py_DECREF(loop);
    return promise;
}

/* ---- The type */

static int file_traverse(FileObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->name);
    return 0;
}

static int file_clear(FileObject *self) {
    (void)self; /* whoever is collected with it may still look at its name */
    return 0;
}

static void file_finalize(FileObject *self) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    if (self->fd >= 0 && self->given && !self->closing &&
        PyErr_ResourceWarning((PyObject *)self, 1, "unclosed file %R", self) < 0) {
        if (PyErr_ExceptionMatches(PyExc_Warning))
            PyErr_WriteUnraisable((PyObject *)self);
        PyErr_Clear();
    }
    close_here(self);
    self->closing = true;
    if (raised)
        restore_raised(raised);
}

static void file_dealloc(FileObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    PyMem_Free(self->ahead);
    PyMem_Free(self->path);
    Py_XDECREF(self->name);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

#define FASTCALL(fn) (PyCFunction)(void (*)(void))(fn), METH_FASTCALL

static PyMethodDef file_methods[] = {
    {"read", FASTCALL(file_read), read_doc},
    {"readinto", (PyCFunction)file_readinto, METH_O, readinto_doc},
    {"readline", (PyCFunction)file_readline, METH_NOARGS, readline_doc},
    {"write", (PyCFunction)file_write, METH_O, write_doc},
    {"writelines", (PyCFunction)file_writelines, METH_O, writelines_doc},
    {"truncate", FASTCALL(file_truncate), truncate_doc},
    {"flush", (PyCFunction)file_flush, METH_NOARGS, flush_doc},
    {"sync", (PyCFunction)file_sync, METH_NOARGS, sync_doc},
    {"seek", FASTCALL(file_seek), seek_doc},
    {"tell", (PyCFunction)file_tell, METH_NOARGS, tell_doc},
    {"close", (PyCFunction)file_close, METH_NOARGS, file_close_doc},
    {"fileno", (PyCFunction)file_fileno, METH_NOARGS, fileno_doc},
    {"__aenter__", (PyCFunction)file_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)file_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef file_members[] = {
    {"name", T_OBJECT_EX, offsetof(FileObject, name), READONLY, "the path as it was given"},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef file_getset[] = {
    {"closed", (getter)file_get_closed, NULL, "whether close() was called", NULL},
    {"mode", (getter)file_get_mode, NULL, "as 'rb' or 'rb+'", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(file_doc,
             "A file, made by open_file(). Each method returns a promise, and what it does begins "
             "when all that\nwas asked for before has ended. A call that is cancelled before its "
             "turn does nothing; a read\nthat is cancelled later leaves the position where it "
             "was, a write is done all the same. A file\nthat is dropped without close() is closed "
             "with a ResourceWarning.");

static PyType_Slot file_slots[] = {
    {Py_tp_doc, (void *)file_doc},    {Py_tp_dealloc, file_dealloc},
    {Py_tp_finalize, file_finalize},  {Py_tp_traverse, file_traverse},
    {Py_tp_clear, file_clear},        {Py_tp_repr, file_repr},
    {Py_am_aiter, PyObject_SelfIter}, {Py_am_anext, file_anext},
    {Py_tp_methods, file_methods},    {Py_tp_members, file_members},
    {Py_tp_getset, file_getset},      {0, NULL},
};

PyType_Spec file_spec = {
    .name = "cpromise.File",
    .basicsize = sizeof(FileObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = file_slots,
};
