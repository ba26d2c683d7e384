/* chart_list.c - the questions of the report, in their order. */
#include "chart.h"
#include "cmd.h"
#include "latency.h"

#define CPU (1u << GB_CPU)
#define IO  (1u << GB_CLIENT | 1u << GB_SERVER | 1u << GB_WAIT)
#define ALL (CPU | IO)

/* ---- What is measured */

static struct estimate ops_per_s(const struct result *r) {
    return r->ops_per_s;
}

static struct estimate ns_per_op(const struct result *r) {
    const struct estimate e = r->ops_per_s;
    return e.n && e.lo > 0 ? (struct estimate){1e9 / e.value, 1e9 / e.hi, 1e9 / e.lo, e.n}
                           : (struct estimate){0};
}

static struct estimate speedup(const struct result *r) {
    return r->speedup;
}

static struct estimate p50(const struct result *r) {
    const char *label;
    return result_latencies(r, &label)->p50;
}

static struct estimate p99(const struct result *r) {
    const char *label;
    return result_latencies(r, &label)->p99;
}

static struct estimate p99_uncorrected(const struct result *r) {
    return r->uncorrected.p99;
}

static struct estimate pss(const struct result *r) {
    return r->pss_b;
}

static struct estimate startup(const struct result *r) {
    return r->startup_ns;
}

static struct estimate cpu(const struct result *r) {
    return r->cpu_ns_per_op;
}

static struct estimate user(const struct result *r) {
    return r->user_ns_per_op;
}

/* Of the sum the interval is not known; that of the two parts added is no narrower. */
static struct estimate switches(const struct result *r) {
    const struct estimate *v = &r->nvcsw_per_op, *i = &r->nivcsw_per_op;
    return v->n ? (struct estimate){v->value + i->value, v->lo + i->lo, v->hi + i->hi, v->n}
                : (struct estimate){0};
}

static struct estimate voluntary(const struct result *r) {
    return r->nvcsw_per_op;
}

static void format_number(char *text, size_t room, double value) {
    snprintf(text, room, "%.3g", value);
}

/* ---- The views that several questions share */

#define RATE                                                                                       \
    .name = "ops/s", .value_name = "ops/s", .value = ops_per_s, .unit = 1, .format = format_si
#define TIME(measure, words, axis)                                                                 \
    .name = words, .value_name = axis ", ms", .value = measure, .unit = 1e6, .format = format_ns,  \
    .lower = true
#define PER_OP                                                                                     \
    .name = "time of an op", .value_name = "us per op", .value = ns_per_op, .unit = 1e3,           \
    .format = format_ns, .lower = true
#define MEMORY                                                                                     \
    .name = "memory of the process tree (PSS)", .value_name = "MiB", .value = pss,                 \
    .unit = 1048576, .format = format_bytes, .lower = true
#define IN_FLIGHT .axis = "concurrency", .axis_name = "in flight", .logx = true

const struct chart charts[] = {
    {.id = "winner",
     .question = "Which model is the best for which work?",
     .how =
         "A row is a piece of work, on the right the best model in Python: all others are relative "
         "to it. Models in C and node, for comparison, may lie beyond it. Each with the number of "
         "workers that serves it best.",
     .answer = answer_map,
     .views = {{.shape = SHAPE_MAP,
                .kinds = ALL,
                .loop = 0,
                .without = "mem_wait",
                .axis_name = "relative to the best",
                RATE},
               {.shape = SHAPE_MAP,
                .kinds = ALL,
                .loop = 1,
                .axis_name = "relative to the best",
                TIME(p99, "p99, corrected", "p99")}}},
    {.id = "crossover",
     .question = "From where on is another model better?",
     .how =
         "More computing in each request from left to right; where lines cross, the better choice "
         "changes.",
     .workloads = "mix_cross cpu_grain",
     .by_view = true,
     .answer = answer_leaders,
     .views = {{.workload = "mix_cross",
                .loop = -1,
                .axis = "f",
                .axis_name = "share of computing in a request, %",
                .axis_unit = 10,
                .logx = true,
                .logy = true,
                RATE},
               {.workload = "mix_cross",
                .loop = -1,
                .axis = "f",
                .axis_name = "share of computing in a request, %",
                .axis_unit = 10,
                .logx = true,
                .logy = true,
                TIME(p99, "p99", "p99")},
               {.workload = "cpu_grain",
                .loop = 0,
                .axis = "steps",
                .axis_name = "steps of the LCG in an op",
                .logx = true,
                .logy = true,
                RATE}}},
    {.id = "speedup",
     .question = "Do more workers make it faster?",
     .how =
         "Against one worker of the same language (serial, for Python), paired by block. Dashed: n "
         "workers, n times as fast.",
     .workloads = "cpu_queens cpu_sha256",
     .answer = answer_speedup,
     .views = {{.kinds = CPU,
                .loop = 0,
                .without = "cpu_grain ovh_payload sty_chain loop_steps",
                .axis = "workers",
                .axis_name = "workers, each on a core of its own",
                .ideal = true,
                .name = "speed-up",
                .value_name = "speed-up",
                .value = speedup,
                .unit = 1,
                .format = format_ratio}}},
    {.id = "convoy",
     .question = "How long does a request wait for the GIL?",
     .how =
         "A server beside threads that only compute. If whoever computes keeps the GIL for a "
         "switch "
         "interval, the time of a request is a + k times the interval: dotted, by least squares.",
     .workloads = "mix_convoy",
     .answer = answer_law,
     .views = {{.workload = "mix_convoy",
                .loop = -1,
                .axis = "interval_us",
                .axis_name = "switch interval, ms",
                .axis_unit = 1000,
                .fit = true,
                TIME(p50, "p50", "p50")}}},
    {.id = "latency",
     .question = "How long does a request take under which load?",
     .how =
         "Open loop: requests are due at instants that no answer moves. Corrected times count from "
         "when a request was due, uncorrected ones from when it was sent, which does not see how "
         "it "
         "waited.",
     .workloads = "io_echo",
     .needs = "rate = ",
     .answer = answer_best,
     .views = {{.kinds = ALL,
                .loop = 1,
                .axis = "rate",
                .axis_name = "requests a second offered",
                .logx = true,
                .logy = true,
                TIME(p99, "p99, corrected", "p99")},
               {.kinds = ALL,
                .loop = 1,
                .axis = "rate",
                .axis_name = "requests a second offered",
                .logx = true,
                .logy = true,
                TIME(p50, "p50, corrected", "p50")},
               {.kinds = ALL,
                .loop = 1,
                .axis = "rate",
                .axis_name = "requests a second offered",
                .logx = true,
                .logy = true,
                TIME(p99_uncorrected, "p99, uncorrected", "p99")},
               {.kinds = ALL,
                .loop = 1,
                .axis = "rate",
                .axis_name = "requests a second offered",
                .logx = true,
                .logy = true,
                .name = "requests a second achieved",
                .value_name = "achieved",
                .value = ops_per_s,
                .unit = 1,
                .format = format_si}}},
    {.id = "load",
     .question = "How many requests a second, with how many in flight?",
     .how =
         "Closed loop: the next request is sent when the last one was answered, so that times are "
         "uncorrected.",
     .workloads = "io_echo io_employee",
     .answer = answer_best,
     .views =
         {{.kinds = IO, .loop = 0, .without = "mem_wait mix_cross mix_convoy", IN_FLIGHT, RATE},
          {.kinds = IO,
           .loop = 0,
           .without = "mem_wait mix_cross mix_convoy",
           .logy = true,
           IN_FLIGHT,
           TIME(p99_uncorrected, "p99, uncorrected", "p99")}}},
    {.id = "memory",
     .question = "How much memory does it take?",
     .how =
         "Proportional set size of the process tree after the last sample. The slope over waiting "
         "tasks is what one of them costs.",
     .by_view = true,
     .answer = answer_slope,
     .views =
         {{.workload = "mem_wait",
           .loop = 0,
           .axis = "concurrency",
           .axis_name = "waiting tasks",
           .fit = true,
           MEMORY},
          {.kinds = IO, .loop = 0, .without = "mem_wait mix_cross mix_convoy", IN_FLIGHT, MEMORY},
          {.shape = SHAPE_DOTS,
           .kinds = CPU,
           .loop = 0,
           .without = "cpu_grain ovh_payload sty_chain",
           .axis = "workers",
           .axis_name = "workers",
           MEMORY}}},
    {.id = "start",
     .question = "How long until it runs, and what does handing over an op cost?",
     .how =
         "Start-up: from fork until a process says that it is ready, imports and pools included. "
         "Dispatch: the time of an op that does nothing.",
     .by_view = true,
     .answer = answer_best,
     .views = {{.shape = SHAPE_DOTS,
                .workload = "cpu_grain",
                .loop = 0,
                .where = "steps=0",
                .axis = "workers",
                .axis_name = "workers",
                .logx = true,
                PER_OP},
               {.shape = SHAPE_DOTS,
                .kinds = ALL,
                .loop = 0,
                .without = "cpu_grain sty_chain ovh_payload mem_wait",
                .once = true,
                .logx = true,
                TIME(startup, "start-up", "start-up")}}},
    {.id = "cost",
     .question = "What does an op cost?",
     .how = "CPU time of the subject's process tree, read from outside: user (full) and system "
            "(pale); "
            "and how often it was switched, voluntarily (full) or not (pale).",
     .answer = answer_parts,
     .views = {{.shape = SHAPE_STACK,
                .kinds = ALL,
                .loop = 0,
                .without = "mem_wait",
                .axis = "concurrency",
                .axis_name = "in flight",
                .name = "CPU time per op",
                .value_name = "us of CPU per op",
                .value = cpu,
                .first = user,
                .unit = 1e3,
                .format = format_ns,
                .lower = true},
               {.shape = SHAPE_STACK,
                .kinds = ALL,
                .loop = 0,
                .without = "mem_wait",
                .axis = "concurrency",
                .axis_name = "in flight",
                .name = "context switches per op",
                .value_name = "switches per op",
                .value = switches,
                .first = voluntary,
                .unit = 1,
                .format = format_number,
                .lower = true}}},
    {.id = "chain",
     .question = "What does a step of a chain cost?",
     .how = "The same steps as callbacks, promises, coroutines and straight on, on each loop.",
     .workloads = "sty_chain",
     .answer = answer_best,
     .views = {{.workload = "sty_chain",
                .loop = 0,
                .axis = "steps",
                .axis_name = "steps of a chain",
                PER_OP}}},
    {.id = "payload",
     .question = "What does it cost to send something to where the work is done?",
     .how = "A round trip to a worker and back.",
     .workloads = "ovh_payload",
     .answer = answer_best,
     .views = {{.workload = "ovh_payload",
                .loop = 0,
                .axis = "bytes",
                .axis_name = "bytes",
                .logx = true,
                .logy = true,
                PER_OP}}},
    {0},
};
