/* py_workers.c - how many workers a loop has, and on which CPUs they run: workers= and pin=. */
#include "binding.h"
#include <sched.h>

enum { MOST_WORKERS = 1024 };

struct cpus {
    int *list; /* PyMem, the loop's in the end */
    int count;
};

static int check_count(PyObject *workers, int *count) {
    long wanted;
    if (!PyLong_Check(workers) || PyBool_Check(workers)) {
        PyErr_Format(PyExc_TypeError, "workers= is a number of workers or None, not %.100s",
                     Py_TYPE(workers)->tp_name);
        return -1;
    }
    wanted = PyLong_AsLong(workers);
    if ((wanted == -1 && PyErr_Occurred()) || wanted < 1 || wanted > MOST_WORKERS) {
        PyErr_Format(PyExc_ValueError, "workers=%R: from 1 to %d", workers, MOST_WORKERS);
        return -1;
    }
    *count = (int)wanted;
    return 0;
}

static int add(struct cpus *cpus, int cpu) {
    int *list = PyMem_Resize(cpus->list, int, (size_t)cpus->count + 1);
    if (!list) {
        PyErr_NoMemory();
        return -1;
    }
    cpus->list = list;
    list[cpus->count++] = cpu;
    return 0;
}

/* All that this thread may use; `without` one of them, or -1. */
static int all_allowed(struct cpus *cpus, const cpu_set_t *allowed, int without) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, allowed) && cpu != without && add(cpus, cpu) < 0)
            return -1;
    return 0;
}

static void raise_not_allowed(PyObject *cpu, const cpu_set_t *allowed) {
    struct cpus cpus = {0};
    PyObject *list = all_allowed(&cpus, allowed, -1) == 0 ? PyList_New(cpus.count) : NULL;
    for (int i = 0; list && i < cpus.count; i++)
        PyList_SET_ITEM(list, i, PyLong_FromLong(cpus.list[i]));
    if (list && !PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "pin=: CPU %R is none that this process may use: %R", cpu,
                     list);
    Py_XDECREF(list);
    PyMem_Free(cpus.list);
}

static int add_named(struct cpus *cpus, PyObject *cpu, const cpu_set_t *allowed) {
    long number;
    if (!PyLong_Check(cpu) || PyBool_Check(cpu)) {
        PyErr_Format(PyExc_TypeError, "pin=: CPUs are numbers, not %.100s", Py_TYPE(cpu)->tp_name);
        return -1;
    }
    number = PyLong_AsLong(cpu);
    if (number == -1)
        PyErr_Clear(); /* -1, or too large: neither is a CPU */
    if (number >= 0 && number < CPU_SETSIZE && CPU_ISSET((size_t)number, allowed))
        return add(cpus, (int)number);
    raise_not_allowed(cpu, allowed);
    return -1;
}

static int all_named(struct cpus *cpus, PyObject *pin, const cpu_set_t *allowed) {
    PyObject *list = PySequence_Fast(pin, "pin= is True, False or a list of CPUs");
    int err = list ? 0 : -1;
    for (Py_ssize_t i = 0; err == 0 && i < PySequence_Fast_GET_SIZE(list); i++)
        err = add_named(cpus, PySequence_Fast_GET_ITEM(list, i), allowed);
    if (err == 0 && !cpus->count) {
        PyErr_SetString(PyExc_ValueError, "pin=: the list of CPUs is empty");
        err = -1;
    }
    Py_XDECREF(list);
    return err;
}

/* *count: of the workers, 0 where that was left open. */
static int choose(struct cpus *cpus, PyObject *pin, int count) {
    cpu_set_t allowed;
    int here;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (pin != Py_True)
        return all_named(cpus, pin, &allowed);
    here = CPU_COUNT(&allowed) > (count ? count : 1) ? sched_getcpu() : -1;
    return all_allowed(cpus, &allowed, here);
}

int loop_set_workers(LoopObject *loop, PyObject *workers, PyObject *pin) {
    struct cpus cpus = {0};
    int count = 0;
    if (workers == Py_None && pin == Py_None)
        return 0;
    if (cp_work_begun(&loop->core)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "workers= and pin= come too late: this loop's workers are at work already; "
                        "make the first call in the function that run() calls");
        return -1;
    }
    if ((workers != Py_None && check_count(workers, &count) < 0) ||
        (pin != Py_None && pin != Py_False && choose(&cpus, pin, count) < 0)) {
        PyMem_Free(cpus.list);
        return -1;
    }
    PyMem_Free((int *)loop->core.cpus);
    loop->core.cpus = cpus.list;
    loop->core.cpu_count = cpus.count;
    if (count || cpus.count)
        loop->core.max_workers = count ? count : cpus.count;
    return 0;
}

PyObject *loop_get_workers(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLong(((LoopObject *)self)->core.max_workers);
}
