/* Advice: its predictions against a simulation of the servers that its tables describe, event by event;
 * ranking, limits, the folk rule. The tables are made up, the simulation knows nothing of the formulas. */
#include "../../runners/driver/advise.h"
#include "../../runners/driver/matrix.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCKS = 6, CELLS_MAX = 120, REQUESTS = 3000 };

static struct advice_register reg;
static struct advice_tables tables;
static struct advice advice[ADVICE_MODELS_MAX];
static struct runset run;

/* ---- A server, simulated: requests wait, pass a loop of one lane, then workers; first come, first
 * served */

struct server {
    const char *model;
    double overhead_us, slowness;
    int lanes; /* that compute; 0: the loop computes itself */
};

static const struct server servers[] = {{"threads", 90, 1.1, 0},
                                        {"asyncio", 50, 1, 0},
                                        {"asyncio_offload:process", 150, 1.02, 2},
                                        {"threads_offload:process", 190, 1.05, 2}};
enum { SERVERS = sizeof servers / sizeof *servers };

static int earliest(const double *at, int n) {
    int found = 0;
    for (int i = 1; i < n; i++)
        found = at[i] < at[found] ? i : found;
    return found;
}

/* Requests a second. Each round the request that is due first goes through. */
static double simulate(const struct server *s, int population, double wait_us, double cpu_us) {
    double due[512], loop = 0, workers[8] = {0}, end = 0;
    for (int i = 0; i < population; i++)
        due[i] = wait_us * (1 + i / (double)population);
    for (int done = 0; done < REQUESTS; done++) {
        int next = earliest(due, population);
        double own = s->overhead_us + (s->lanes ? 0 : cpu_us * s->slowness);
        loop = fmax(loop, due[next]) + own;
        end = loop;
        if (s->lanes && cpu_us > 0) {
            int worker = earliest(workers, s->lanes);
            workers[worker] = fmax(workers[worker], loop) + cpu_us * s->slowness;
            end = workers[worker];
        }
        due[next] = end + wait_us;
    }
    return REQUESTS * 1e6 / end;
}

/* ---- Its cells */

static void set_param(struct cell *cell, const char *key, int value) {
    struct param *param = &cell->params[cell->nparams++];
    snprintf(param->key, sizeof param->key, "%s", key);
    snprintf(param->value, sizeof param->value, "%d", value);
}

static void add_cell(const struct server *s, int f, int concurrency) {
    struct result *r = &run.results[run.nresults++];
    double cpu_us = f * 10.0, wait_us = 10000 - cpu_us,
           rate = simulate(s, concurrency, wait_us, cpu_us);
    r->cell = (struct cell){.workload = "mix_cross", .kind = GB_SERVER, .cores = 1};
    sscanf(s->model, "%63[^:]:%63s", r->cell.model, r->cell.variant);
    set_param(&r->cell, "f", f);
    set_param(&r->cell, "concurrency", concurrency);
    if (s->lanes)
        set_param(&r->cell, "workers", s->lanes);
    if (s->lanes)
        r->cell.cores = s->lanes;
    cell_name(&r->cell);
    for (int i = 0; i < BLOCKS; i++) {
        struct rep rep = {.cell = run.nresults - 1, .rep = i, .nsamples = 1};
        double here = rate * (1 + 0.005 * (i % 3 - 1));
        struct err err;
        rep.pss_b = (int64_t)(20 << 20) + concurrency * (s->lanes ? 4000 : 2000);
        rep.samples = calloc(1, sizeof *rep.samples);
        rep.samples[0] = (struct sample){.ns = (int64_t)(1e12 / here), .ops = 1000};
        rep.samples[0].usage.cpu_ns =
            (int64_t)(1e6 * (s->overhead_us + cpu_us * s->slowness) * (1 + 0.01 * (i % 2)));
        rep.samples[0].hist = calloc(1, sizeof *rep.samples[0].hist);
        hist_add(rep.samples[0].hist, (uint64_t)(1e9 * concurrency / rate * 1.2));
        snprintf(rep.at_ready.runtime, sizeof rep.at_ready.runtime, "cpython-3.11.7");
        assert_int_equal(runset_add_rep(&run, rep, &err), 0);
    }
}

static void begin(const int *points, int npoints) {
    struct err err = {0};
    run = (struct runset){
        .seed = 1, .reps = BLOCKS, .results = calloc(CELLS_MAX, sizeof(struct result))};
    for (int i = 0; i < SERVERS; i++) {
        add_cell(&servers[i], 0, 64);
        add_cell(&servers[i], 0, 512);
        add_cell(&servers[i], 1000, 64);
        for (int k = 0; k < npoints; k++)
            add_cell(&servers[i], points[k], 64);
    }
    runset_summarise(&run);
    if (advise_tables(&tables, &reg, &run, &err) < 0)
        fail_msg("%s", err.text);
}

static int read_register(void **state) {
    static const char text[] =
        "[threads]\nfolk = io\n[asyncio]\nfolk = slow\n"
        "[asyncio_offload:process]\noffload = yes\nnative = python\n"
        "payload = ovh_payload/procs:fork\nshared = cpu_grain/procs:fork/steps=0\n"
        "[threads_offload:process]\noffload = yes\nnative = python\nfolk = cpu\n"
        "[uvloop]\n";
    char path[] = "/tmp/gilbench-test-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(advise_register(&reg, path, &err), 0);
    unlink(path);
    return reg.ntraits == 5 ? 0 : -1;
}

static const struct advice *find(const char *model, int count) {
    for (int i = 0; i < count; i++)
        if (!strcmp(advice[i].table->label, model))
            return &advice[i];
    fail_msg("no advice on %s", model);
    return NULL;
}

/* ---- */

static void held_out_points_are_predicted(void **state) {
    static const int points[] = {5, 10, 20, 50, 100, 200, 500, 900};
    struct advice_scores scores;
    (void)state;
    begin(points, 8);
    advise_score(&scores, &tables);
    assert_int_equal(scores.nmodels, SERVERS);
    assert_int_equal(scores.points, 8 * SERVERS);
    for (int i = 0; i < scores.nmodels; i++)
        if (scores.models[i].worst_error > 0.25)
            fail_msg("%s: %.0f %%", scores.models[i].table->label,
                     100 * scores.models[i].worst_error);
    assert_int_equal(scores.within, scores.points);
    assert_int_equal(scores.choices, 8);
    assert_true(scores.regret <= scores.folk_regret && scores.worst_regret < 0.05);
    assert_true(scores.worst_folk_regret >
                0.3); /* "it waits: threads", where two processes do twice as much */
    runset_free(&run);
}

static void other_crowds_than_the_tables_are_predicted(void **state) {
    (void)state;
    begin(NULL, 0);
    for (int population = 1; population <= 300; population = population * 2 + 1)
        for (int f = 0; f <= 800; f += 200) {
            struct profile p = {.concurrency = population, .cores = 2};
            int count;
            p.python_us = f * 10;
            p.wait_us = 10000 - p.python_us;
            count = advise(&p, &tables, advice);
            for (int i = 0; i < SERVERS; i++) {
                double rate = simulate(&servers[i], population, p.wait_us, p.python_us),
                       predicted = find(servers[i].model, count)->rate;
                if (fabs(predicted / rate - 1) > 0.25)
                    fail_msg("%s, %d at a time, f=%d: %.1f predicted, %.1f simulated",
                             servers[i].model, population, f, predicted, rate);
            }
        }
    runset_free(&run);
}

static void the_best_comes_first_and_says_why(void **state) {
    struct profile p = {.wait_us = 5000, .python_us = 5000, .concurrency = 64, .cores = 2};
    int count;
    (void)state;
    begin(NULL, 0);
    count = advise(&p, &tables, advice);
    assert_int_equal(count, SERVERS);
    assert_string_equal(tables.missing, "uvloop");
    assert_string_equal(advice[0].table->label, "asyncio_offload:process");
    assert_int_equal(advice[0].limit, LIMIT_PYTHON);
    assert_string_equal(advice[0].table->computes,
                        "mix_cross/asyncio_offload:process/f=1000,concurrency=64,workers=2");
    assert_false(find("asyncio", count)->too_close);
    p = (struct profile){.wait_us = 50000, .python_us = 10, .concurrency = 64, .cores = 2};
    count = advise(&p, &tables, advice);
    for (int i = 0; i < count; i++) {
        assert_int_equal(advice[i].limit, LIMIT_WAITING);
        assert_true(i == 0 || advice[i].too_close);
    }
    runset_free(&run);
}

static void limits_come_before_speed(void **state) {
    struct profile p = {.wait_us = 5000, .python_us = 5000, .concurrency = 5000, .cores = 2};
    int count;
    (void)state;
    begin(NULL, 0);
    p.memory_b = 31 << 20;
    count = advise(&p, &tables, advice);
    assert_true(advice[0].fits_memory && !advice[count - 1].fits_memory);
    assert_string_equal(advice[0].table->label, "asyncio"); /* 20 MiB and 2000 B each */
    p.p99_us = 100;
    count = advise(&p, &tables, advice);
    assert_false(advice[0].meets_p99);
    runset_free(&run);
}

static void what_was_not_measured_is_said(void **state) {
    struct profile p = {
        .wait_us = 1, .python_us = 5000, .concurrency = 64, .cores = 8, .payload_b = 1e6};
    int count;
    (void)state;
    begin(NULL, 0);
    count = advise(&p, &tables, advice);
    assert_string_equal(find("asyncio_offload:process", count)->unknown, "what its payload costs");
    assert_string_equal(find("asyncio", count)->unknown, "");
    assert_true(find("asyncio_offload:process", count)->extrapolated);
    assert_false(find("asyncio", count)->extrapolated);
    assert_true(fabs(find("asyncio_offload:process", count)->rate / (8e6 / 5100) - 1) < 0.05);
    assert_true(fabs(find("asyncio", count)->rate / (1e6 / 5050) - 1) < 0.05);
    runset_free(&run);
}

static void the_folk_rule_is_what_people_say(void **state) {
    const struct profile cpu = {.wait_us = 1, .python_us = 2}, io = {.wait_us = 10, .native_us = 2},
                         slow = {.wait_us = 100, .python_us = 2};
    struct profile p = {.wait_us = 9000, .python_us = 1000, .concurrency = 64, .cores = 2};
    int count;
    (void)state;
    assert_string_equal(advise_folk(&cpu), "cpu");
    assert_string_equal(advise_folk(&io), "io");
    assert_string_equal(advise_folk(&slow), "slow");
    begin(NULL, 0);
    count = advise(&p, &tables, advice);
    assert_string_equal(advise_folk_choice("io", advice, count, "")->table->label, "threads");
    assert_string_equal(advise_folk_choice("cpu", advice, count, "")->table->label,
                        "threads_offload:process");
    assert_null(advise_folk_choice("io", advice, count, "3.13t"));
    runset_free(&run);
}

static void a_run_of_other_things_gives_no_tables(void **state) {
    struct err err = {0};
    (void)state;
    run = (struct runset){.results = calloc(1, sizeof(struct result))};
    assert_int_equal(advise_tables(&tables, &reg, &run, &err), -1);
    assert_int_equal(err.code, GB_NOTHING);
    assert_non_null(strstr(err.text, "gilbench advise --measure"));
    runset_free(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_out_points_are_predicted),
        cmocka_unit_test(other_crowds_than_the_tables_are_predicted),
        cmocka_unit_test(the_best_comes_first_and_says_why),
        cmocka_unit_test(limits_come_before_speed),
        cmocka_unit_test(what_was_not_measured_is_said),
        cmocka_unit_test(the_folk_rule_is_what_people_say),
        cmocka_unit_test(a_run_of_other_things_gives_no_tables),
    };
    return cmocka_run_group_tests(tests, read_register, NULL);
}
