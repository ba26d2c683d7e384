/* py_file_ops.c - the operations of a file, one after the other. Each begins when the one before it
 * has ended; what needs no system call that may block ends where it begins, the rest goes to the
 * pool and comes home through the loop's inbox.
 *
 *   an operation is cancelled      what becomes of it
 *   -------------------------      ------------------
 *   before its turn                it is left out; close() is not
 *   on the pool: a read, a seek    its result is dropped, the position is where it was before
 *   on the pool: a write           it is done all the same, and the position is behind it
 *   on the pool: open, close       it is done; a file that nobody gets is closed */
#include "py_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINE_ROOM = 8192 }; /* read ahead for lines, at least */

struct file_op *file_op_new(FileObject *file, enum file_call call) {
    struct file_op *op = PyMem_Calloc(1, sizeof *op);
    if (!op)
        return (struct file_op *)PyErr_NoMemory();
    if (!(op->promise = promise_new(file->loop))) {
        PyMem_Free(op);
        return NULL;
    }
    op->file = (FileObject *)Py_NewRef(file);
    op->call = (uint8_t)call;
    return op;
}

void file_op_free(struct file_op *op) {
    if (op->view.obj)
        PyBuffer_Release(&op->view);
    Py_XDECREF(op->bytes);
    Py_DECREF(op->promise);
    Py_DECREF(op->file);
    PyMem_Free(op);
}

static bool abandoned(const struct file_op *op) {
    return cp_promise_state(&op->promise->core) != CP_PENDING;
}

/* ---- Outcomes: each settles the promise, if it still waits */

static void succeed(struct file_op *op, PyObject *value) {
    if (value)
        promise_fulfil(op->promise, value);
    else
        promise_reject(op->promise, take_raised());
}

static void fail_with(struct file_op *op, int err) {
    PyObject *error =
        PyObject_CallFunction(PyExc_OSError, "isO", -err, strerror(-err), op->file->name);
    promise_reject(op->promise, error ? error : take_raised());
}

static void fail_closed(struct file_op *op) {
    PyErr_SetString(op->file->loop->state->LoopClosedError,
                    "the loop was closed before this operation of a file was done");
    promise_reject(op->promise, take_raised());
}

/* ---- Bytes that were read ahead */

static void consume(FileObject *file, size_t size) {
    file->start += size;
    file->length -= size;
    file->position += (int64_t)size;
}

static PyObject *take_ahead(FileObject *file, size_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(file->ahead + file->start, (Py_ssize_t)size);
    if (bytes)
        consume(file, size);
    return bytes;
}

/* The position moves: what was read ahead is kept as far as it lies behind the new one. */
static void move_to(FileObject *file, int64_t position) {
    int64_t skipped = position - file->position;
    if (skipped >= 0 && skipped <= (int64_t)file->length) {
        consume(file, (size_t)skipped);
    } else {
        file->start = file->length = 0;
        file->position = position;
    }
}

/* The file changes: what was read ahead may not be true any more. A pipe's cannot be read again. */
static void forget_ahead(FileObject *file) {
    if (file->seekable)
        file->start = file->length = 0;
}

/* Makes room for at least `room` bytes from the position on. 0 or -1. */
static int make_room(FileObject *file, size_t room) {
    char *ahead;
    if (file->start)
        memmove(file->ahead, file->ahead + file->start, file->length);
    file->start = 0;
    if (room <= file->room)
        return 0;
    if (!(ahead = PyMem_Realloc(file->ahead, room))) {
        PyErr_NoMemory();
        return -1;
    }
    file->ahead = ahead;
    file->room = room;
    return 0;
}

/* ---- Beginning. 1: the promise is settled, 0: to be done on the pool, -1: exception */

/* The pool reads on behind what is there, until `least` bytes are. */
static int read_ahead(struct file_op *op, size_t room, size_t least) {
    FileObject *file = op->file;
    if (make_room(file, room) < 0)
        return -1;
    op->buf = file->ahead;
    op->room = file->room;
    op->filled = file->length;
    op->least = least;
    return 0;
}

/* The pool reads straight into memory of the caller's answer, behind what was read ahead. */
static void read_into(struct file_op *op, char *to, size_t size) {
    FileObject *file = op->file;
    op->buf = to;
    op->room = op->least = size;
    op->filled = file->length < size ? file->length : size;
    if (op->filled)
        memcpy(to, file->ahead + file->start, op->filled);
}

static int begin_read(struct file_op *op) {
    FileObject *file = op->file;
    size_t wanted = (size_t)op->wanted;
    if (wanted <= file->length) {
        succeed(op, take_ahead(file, wanted));
        return 1;
    }
    if (wanted < file->buffering)
        return read_ahead(op, file->buffering, wanted);
    if (!op->bytes && !(op->bytes = PyBytes_FromStringAndSize(NULL, op->wanted)))
        return -1;
    read_into(op, PyBytes_AS_STRING(op->bytes), wanted);
    return 0;
}

static int begin_read_all(struct file_op *op) {
    FileObject *file = op->file;
    int64_t left = file->size - file->position;
    Py_ssize_t room = left > 0 ? (Py_ssize_t)left + 1 : (Py_ssize_t)LINE_ROOM;
    if (room < (Py_ssize_t)file->length)
        room = (Py_ssize_t)file->length + LINE_ROOM;
    if (!(op->bytes = PyBytes_FromStringAndSize(NULL, room)))
        return -1;
    read_into(op, PyBytes_AS_STRING(op->bytes), (size_t)room);
    return 0;
}

/* The line that was read ahead, from the bytes `searched` on. Whether there is one. */
static bool take_line(struct file_op *op, size_t searched) {
    FileObject *file = op->file;
    const char *from = file->ahead + file->start;
    const char *end =
        file->length > searched ? memchr(from + searched, '\n', file->length - searched) : NULL;
    if (end)
        succeed(op, take_ahead(file, (size_t)(end - from) + 1));
    return end;
}

/* A line may be longer than all room so far. */
static int read_on_for_line(struct file_op *op) {
    FileObject *file = op->file;
    size_t room = file->buffering > LINE_ROOM ? file->buffering : LINE_ROOM;
    return read_ahead(op, file->length < room ? room : 2 * file->length, file->length + 1);
}

static int end_readinto(struct file_op *op) {
    move_to(op->file, op->file->position + (int64_t)op->filled);
    succeed(op, PyLong_FromSize_t(op->filled));
    return 1;
}

static int begin_readinto(struct file_op *op) {
    read_into(op, op->view.buf, (size_t)op->view.len);
    return op->filled < op->room ? 0 : end_readinto(op);
}

static int begin_write(struct file_op *op) {
    op->buf = PyBytes_AS_STRING(op->bytes);
    op->room = (size_t)PyBytes_GET_SIZE(op->bytes);
    op->offset = op->file->position;
    return 0;
}

static int begin_seek(struct file_op *op) {
    FileObject *file = op->file;
    int64_t target = op->offset;
    if (op->whence > SEEK_CUR)
        return 0;
    if (!file->seekable) {
        fail_with(op, -ESPIPE);
    } else if ((op->whence == SEEK_CUR &&
                __builtin_add_overflow(file->position, op->offset, &target)) ||
               target < 0) {
        fail_with(op, -EINVAL);
    } else {
        move_to(file, target);
        succeed(op, PyLong_FromLongLong(target));
    }
    return 1;
}

static int begin_tell(struct file_op *op) {
    if (op->file->seekable)
        succeed(op, PyLong_FromLongLong(op->file->position));
    else
        fail_with(op, -ESPIPE);
    return 1;
}

static int begin_truncate(struct file_op *op) {
    if (op->offset < 0)
        op->offset = op->file->position;
    return 0;
}

static int begin(struct file_op *op) {
    op->offset = op->call >= FILE_READ && op->call <= FILE_NEXT ? op->file->position : op->offset;
    switch (op->call) {
    case FILE_READ:
        return begin_read(op);
    case FILE_READ_ALL:
        return begin_read_all(op);
    case FILE_READINTO:
        return begin_readinto(op);
    case FILE_LINE:
    case FILE_NEXT:
        return take_line(op, 0) ? 1 : read_on_for_line(op);
    case FILE_WRITE:
        return begin_write(op);
    case FILE_SEEK:
        return begin_seek(op);
    case FILE_TELL:
        return begin_tell(op);
    case FILE_TRUNCATE:
        return begin_truncate(op);
    case FILE_FLUSH:
        succeed(op, Py_NewRef(Py_None));
        return 1;
    default:
        return 0;
    }
}

/* ---- Ending, with what the pool brought home. 1: the promise is settled, 0: the pool has to go
 * on, -1: exception */

/* What was read ahead for an answer of at most `wanted` bytes. */
static int end_ahead(struct file_op *op, size_t wanted) {
    FileObject *file = op->file;
    file->length = op->filled;
    succeed(op, take_ahead(file, wanted < file->length ? wanted : file->length));
    return 1;
}

static int end_read(struct file_op *op) {
    PyObject *bytes = op->bytes;
    if (!bytes)
        return end_ahead(op, (size_t)op->wanted);
    op->bytes = NULL;
    if (_PyBytes_Resize(&bytes, (Py_ssize_t)op->filled) == 0)
        move_to(op->file, op->file->position + (int64_t)op->filled);
    succeed(op, bytes);
    return 1;
}

static int end_read_all(struct file_op *op) {
    int64_t more = op->result - op->offset - (int64_t)op->filled;
    Py_ssize_t room =
        (Py_ssize_t)op->room + (more > 0 ? (Py_ssize_t)more : (Py_ssize_t)op->room) + 1;
    if (op->eof)
        return end_read(op);
    if (_PyBytes_Resize(&op->bytes, room) < 0)
        return -1;
    op->buf = PyBytes_AS_STRING(op->bytes);
    op->room = op->least = (size_t)room;
    return 0;
}

static int end_line(struct file_op *op) {
    FileObject *file = op->file;
    size_t searched = file->length;
    file->length = op->filled;
    if (take_line(op, searched))
        return 1;
    if (!op->eof)
        return read_on_for_line(op);
    if (file->length || op->call == FILE_LINE)
        return end_ahead(op, file->length);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return -1;
}

static int end_write(struct file_op *op) {
    forget_ahead(op->file);
    op->file->position = op->offset;
    if (op->file->size < op->offset)
        op->file->size = op->offset;
    if (op->error)
        fail_with(op, op->error);
    else
        succeed(op, PyLong_FromLongLong(op->result));
    return 1;
}

static int end_seek(struct file_op *op) {
    move_to(op->file, op->result);
    succeed(op, PyLong_FromLongLong(op->result));
    return 1;
}

static int end_truncate(struct file_op *op) {
    forget_ahead(op->file);
    succeed(op, PyLong_FromLongLong(op->offset));
    return 1;
}

/* A file that was opened for nobody is closed without a warning. */
static int end_open(struct file_op *op) {
    if (!abandoned(op))
        op->file->given = true;
    succeed(op, Py_NewRef(op->file));
    return 1;
}

static int end(struct file_op *op) {
    if (op->call == FILE_WRITE)
        return end_write(op);
    if (op->error) {
        fail_with(op, op->error);
        return 1;
    }
    if (abandoned(op) && op->call != FILE_TRUNCATE)
        return 1;
    switch (op->call) {
    case FILE_OPEN:
        return end_open(op);
    case FILE_READ:
        return end_read(op);
    case FILE_READ_ALL:
        return end_read_all(op);
    case FILE_READINTO:
        return end_readinto(op);
    case FILE_LINE:
    case FILE_NEXT:
        return end_line(op);
    case FILE_SEEK:
        return end_seek(op);
    case FILE_TRUNCATE:
        return end_truncate(op);
    default:
        succeed(op, Py_NewRef(Py_None));
        return 1;
    }
}

/* ---- The queue */

static void pop(FileObject *file) {
    struct file_op *op = file->first;
    if (!(file->first = op->next))
        file->last = NULL;
    file_op_free(op);
}

static void come_home(struct native_work *work);
static void never_ran(struct native_work *work);
static void free_work(struct native_work *work);

/* 1: over, 0: on its way. */
static int send_to_pool(struct file_op *op) {
    int err;
    op->work.core = (struct cp_work){.run = file_work, .job.kind = KIND_NATIVE};
    op->work.home = come_home;
    op->work.never = never_ran;
    op->work.free = free_work;
    if ((err = cp_work_submit(&op->file->loop->core, &op->work.core)) == 0)
        return 0;
    fail_with(op, err);
    return 1;
}

/* A loop that closes begins nothing, and closes a file itself. */
static int begin_while_closing(struct file_op *op) {
    if (op->call != FILE_CLOSE) {
        fail_closed(op);
        return 1;
    }
    file_work(&op->work.core, NULL);
    return end(op);
}

static int start(struct file_op *op) {
    int over;
    if (abandoned(op) && op->call != FILE_CLOSE)
        return 1;
    if (op->file->loop->closing)
        return begin_while_closing(op);
    if ((over = begin(op)) == 0)
        over = send_to_pool(op);
    if (over < 0)
        promise_reject(op->promise, take_raised());
    return over;
}

static void run_queue(FileObject *file) {
    Py_INCREF(file); /* the last operation may be all that holds it */
    while (file->first && start(file->first))
        pop(file);
    Py_DECREF(file);
}

static void come_home(struct native_work *work) {
    struct file_op *op = cp_container_of(work, struct file_op, work);
    FileObject *file = (FileObject *)Py_NewRef(op->file);
    int over = end(op);
    if (over < 0)
        promise_reject(op->promise, take_raised());
    if (over != 0 || send_to_pool(op)) {
        pop(file);
        run_queue(file);
    }
    Py_DECREF(file);
}

/* The loop closes and no thread got to it, or the thread that is at it is left behind: those that
 * wait for it never begin either. It stays the first until it is freed: so long the descriptor is
 * in use. */
static void never_ran(struct native_work *work) {
    struct file_op *op = cp_container_of(work, struct file_op, work), *next;
    FileObject *file = (FileObject *)Py_NewRef(op->file);
    fail_closed(op);
    file->last = op;
    next = op->next;
    op->next = NULL;
    while ((op = next)) {
        next = op->next;
        fail_closed(op);
        file_op_free(op);
    }
    Py_DECREF(file);
}

static void free_work(struct native_work *work) {
    struct file_op *op = cp_container_of(work, struct file_op, work);
    op->file->first = op->file->last = NULL;
    file_op_free(op);
}

PyObject *file_queue(struct file_op *op) {
    FileObject *file = op->file;
    PyObject *promise = Py_NewRef(op->promise);
    if (file->last)
        file->last->next = op;
    else
        file->first = op;
    file->last = op;
    if (file->first == op)
        run_queue(file);
    return promise;
}
