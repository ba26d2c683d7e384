/* py_process.c - what of spawn() is not Python: starting a program, on a thread of the pool, and
 * waiting for a descriptor. The rest is in cpromise/_process.py.
 *
 * The child shares our memory until it executes the program (vfork), so between the two it calls
 * only what may be called in a signal handler, and leaves word of a failure in the struct itself. */
#include "py_stream.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct spawn {
    struct native_work work;
    LoopObject *loop;       /* a reference, as the others */
    PromiseObject *promise; /* of the process id */
    PyObject *arguments;    /* keeps alive what the arrays point to */
    PyObject *name, *where; /* for messages: the program, and the folder or None */
    char **programs, **argv, **env;
    const char *folder; /* NULL: ours */
    int *keep;          /* descriptors that the child inherits, besides the first three */
    Py_ssize_t kept;
    int stdio[3]; /* -1: ours */
    int group;    /* -1: ours; 0: a new one */
    int session, restore_signals;
    /* left by the worker */
    pid_t pid;
    volatile int error; /* errno of what failed, 0 */
    volatile bool folder_failed;
};

/* ---- In the child: nothing here may allocate, lock or return */

static void give_up(struct spawn *self) {
    self->error = errno;
    _exit(127);
}

/* First out of the way of 0 to 2, then into place. */
static void place_stdio(struct spawn *self) {
    int moved[3];
    for (int i = 0; i < 3; i++)
        if (self->stdio[i] >= 0 && (moved[i] = fcntl(self->stdio[i], F_DUPFD_CLOEXEC, 3)) < 0)
            give_up(self);
    for (int i = 0; i < 3; i++)
        if (self->stdio[i] >= 0 && dup2(moved[i], i) < 0)
            give_up(self);
}

static void close_the_rest(struct spawn *self) {
    const unsigned on_exec = 4; /* CLOSE_RANGE_CLOEXEC */
    long most = -1;
#ifdef SYS_close_range
    most = syscall(SYS_close_range, 3, ~0U, on_exec) == 0 ? 0 : -1;
#else
    (void)on_exec;
#endif
    if (most < 0) /* an older kernel */
        for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (Py_ssize_t i = 0; i < self->kept; i++)
        if (fcntl(self->keep[i], F_SETFD, 0) < 0)
            give_up(self);
}

/* Python ignores SIGPIPE, and pool threads block all: neither is for the child to inherit. */
static void reset_signals(struct spawn *self) {
    sigset_t none;
    for (int number = 1; self->restore_signals && number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As a shell does: of the places where the program may be, an error of one that is there counts. */
static void execute(struct spawn *self) {
    int found = 0;
    for (char **program = self->programs; *program; program++) {
        execve(*program, self->argv, self->env);
        if (errno != ENOENT && errno != ENOTDIR && !found)
            found = errno;
    }
    if (found)
        errno = found;
    give_up(self);
}

static void become(struct spawn *self) {
    if (self->session && setsid() < 0)
        give_up(self);
    if (self->group >= 0 && setpgid(0, self->group) < 0)
        give_up(self);
    place_stdio(self);
    if (self->folder && chdir(self->folder) < 0) {
        self->folder_failed = true;
        give_up(self);
    }
    close_the_rest(self);
    reset_signals(self);
    execute(self);
}

/* ---- On the pool, where all signals are blocked: no handler of ours runs in the child */

static pid_t start(struct spawn *self) {
    pid_t pid = vfork();
    if (pid == 0)
        become(self);
    return pid;
}

static void spawn_on_worker(struct cp_work *work, void *Py_UNUSED(worker)) {
    struct spawn *self = cp_container_of(work, struct spawn, work.core);
    if ((self->pid = start(self)) < 0)
        self->error = errno;
    else if (self->error)
        waitpid(self->pid, NULL, 0);
}

/* The promise was cancelled: nobody will ever know of this process. */
static void reap_on_worker(struct cp_work *work, void *Py_UNUSED(worker)) {
    struct spawn *self = cp_container_of(work, struct spawn, work.core);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* ---- At home */

static void spawn_free(struct native_work *work) {
    struct spawn *self = cp_container_of(work, struct spawn, work);
    PyMem_Free(self->programs);
    PyMem_Free(self->argv);
    PyMem_Free(self->env);
    PyMem_Free(self->keep);
    Py_XDECREF(self->arguments);
    Py_XDECREF(self->name);
    Py_XDECREF(self->where);
    Py_XDECREF(self->promise);
    Py_XDECREF(self->loop);
    PyMem_Free(self);
}

static void spawn_reaped(struct native_work *work) {
    spawn_free(work);
}

static void spawn_never(struct native_work *work) {
    struct spawn *self = cp_container_of(work, struct spawn, work);
    PyErr_SetString(self->loop->state->LoopClosedError, "the loop was closed during a spawn()");
    promise_reject(self->promise, take_raised());
}

static void spawn_failed(struct spawn *self) {
    PyObject *error =
        PyObject_CallFunction(PyExc_OSError, "isO", self->error, strerror(self->error),
                              self->folder_failed ? self->where : self->name);
    promise_reject(self->promise, error ? error : take_raised());
}

/* True: the work is on its way again, to reap what was killed. */
static bool end_for_nobody(struct spawn *self) {
    kill(self->pid, SIGKILL);
    self->work.core.run = reap_on_worker;
    self->work.home = spawn_reaped;
    return cp_work_submit(&self->loop->core, &self->work.core) == 0;
}

static void spawn_home(struct native_work *work) {
    struct spawn *self = cp_container_of(work, struct spawn, work);
    PyObject *pid;
    if (self->error)
        spawn_failed(self);
    else if (cp_promise_state(&self->promise->core) != CP_PENDING && end_for_nobody(self))
        return;
    else if ((pid = PyLong_FromLong(self->pid)))
        promise_fulfil(self->promise, pid);
    else
        promise_reject(self->promise, take_raised());
    spawn_free(work);
}

/* ---- Arguments: tuples of bytes become arrays that point into them */

static char **array_of(PyObject *tuple) {
    Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    char **array = PyMem_Calloc((size_t)size + 1, sizeof *array);
    if (!array)
        return (char **)PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < size; i++)
        if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(tuple, i), &array[i], NULL) < 0) {
            PyMem_Free(array);
            return NULL;
        }
    return array;
}

static int *ints_of(PyObject *tuple) {
    Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    int *array = PyMem_Calloc((size_t)size + 1, sizeof *array);
    if (!array)
        return (int *)PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < size; i++)
        array[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(tuple, i));
    if (PyErr_Occurred()) {
        PyMem_Free(array);
        return NULL;
    }
    return array;
}

static int parse_spawn(struct spawn *self, PyObject *args) {
    PyObject *programs, *argv, *env, *folder, *keep;
    if (!PyArg_ParseTuple(args, "OO!O!O!OO(iii)O!ppi:_spawn", &self->name, &PyTuple_Type, &programs,
                          &PyTuple_Type, &argv, &PyTuple_Type, &env, &folder, &self->where,
                          &self->stdio[0], &self->stdio[1], &self->stdio[2], &PyTuple_Type, &keep,
                          &self->session, &self->restore_signals, &self->group)) {
        self->name = self->where = NULL; /* borrowed yet */
        return -1;
    }
    Py_INCREF(self->name);
    Py_INCREF(self->where);
    self->arguments = Py_NewRef(args);
    if (folder != Py_None && !(self->folder = PyBytes_AsString(folder)))
        return -1;
    self->kept = PyTuple_GET_SIZE(keep);
    return (self->programs = array_of(programs)) && (self->argv = array_of(argv)) &&
                   (self->env = array_of(env)) && (self->keep = ints_of(keep))
               ? 0
               : -1;
}

static PyObject *submit_spawn(struct spawn *self) {
    PyObject *promise = Py_NewRef(self->promise);
    int err;
    self->work = (struct native_work){.core = {.run = spawn_on_worker, .job.kind = KIND_NATIVE},
                                      .home = spawn_home,
                                      .never = spawn_never,
                                      .free = spawn_free};
    if ((err = cp_work_submit(&self->loop->core, &self->work.core)) < 0) {
        promise_reject_errno(self->promise, err, "spawn", self->name);
        spawn_free(&self->work);
    }
    return promise;
}

PyObject *cp_spawn(PyObject *module, PyObject *args) {
    struct spawn *self = PyMem_Calloc(1, sizeof *self);
    if (!self)
        return PyErr_NoMemory();
    if (parse_spawn(self, args) < 0 || !(self->loop = loop_current(state_of_module(module))) ||
        !(self->promise = promise_new(self->loop))) {
        spawn_free(&self->work);
        return NULL;
    }
    return submit_spawn(self);
}

/* ---- Waiting until a descriptor can be read */

struct readiness {
    struct cp_io io;
    struct cp_op op;
    LoopObject *loop;       /* a reference, as the next */
    PromiseObject *promise; /* of None */
};

static void readiness_free(struct readiness *self) {
    if (self->loop)
        cp_io_close(&self->loop->core, &self->io);
    Py_XDECREF(self->promise);
    Py_XDECREF(self->loop);
    PyMem_Free(self);
}

static int became_readable(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    struct readiness *self = cp_container_of(op, struct readiness, op);
    if (op->result == -ECANCELED) {
        PyErr_SetString(self->loop->state->LoopClosedError,
                        "the loop was closed while a process was waited for");
        promise_reject(self->promise, take_raised());
    } else if (op->result < 0) {
        promise_reject_errno(self->promise, (int)op->result, "poll", NULL);
    } else {
        promise_fulfil(self->promise, Py_NewRef(Py_None));
    }
    readiness_free(self);
    return 0;
}

/* Takes fd over. 0, or -1 with an exception, fd is the caller's then. */
static int watch(struct readiness *self, int fd) {
    int done = cp_io_open(&self->loop->core, &self->io, fd);
    if (done == 0) {
        self->op = (struct cp_op){.kind = CP_OP_POLL_IN, .done = became_readable};
        if ((done = cp_io_submit(&self->loop->core, &self->io, &self->op)) < 0)
            cp_io_release(&self->loop->core, &self->io);
    }
    if (done < 0) {
        errno = -done;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return done;
}

PyObject *cp_when_readable(PyObject *module, PyObject *arg) {
    int fd = PyObject_AsFileDescriptor(arg), done;
    struct readiness *self = fd < 0 ? NULL : PyMem_Calloc(1, sizeof *self);
    PyObject *promise;
    if (!self)
        return fd < 0 ? NULL : PyErr_NoMemory();
    self->io.fd = -1;
    if (!(self->loop = loop_current(state_of_module(module))) ||
        !(self->promise = promise_new(self->loop)) || (done = watch(self, fd)) < 0) {
        readiness_free(self);
        return NULL;
    }
    promise = Py_NewRef(self->promise);
    if (done > 0)
        became_readable(&self->loop->core, &self->op);
    return promise;
}

PyObject *cp_pipe_stream(PyObject *module, PyObject *arg) {
    int fd = PyObject_AsFileDescriptor(arg);
    LoopObject *loop = fd < 0 ? NULL : loop_current(state_of_module(module));
    StreamObject *stream = loop ? stream_new(loop, fd) : NULL;
    if (stream)
        stream->io.plain = true;
    Py_XDECREF(loop);
    return (PyObject *)stream;
}
