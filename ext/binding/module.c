/* module.c - the module: functions, types, state. Read it from the end: the slots, then
 * module_exec. */
#include "binding.h"

#ifndef CP_BUILD_ID
#error "CP_BUILD_ID, a hash of the sources, must be given by the build"
#endif
/* A build that nobody should measure says so in its name. */
#ifdef __OPTIMIZE__
#define UNOPTIMISED ""
#else
#define UNOPTIMISED "-O0"
#endif

module_state *state_of_module(PyObject *module) {
    return PyModule_GetState(module);
}

module_state *state_of_type(PyTypeObject *defining) {
    return PyType_GetModuleState(defining);
}

/* ---- Functions */

/* Of the raised exception and the one before (in *raised, or NULL) the one that ends programs is
 * kept; another one that came while ending is only reported. */
static void keep_worst(LoopObject *loop, PyObject **raised) {
    if (raised_is_fatal())
        Py_XSETREF(*raised, take_raised());
    else
        loop_report(loop, (PyObject *)loop);
}

/* Runs main and closes the loop, whatever happens. */
static PyObject *run_and_close(LoopObject *loop, PyObject *main) {
    PyObject *result = loop_run_main(loop, main), *raised = result ? NULL : take_raised();
    if (loop_finish_asyncgens(loop) < 0)
        keep_worst(loop, &raised);
    if (loop_close_now(loop) < 0)
        keep_worst(loop, &raised);
    if (!raised)
        return result;
    Py_XDECREF(result);
    restore_raised(raised);
    return NULL;
}

PyDoc_STRVAR(
    run_doc,
    "run(main, /, *, debug=None, unhandled='raise', backend='auto', workers=None, pin=None)\n--\n\n"
    "Runs main (a coroutine, a promise or a function that returns one) on this thread's loop "
    "until\n"
    "it has settled, closes the loop, and returns main's value or raises its reason. unhandled "
    "says\n"
    "what becomes of a rejection that nobody handles: 'raise' UnhandledRejections, 'warn',\n"
    "'ignore', or call it as f(promise, reason). debug, backend, workers, pin: as for\n"
    "Loop.");
static PyObject *cp_run(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"", "debug", "unhandled", "backend", "workers", "pin", NULL};
    PyObject *main, *debug = Py_None, *unhandled = NULL, *result = NULL, *workers = Py_None,
                    *pin = Py_None;
    const char *backend = "auto";
    LoopObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOsOO:run", keywords, &main, &debug,
                                     &unhandled, &backend, &workers, &pin) ||
        !(loop = loop_current_on(state_of_module(module), backend)))
        return NULL;
    if (loop->running)
        PyErr_SetString(PyExc_RuntimeError,
                        "run() inside a running loop of this thread; await instead");
    else if ((!unhandled || loop_set_unhandled(loop, unhandled) == 0) &&
             (debug == Py_None || loop_set_debug(loop, debug) == 0) &&
             loop_set_workers(loop, workers, pin) == 0)
        result = loop->guest_of ? loop_run_main(loop, main) : run_and_close(loop, main);
    Py_DECREF(loop);
    return result;
}

PyDoc_STRVAR(sleep_doc, "sleep(seconds, value=None, /) -> Promise\n--\n\n"
                        "A promise of value, fulfilled when that time has passed, never earlier.");
static PyObject *cp_sleep(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    LoopObject *loop;
    PromiseObject *p = NULL;
    cp_ns when;
    if (!check_nargs("sleep", nargs, 1, 2) || !(loop = loop_current(state_of_module(module))))
        return NULL;
    if (deadline_after(args[0], &when) == 0 && (p = promise_new(loop)) &&
        timer_for_promise(p, when, nargs > 1 ? args[1] : Py_None) < 0)
        Py_CLEAR(p);
    Py_DECREF(loop);
    return (PyObject *)p;
}

PyDoc_STRVAR(get_running_loop_doc,
             "get_running_loop() -> Loop\n--\n\n"
             "The loop that runs on this thread. Raises RuntimeError when none does.");
static PyObject *cp_get_running_loop(PyObject *module, PyObject *Py_UNUSED(args)) {
    LoopObject *loop = loop_running_or_null(state_of_module(module));
    if (!loop && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError,
                        "no cpromise loop is running on this thread; start one with run()");
    return (PyObject *)loop;
}

static PyObject *cp_current_loop(PyObject *module, PyObject *Py_UNUSED(args)) {
    LoopObject *loop = loop_current_or_null(state_of_module(module));
    return loop || PyErr_Occurred() ? (PyObject *)loop : Py_NewRef(Py_None);
}

static PyObject *cp_close_thread_loop(PyObject *module, PyObject *Py_UNUSED(args)) {
    LoopObject *loop = loop_current_or_null(state_of_module(module));
    int err = loop && !loop->running ? loop_close_now(loop) : 0;
    Py_XDECREF(loop);
    return err < 0 || PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *cp_close_loops(PyObject *module, PyObject *args) {
    PyObject *closed = cp_close_thread_loop(module, args);
    PyObject *raised = closed ? NULL : take_raised();
    loops_end(state_of_module(module));
    if (raised)
        restore_raised(raised);
    return closed;
}

static PyObject *cp_set_current_loop(PyObject *module, PyObject *loop) {
    LoopObject *outer;
    if (!Py_IS_TYPE(loop, state_of_module(module)->Loop))
        return PyErr_Format(PyExc_TypeError, "a Loop is needed, not %.200s",
                            Py_TYPE(loop)->tp_name);
    if (current_swap((LoopObject *)loop, &outer) < 0)
        return NULL;
    Py_XDECREF(outer);
    Py_RETURN_NONE;
}

#define FASTCALL(fn) (PyCFunction)(void (*)(void))(fn)

static PyMethodDef module_methods[] = {
    {"run", FASTCALL(cp_run), METH_VARARGS | METH_KEYWORDS, run_doc},
    {"sleep", FASTCALL(cp_sleep), METH_FASTCALL, sleep_doc},
    {"_current_loop", cp_current_loop, METH_NOARGS, "This thread's loop, or None."},
    {"_close_thread_loop", cp_close_thread_loop, METH_NOARGS, "Closes this thread's loop, if any."},
    {"_close_loops", cp_close_loops, METH_NOARGS, "The same at the end of the interpreter."},
    {"_set_current_loop", cp_set_current_loop, METH_O, "Makes a Loop this thread's."},
    {"get_running_loop", cp_get_running_loop, METH_NOARGS, get_running_loop_doc},
    {"connect_tcp", FASTCALL(cp_connect_tcp), METH_VARARGS | METH_KEYWORDS, cp_connect_tcp_doc},
    {"connect_unix", FASTCALL(cp_connect_unix), METH_VARARGS | METH_KEYWORDS, cp_connect_unix_doc},
    {"serve_unix", FASTCALL(cp_serve_unix), METH_VARARGS | METH_KEYWORDS, cp_serve_unix_doc},
    {"serve_tcp", FASTCALL(cp_serve_tcp), METH_VARARGS | METH_KEYWORDS, cp_serve_tcp_doc},
    {"all_keyed", cp_all_keyed, METH_O, cp_all_keyed_doc},
    {"all_settled_keyed", cp_all_settled_keyed, METH_O, cp_all_settled_keyed_doc},
    {"map", FASTCALL(cp_map), METH_VARARGS | METH_KEYWORDS, cp_map_doc},
    {"open_file", FASTCALL(cp_open_file), METH_VARARGS | METH_KEYWORDS, cp_open_file_doc},
    {"resolve_host", FASTCALL(cp_resolve_host), METH_VARARGS | METH_KEYWORDS, cp_resolve_host_doc},
    {"connect_udp", FASTCALL(cp_connect_udp), METH_VARARGS | METH_KEYWORDS, cp_connect_udp_doc},
    {"bind_udp", FASTCALL(cp_bind_udp), METH_VARARGS | METH_KEYWORDS, cp_bind_udp_doc},
    {"_spawn", cp_spawn, METH_VARARGS,
     "_spawn(name, programs, argv, env, cwd, cwd_name, stdio, pass_fds, session, restore_signals, "
     "group) -> Promise[int]"},
    {"_when_readable", cp_when_readable, METH_O, "Takes the descriptor over, and closes it."},
    {"_pipe_stream", cp_pipe_stream, METH_O, "The Stream of one end of a pipe, non-blocking."},
    {"_pack", cp_pack, METH_O, "The bytes that _unpack() makes the same value of."},
    {"_unpack", cp_unpack, METH_O, "The value of what _pack() gave."},
    {"_claim", cp_claim, METH_VARARGS,
     "_claim(memory, index, mark) -> bool: puts mark there if nobody has before, in any process."},
    {"_die_with", cp_die_with, METH_VARARGS,
     "_die_with(parent, signum) -> bool: gets that signal when the parent ends. False: it has."},
    {"_to_interpreter", cp_to_interpreter, METH_VARARGS,
     "_to_interpreter(setup, request, outcome) -> Promise: see cpromise/_crossing.py."},
    {"to_native", FASTCALL(cp_to_native), METH_FASTCALL, cp_to_native_doc},
    {"to_thread", FASTCALL(cp_to_thread), METH_FASTCALL | METH_KEYWORDS, cp_to_thread_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- State */

static int make_strings(module_state *state) {
    const struct {
        PyObject **slot;
        const char *text;
    } strings[] = {
        {&state->str_then, "then"},
        {&state->str_throw, "throw"},
        {&state->str_blocking, "_asyncio_future_blocking"},
        {&state->str_current_loop, "cpromise current loop"},
        {&state->str_owned_loop, "cpromise owned loop"},
        {&state->str_states[CP_PENDING], "pending"},
        {&state->str_states[CP_FULFILLED], "fulfilled"},
        {&state->str_states[CP_REJECTED], "rejected"},
        {&state->str_status, "status"},
        {&state->str_value, "value"},
        {&state->str_reason, "reason"},
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (!(*strings[i].slot = PyUnicode_InternFromString(strings[i].text)))
            return -1;
    return 0;
}

static int make_types(PyObject *module, module_state *state) {
    const struct {
        PyTypeObject **slot;
        PyType_Spec *spec;
        bool public;
    } types[] = {
        {&state->Promise, &promise_spec, true},
        {&state->Loop, &loop_spec, true},
        {&state->Timer, &timer_spec, true},
        {&state->Stream, &stream_spec, true},
        {&state->Server, &server_spec, true},
        {&state->Callback, &callback_spec, false},
        {&state->Settler, &settler_spec, false},
        {&state->TypedCatch, &typed_catch_spec, false},
        {&state->Combiner, &combiner_spec, false},
        {&state->Work, &work_spec, false},
        {&state->Connector, &connector_spec, false},
        {&state->Watcher, &watcher_spec, false},
        {&state->File, &file_spec, true},
        {&state->UdpSocket, &udp_spec, true},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        *types[i].slot = (PyTypeObject *)PyType_FromModuleAndSpec(module, types[i].spec, NULL);
        if (!*types[i].slot || (types[i].public && PyModule_AddType(module, *types[i].slot) < 0))
            return -1;
    }
    return 0;
}

static int find_errors(module_state *state) {
    const struct {
        PyObject **slot;
        const char *name;
    } errors[] = {
        {&state->PromiseError, "PromiseError"},
        {&state->RejectionError, "RejectionError"},
        {&state->WrongLoopError, "WrongLoopError"},
        {&state->LoopClosedError, "LoopClosedError"},
        {&state->WorkerDied, "WorkerDied"},
        {&state->UnhandledRejections, "UnhandledRejections"},
        {&state->aggregate, "aggregate"},
        {&state->breathe, "breathe"},
        {&state->awaiting, "awaiting"},
        {&state->copy_file, "copy_file"},
    };
    PyObject *module = PyImport_ImportModule("cpromise._python");
    bool ok = module;
    for (size_t i = 0; ok && i < sizeof errors / sizeof *errors; i++)
        ok = (*errors[i].slot = PyObject_GetAttrString(module, errors[i].name));
    Py_XDECREF(module);
    return ok ? 0 : -1;
}

static int module_exec(PyObject *module) {
    module_state *state = state_of_module(module);
    state->id = next_state_id();
    if (make_strings(state) < 0 || make_types(module, state) < 0 || find_errors(state) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__build__", CP_BUILD_ID UNOPTIMISED);
}

/* The objects of the state, as one list for traverse and clear: everything between `id` and the end
 * of the structure. */
static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    module_state *state = state_of_module(module);
    PyObject **objects = (PyObject **)&state->Promise;
    for (size_t i = 0; i < STATE_OBJECTS; i++)
        Py_VISIT(objects[i]);
    return 0;
}

static int module_clear(PyObject *module) {
    module_state *state = state_of_module(module);
    PyObject **objects = (PyObject **)&state->Promise;
    promise_drop_free(state);
    for (size_t i = 0; i < STATE_OBJECTS; i++)
        Py_CLEAR(objects[i]);
    return 0;
}

static void module_free(void *module) {
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

struct PyModuleDef cpromise_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cpromise._cpromise",
    .m_doc = "The native part of cpromise; import cpromise instead.",
    .m_size = sizeof(module_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__cpromise(void) {
    return PyModuleDef_Init(&cpromise_module);
}
