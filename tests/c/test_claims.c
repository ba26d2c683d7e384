/* Claims: each verdict can be reached, and only for its reason: figures, missing cells, cells that
 * cannot run, controls that fail, supports, interpreters. The runs are made up. */
#include "../../runners/driver/claims.h"
#include "../../runners/driver/matrix.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCKS = 10, CELLS_MAX = 40 };

static struct claim_register reg;
static struct claim_board board;
static struct runset run;

/* ---- Runs that are made up: a cell is "workload/model[:variant][@python]/key=value,..." */

static void set_cell(struct cell *cell, const char *id) {
    char params[200] = "", key[64], value[64];
    const char *rest = params;
    int size;
    *cell = (struct cell){.kind = GB_CPU, .cores = 1};
    assert_true(sscanf(id, "%63[^/]/%63[^/:@]", cell->workload, cell->model) == 2);
    if (strchr(id, ':'))
        sscanf(strchr(id, ':') + 1, "%63[^/@]", cell->variant);
    if (strchr(id, '@'))
        sscanf(strchr(id, '@') + 1, "%31[^/]", cell->python);
    sscanf(strrchr(id, '/') + 1, "%199s", params);
    while (sscanf(rest, "%63[^=]=%63[^,]%n", key, value, &size) == 2) {
        struct param *param = &cell->params[cell->nparams];
        if (!strcmp(key, "cores")) {
            cell->cores = atoi(value);
        } else {
            snprintf(param->key, sizeof param->key, "%s", key);
            snprintf(param->value, sizeof param->value, "%s", value);
            cell->nparams++;
        }
        rest += size + (rest[size] == ',');
    }
    if (!strstr(params, "cores="))
        cell->cores = cell_cores_needed(cell);
    cell_name(cell);
}

static struct result *add_cell(const char *id) {
    struct result *r = &run.results[run.nresults++];
    assert_true(run.nresults <= CELLS_MAX);
    set_cell(&r->cell, id);
    return r;
}

/* `blocks` processes that do `rate` ops/s, on `cores` cores, each a little faster or slower by `noise`;
 * ops take `p50_ns`. */
static void add_reps(struct result *r, double rate, double noise, double cores, uint64_t p50_ns,
                     int blocks) {
    const char *gil = strstr(r->cell.python, "t") && !strstr(r->cell.python, "-gil") ? "off" : "on";
    for (int i = 0; i < blocks; i++) {
        struct rep rep = {.cell = (int)(r - run.results), .rep = i, .nsamples = 1};
        double here = rate * (1 + noise * (i % 3 - 1));
        struct err err;
        rep.samples = calloc(1, sizeof *rep.samples);
        rep.samples[0] = (struct sample){.ns = (int64_t)(1e12 / here), .ops = 1000};
        rep.samples[0].usage.cpu_ns = (int64_t)(1e12 / here * cores);
        rep.samples[0].usage.nvcsw = (int64_t)(1000 * cores);
        rep.samples[0].hist = calloc(1, sizeof *rep.samples[0].hist);
        hist_add(rep.samples[0].hist, p50_ns);
        snprintf(rep.at_ready.runtime, sizeof rep.at_ready.runtime, "%s",
                 !strcmp(r->cell.model, "pthreads") ? "c" : "cpython-3.11.7");
        if (*r->cell.python)
            snprintf(rep.at_ready.runtime, sizeof rep.at_ready.runtime, "cpython-%.4s.0",
                     r->cell.python);
        snprintf(rep.at_ready.gil, sizeof rep.at_ready.gil, "%s", gil);
        assert_int_equal(runset_add_rep(&run, rep, &err), 0);
    }
}

static void add(const char *id, double rate, double cores) {
    add_reps(add_cell(id), rate, 0.01, cores, 1000, BLOCKS);
}

static void begin(void) {
    run = (struct runset){
        .seed = 1, .reps = BLOCKS, .results = calloc(CELLS_MAX, sizeof(struct result))};
    assert_non_null(run.results);
}

static const char controls[] =
    "[control: machine]\nsays = m\ncolumns = one\ncells = w/pthreads/workers=2\n"
    "base = */pthreads/workers=1\nat_least = 1.8\n"
    "[control: pinned]\nsays = p\ncolumns = one\ncells = w/pthreads/workers=2,cores=1\n"
    "base = */pthreads/workers=1\nat_most = 1.1\n";

static void add_controls(double two, double one_core) {
    add("w/pthreads/workers=1,n=8", 1000, 1);
    add("w/pthreads/workers=2,n=8", 1000 * two, 2);
    add("w/pthreads/workers=2,n=8,cores=1", 1000 * one_core, 1);
}

static void decide(const char *claims) {
    struct err err = {0};
    char *text = malloc(strlen(controls) + strlen(claims) + 1);
    strcpy(text, controls);
    strcat(text, claims);
    if (claims_parse(&reg, "r", text, &err) < 0)
        fail_msg("%s", err.text);
    runset_summarise(&run);
    assert_int_equal(claims_decide(&board, &reg, &run, NULL, &err), 0);
    free(text);
}

static void end(void) {
    claims_free(&board);
    runset_free(&run);
}

static const struct claim_decision *decision(const char *id, const char *python) {
    for (int i = 0; i < board.ndecisions; i++) {
        const struct claim_decision *d = &board.decisions[i];
        if (!strcmp(d->claim->id, id) &&
            (d->column < 0 || !strcmp(board.columns[d->column].name, python)))
            return d;
    }
    fail_msg("no verdict for %s on %s", id, python);
    return NULL;
}

static void assert_verdict(const char *id, const char *python, enum claim_verdict verdict,
                           const char *sentence) {
    const struct claim_decision *d = decision(id, python);
    if (d->verdict != verdict || !strstr(d->sentence, sentence))
        fail_msg("%s on %s: %s: %s", id, python, claim_verdict_name(d->verdict), d->sentence);
}

/* ---- Verdicts of one claim */

static const char scales[] =
    "[S]\nsays = threads scale\ncontrols = machine pinned\nexpected = any:HOLDS\n"
    "holds = yes: {up} by {up.model}\nrefuted = no: {up}\nsurprise = how odd\n"
    "[S: up]\nabout = speed-up\ncells = w/threads/workers=2\n"
    "base = */serial/workers=1\nat_least = 1.6\n";

static void run_of(double speedup, double noise) {
    begin();
    add_controls(1.95, 0.99);
    add("w/serial/workers=1,n=8", 100, 1);
    add_reps(add_cell("w/threads/workers=2,n=8"), 100 * speedup, noise, 1, 1000, BLOCKS);
}

static void it_holds_where_the_whole_interval_does(void **state) {
    (void)state;
    run_of(1.9, 0.01);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_HOLDS, "yes: 1.90x [1.9");
    assert_non_null(strstr(decision("S", "3.11")->sentence, "by threads"));
    assert_string_equal(decision("S", "3.11")->note, "");
    end();
}

static void it_is_refuted_where_the_whole_interval_is_beyond(void **state) {
    (void)state;
    run_of(0.98, 0.01);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_REFUTED, "no: 0.98x");
    assert_string_equal(decision("S", "3.11")->note, "Expected was HOLDS. how odd");
    end();
}

static void it_is_undecided_where_the_limit_is_within(void **state) {
    (void)state;
    run_of(1.6, 0.2);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_UNDECIDED, "the limit, at least 1.60x, is not clear");
    end();
}

static void a_few_processes_decide_nothing(void **state) {
    (void)state;
    begin();
    add_controls(1.95, 0.99);
    add("w/serial/workers=1,n=8", 100, 1);
    add_reps(add_cell("w/threads/workers=2,n=8"), 200, 0.01, 2, 1000, CLAIM_BLOCKS_LEAST - 1);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_UNDECIDED, "of 4 processes, and fewer than 5");
    end();
}

static void what_is_missing_is_named(void **state) {
    struct result *r;
    (void)state;
    begin();
    add_controls(1.95, 0.99);
    add("w/serial/workers=1,n=8", 100, 1);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_NOT_RUN, "w/threads/workers=2 is not among the results");
    assert_string_equal(decision("S", "3.11")->note,
                        "To measure it: gilbench claims --run --only S");
    claims_free(&board);
    r = add_cell("w/threads/workers=2,n=8");
    snprintf(r->cell.not_run, sizeof r->cell.not_run, "no such thing here");
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_NOT_RUN, "was not run: no such thing here");
    claims_free(&board);
    r->cell.not_run[0] = '\0';
    add_reps(r, 100, 0.01, 1, 1000, BLOCKS);
    snprintf(r->reps[3].void_reason, sizeof r->reps[3].void_reason, "checksum");
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_NOT_RUN, "is VOID: checksum");
    end();
}

static void a_base_that_did_other_work_is_none(void **state) {
    (void)state;
    begin();
    add_controls(1.95, 0.99);
    add("w/serial/workers=1,n=9", 100, 1);
    add("w/threads/workers=2,n=8", 190, 2);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_NOT_RUN, "*/serial/workers=1 is not among the results");
    end();
}

static void a_control_that_fails_makes_the_host_invalid(void **state) {
    (void)state;
    begin();
    add_controls(1.4, 0.99);
    add("w/serial/workers=1,n=8", 100, 1);
    add("w/threads/workers=2,n=8", 98, 1);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_INVALID, "\"m\" fails");
    end();
    begin();
    add_controls(1.95, 1.5); /* a core that is none */
    add("w/serial/workers=1,n=8", 100, 1);
    add("w/threads/workers=2,n=8", 98, 1);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_INVALID, "\"p\" fails");
    end();
}

static void without_its_controls_nothing_is_decided(void **state) {
    (void)state;
    begin();
    add("w/serial/workers=1,n=8", 100, 1);
    add("w/threads/workers=2,n=8", 98, 1);
    decide(scales);
    assert_verdict("S", "3.11", CLAIM_NOT_RUN, "\"m\" is missing");
    end();
}

/* ---- Several figures */

static void figures_combine_as_told(void **state) {
    (void)state;
    run_of(0.98, 0.01);
    decide("[ALL]\nsays = a\nmixed = only half: {busy}\n"
           "[ALL: up]\ncells = w/threads/workers=2\nbase = */serial/workers=1\nat_least = 1.6\n"
           "[ALL: busy]\ncells = w/threads/workers=2\nstatistic = parallelism\nat_most = 1.2\n"
           "[ALL: gone]\ncells = w/nothing\nat_most = 1\n"
           "[ANY]\nsays = b\nneeds = any\n"
           "[ANY: up]\ncells = w/threads/workers=2\nbase = */serial/workers=1\nat_least = 1.6\n"
           "[ANY: busy]\ncells = w/threads/workers=2\nstatistic = parallelism\nat_most = 1.2\n"
           "[NOT]\nsays = c\ndenies = yes\n"
           "[NOT: up]\ncells = w/threads/workers=2\nbase = */serial/workers=1\nat_most = 1.6\n"
           "[HALF]\nsays = d\n"
           "[HALF: busy]\ncells = w/threads/workers=2\nstatistic = parallelism\nat_most = 1.2\n"
           "[HALF: up]\nrole = supports\ncells = w/threads/workers=2\nbase = */serial/workers=1\n"
           "at_least = 1.6\n"
           "[LACKS]\nsays = e\n"
           "[LACKS: busy]\ncells = w/threads/workers=2\nstatistic = parallelism\nat_most = 1.2\n"
           "[LACKS: gone]\ncells = w/nothing\nat_most = 1\n");
    assert_verdict("ALL", "3.11", CLAIM_REFUTED, "only half: 1 [1");
    assert_verdict("ANY", "3.11", CLAIM_HOLDS, "");
    assert_verdict("NOT", "3.11", CLAIM_REFUTED, "");
    assert_verdict("HALF", "3.11", CLAIM_UNDECIDED, "The rest would do, but up is 0.98x");
    assert_verdict("LACKS", "3.11", CLAIM_NOT_RUN, "w/nothing is not among the results");
    end();
}

static void between_two_limits_nothing_is_decided(void **state) {
    static const char claim[] = "[B]\nsays = b\n[B: up]\ncells = w/threads/workers=2\n"
                                "base = */serial/workers=1\nat_most = 2\nrefuted_above = 10\n";
    const struct {
        double speedup;
        enum claim_verdict verdict;
    } cases[] = {{1.5, CLAIM_HOLDS}, {5, CLAIM_UNDECIDED}, {20, CLAIM_REFUTED}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        run_of(cases[i].speedup, 0.01);
        decide(claim);
        assert_verdict("B", "3.11", cases[i].verdict, "");
        end();
    }
}

static void a_maximum_leaves_out_what_cannot_run_and_nothing_else(void **state) {
    static const char claim[] =
        "[M]\nsays = m\nrefuted = {up.model}\n[M: up]\ncells = w/threads/workers=2 "
        "w/interp/workers=2 "
        "w/loop/workers=2\nover = max\nbase = */serial/workers=1\nat_most = 1.6\n";
    struct result *r;
    (void)state;
    run_of(0.98, 0.01);
    r = add_cell("w/interp/workers=2,n=8");
    snprintf(r->cell.not_run, sizeof r->cell.not_run, "needs 3.12");
    decide(claim);
    assert_verdict("M", "3.11", CLAIM_NOT_RUN, "w/loop/workers=2 is not among");
    claims_free(&board);
    add("w/loop/workers=2,n=8", 99, 1);
    decide(claim);
    assert_verdict("M", "3.11", CLAIM_HOLDS, "");
    claims_free(&board);
    r->cell.not_run[0] = '\0';
    add_reps(r, 195, 0.01, 2, 1000, BLOCKS);
    run.results[run.nresults - 1].nreps =
        0; /* of the loop: one that is beyond refutes without it */
    decide(claim);
    assert_verdict("M", "3.11", CLAIM_REFUTED, "interp");
    run.results[run.nresults - 1].nreps = BLOCKS;
    end();
}

static void a_mean_needs_all_and_is_geometric(void **state) {
    static const char claim[] =
        "[G]\nsays = g\n[G: mean]\ncells = w/threads/workers=2 v/threads/workers=2\n"
        "over = geomean\nbase = */serial/workers=1\nat_most = 1.15\n";
    (void)state;
    run_of(0.5, 0.01);
    decide(claim);
    assert_verdict("G", "3.11", CLAIM_NOT_RUN, "v/threads/workers=2 is not among");
    claims_free(&board);
    add("v/serial/workers=1,n=8", 100, 1);
    add("v/threads/workers=2,n=8", 200, 1);
    decide(claim);
    assert_verdict("G", "3.11", CLAIM_HOLDS, "");
    assert_true(fabs(decision("G", "3.11")->figures->estimate.value - 1) < 0.02);
    end();
}

static void a_law_is_a_line_through_each_block(void **state) {
    static const char law[] =
        "[L]\nsays = l\n[L: slope]\ncells = c/threads/spinners=1\nx = interval_us\nx_unit = 1000\n"
        "over = slope\nstatistic = p50_ns\nwithin = 0.8 2.5\n"
        "[L: fit]\nrole = supports\ncells = c/threads/spinners=1\nx = interval_us\nx_unit = 1000\n"
        "over = r2\nstatistic = p50_ns\nat_least = 0.95\n"
        "[L2]\nsays = l\n[L2: slope]\ncells = c/loop/spinners=1\nx = interval_us\nover = slope\n"
        "statistic = p50_ns\nat_most = 1\n";
    static const int intervals[] = {50, 500, 1000, 5000};
    char id[100];
    (void)state;
    begin();
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "c/threads/spinners=1,interval_us=%d", intervals[i]);
        add_reps(add_cell(id), 100, 0.01, 1, (uint64_t)(100000 + 1500 * intervals[i]), BLOCKS);
    }
    add("c/loop/spinners=1,interval_us=50", 100, 1);
    decide(law);
    assert_verdict("L", "3.11", CLAIM_HOLDS, "");
    assert_true(fabs(decision("L", "3.11")->figures[0].estimate.value - 1.5) < 0.05);
    assert_true(decision("L", "3.11")->figures[1].estimate.value > 0.999);
    assert_verdict("L2", "3.11", CLAIM_NOT_RUN, "1 cells fit c/loop/spinners=1, and 3 are needed");
    end();
}

/* Over the logarithm of x the ratio rises from 0.5 at 10 to 1.5 at 1000: it is 1 at 100. The base
 * takes 1000, 2000 and 4000 ns for an op, of which the ratio is 0.8, 1.25 and 2. */
static void a_crossing_is_where_the_ratio_gets_to_one(void **state) {
    static const char crossings[] =
        "[X]\nsays = x\n[X: from]\ncells = c/loop\nbase = */threads\nover = crossing\nx = conns\n"
        "at_most = 1000\n"
        "[G]\nsays = g\n[G: grain]\ncells = g/procs/workers=2\nbase = */serial/workers=1\n"
        "over = crossing\nat_most = 1e6\n"
        "[N]\nsays = n\n[N: from]\ncells = n/loop\nbase = */threads\nover = crossing\nx = conns\n"
        "at_most = 1000\n";
    static const int conns[] = {1, 10, 1000};
    static const double loop[] = {30, 50, 150};
    char id[100];
    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "c/threads/conns=%d", conns[i]);
        add(id, 100, 1);
        snprintf(id, sizeof id, "c/loop/conns=%d", conns[i]);
        add(id, loop[i], 1);
        snprintf(id, sizeof id, "n/threads/conns=%d", conns[i]);
        add(id, 100, 1);
        snprintf(id, sizeof id, "n/loop/conns=%d", conns[i]);
        add(id, 90, 1);
    }
    add("g/serial/workers=1,steps=1", 1e6, 1);
    add("g/serial/workers=1,steps=2", 5e5, 1);
    add("g/serial/workers=1,steps=4", 2.5e5, 1);
    add("g/procs/workers=2,steps=1", 8e5, 1);
    add("g/procs/workers=2,steps=2", 6.25e5, 1);
    add("g/procs/workers=2,steps=4", 5e5, 1);
    decide(crossings);
    assert_float_equal(decision("X", "3.11")->figures[0].estimate.value, 100, 1);
    assert_float_equal(decision("G", "3.11")->figures[0].estimate.value,
                       1000 * pow(2, (1 - 0.8) / (1.25 - 0.8)), 30);
    assert_string_equal(decision("G", "3.11")->figures[0].rule->unit, "ns");
    assert_verdict("N", "3.11", CLAIM_NOT_RUN,
                   "n/loop/conns=1000: below its base to the end in some block");
    end();
}

/* ---- Interpreters */

static void each_interpreter_has_its_verdict(void **state) {
    const struct claim_decision *d;
    (void)state;
    begin();
    add_controls(1.95, 0.99);
    add("w/serial@3.11/workers=1,n=8", 100, 1);
    add("w/threads@3.11/workers=2,n=8", 98, 1);
    add("w/serial@3.13t/workers=1,n=8", 80, 1);
    add("w/threads@3.13t/workers=2,n=8", 158, 2);
    add("w/serial@3.13t-gil/workers=1,n=8", 100, 1);
    add("w/threads@3.13t-gil/workers=2,n=8", 98, 1);
    snprintf(add_cell("w/threads@3.99/workers=2,n=8")->cell.not_run, 100, "no interpreter");
    decide("[S]\nsays = s\ncontrols = machine\nexpected = gil:REFUTED free:HOLDS\n[S: up]\n"
           "cells = w/threads/workers=2\nbase = */serial/workers=1\nat_least = 1.6\n"
           "[F]\nsays = f\napplies = free\nexpected = free>=3.14:HOLDS any:REFUTED\n[F: price]\n"
           "cells = w/serial/workers=1\nbase = */serial@gil/workers=1\nstatistic = ns_per_op\n"
           "at_most = 1.15\n"
           "[N]\nsays = n\ncolumns = one\n[N: c]\ncells = w/pthreads/workers=2\nbase = "
           "*/pthreads/workers=1\nat_least = 1\n");
    assert_int_equal(board.ncolumns, 4);
    assert_true(board.columns[1].free_threaded && board.columns[1].minor == 13);
    assert_false(board.columns[2].free_threaded);
    assert_verdict("S", "3.11", CLAIM_REFUTED, "");
    assert_verdict("S", "3.13t", CLAIM_HOLDS, "");
    assert_verdict("S", "3.13t-gil", CLAIM_REFUTED, "");
    assert_verdict("S", "3.99", CLAIM_NOT_RUN, "was not run: no interpreter");
    d = decision("F", "3.13t");
    assert_int_equal(d->verdict, CLAIM_REFUTED);
    assert_true(fabs(d->figures->estimate.value - 1.25) < 0.01);
    assert_string_equal(d->figures->base, "w/serial@3.13t-gil/workers=1,n=8");
    assert_int_equal(d->expected, CLAIM_REFUTED);
    assert_string_equal(d->note, "");
    assert_int_equal(board.ndecisions, 4 + 1 + 1);
    assert_int_equal(decision("N", "")->column, -1);
    end();
}

static void conditions_of_interpreters(void **state) {
    const struct claim_column with = {.minor = 11}, without = {.minor = 13, .free_threaded = true};
    (void)state;
    assert_true(claims_condition("any", &with) && claims_condition("gil<3.12", &with));
    assert_false(claims_condition("gil>=3.12", &with) || claims_condition("free", &with));
    assert_true(claims_condition("free>=3.13", &without));
    assert_false(claims_condition("free>=3.14", &without) || claims_condition("gil", &without));
    assert_false(claims_condition_is_valid("gil>3.12") || claims_condition_is_valid("GIL") ||
                 claims_condition_is_valid("gil<3.x") || claims_condition_is_valid("gil<3.12b"));
}

/* ---- The register */

static void each_mistake_of_a_register_is_named_with_its_place(void **state) {
    static const char figure[] = "[C]\nsays = c\n[C: f]\ncells = w/m\n";
    const struct {
        const char *before, *text, *error;
    } bad[] = {
        {"", "", "r has no claim"},
        {"", "[C]\nholds = x", "r:1:2: [C] needs says = what is claimed"},
        {"", "[C]\nsays = x", "r: C has no figure that decides it"},
        {"", "[C]\nsays = x\nsaid = y", "r:3:1: unknown key 'said'; there are: says controls"},
        {"", "[C: f]\ncells = x", "r:1:2: figures stand behind their claim: no [C] before this"},
        {figure, "", "r:3:2: [C: f] needs at_least, at_most or within = LEAST MOST"},
        {figure, "at_least = much", "r:5:12: at_least: a number expected, not 'much'"},
        {figure, "within = 1", "r:5:10: within: two numbers expected, not '1'"},
        {figure, "at_most = 2\nrefuted_above = 1",
         "r:3:2: [C: f] would hold and be refuted at once"},
        {figure, "at_most = 2\nstatistic = speed",
         "r:6:13: statistic: a statistic of a process expected"},
        {figure, "at_most = 2\nover = mean",
         "r:6:8: over: first, max, min, geomean, slope, r2, crossing expected"},
        {figure, "at_most = 2\nover = slope",
         "r:3:2: [C: f]: x = PARAMETER goes with over = slope, r2 or crossing"},
        {figure, "at_most = 2\nover = crossing", "r:3:2: [C: f]: over = crossing needs a base"},
        {figure, "at_most = 2\nunit = furlong", "r:6:8: unit: x, ns, b, share or number expected"},
        {figure, "at_most = 2\n[C: f]\ncells = w/m\nat_most = 1",
         "r:6:2: [C: f] stands here already"},
        {figure, "at_most = 2\n[C]\nsays = x", "r:6:2: [C] stands here already"},
        {"", "[C]\nsays = x\nexpected = gil", "r:3:12: expected: words like any:HOLDS"},
        {"", "[C]\nsays = x\napplies = 3.12", "r:3:11: applies: words like any, gil"},
        {"", "[C]\nsays = x\ncontrols = k\n[C: f]\ncells = w/m\nat_most = 1",
         "r: C names the control 'k'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        char text[600];
        snprintf(text, sizeof text, "%s%s", bad[i].before, bad[i].text);
        assert_int_equal(claims_parse(&reg, "r", text, &err), -1);
        if (strncmp(err.text, bad[i].error, strlen(bad[i].error)))
            fail_msg("%s: %s", bad[i].text, err.text);
        assert_int_equal(err.code, GB_USAGE);
    }
}

static void a_claim_that_is_not_there_is_refused(void **state) {
    struct err err = {0};
    (void)state;
    run_of(1, 0.01);
    assert_int_equal(
        claims_parse(&reg, "r", "[C1]\nsays = x\n[C1: f]\ncells = w/m\nat_most = 1\n", &err), 0);
    assert_int_equal(claims_decide(&board, &reg, &run, "C1,C9", &err), -1);
    assert_string_equal(err.text, "--only: there is no claim 'C9'; there are: C1");
    assert_int_equal(err.code, GB_USAGE);
    runset_free(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_where_the_whole_interval_does),
        cmocka_unit_test(it_is_refuted_where_the_whole_interval_is_beyond),
        cmocka_unit_test(it_is_undecided_where_the_limit_is_within),
        cmocka_unit_test(a_few_processes_decide_nothing),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_base_that_did_other_work_is_none),
        cmocka_unit_test(a_control_that_fails_makes_the_host_invalid),
        cmocka_unit_test(without_its_controls_nothing_is_decided),
        cmocka_unit_test(figures_combine_as_told),
        cmocka_unit_test(between_two_limits_nothing_is_decided),
        cmocka_unit_test(a_maximum_leaves_out_what_cannot_run_and_nothing_else),
        cmocka_unit_test(a_mean_needs_all_and_is_geometric),
        cmocka_unit_test(a_law_is_a_line_through_each_block),
        cmocka_unit_test(a_crossing_is_where_the_ratio_gets_to_one),
        cmocka_unit_test(each_interpreter_has_its_verdict),
        cmocka_unit_test(conditions_of_interpreters),
        cmocka_unit_test(each_mistake_of_a_register_is_named_with_its_place),
        cmocka_unit_test(a_claim_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
