/* Results on disk: a run goes through JSON unharmed, estimates are those of the samples, a torn
 * journal loses its torn line only. */
#include "../../runners/driver/results.h"
#include "../../runners/stats/stats.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/gilbench-test-XXXXXX", path[64];

static struct rep make_rep(int cell, int number, double ns_per_op, const char *runtime) {
    struct rep rep = {.cell = cell,
                      .rep = number,
                      .startup_ns = 5000000,
                      .peak_rss_b = 1 << 20,
                      .pss_b = 1 << 19,
                      .nsamples = 3};
    snprintf(rep.at_ready.runtime, sizeof rep.at_ready.runtime, "%s", runtime);
    rep.samples = calloc(3, sizeof *rep.samples);
    for (int i = 0; i < 3; i++) {
        struct sample *s = &rep.samples[i];
        *s = (struct sample){
            .ns = (int64_t)(ns_per_op * 100 * (i ? 1 : 50)),
            .ops = 100,
            .hit = 100,
            .digest = 0xfedcba9876543210u,
            .usage = {.cpu_ns = 200, .user_ns = 150, .sys_ns = 50, .nvcsw = 100, .nivcsw = 10},
            .hist = calloc(1, sizeof *s->hist),
            .warmup = i == 0};
        for (int op = 0; op < 100; op++)
            hist_add(s->hist, (uint64_t)(op < 99 ? ns_per_op : 10 * ns_per_op));
    }
    return rep;
}

static void make_cell(struct cell *cell, const char *model, const char *workers) {
    *cell = (struct cell){.workload = "w",
                          .kind = GB_CPU,
                          .samples = 2,
                          .warmup = 1,
                          .cores = 1,
                          .timeout_s = 1.5,
                          .nparams = 1};
    snprintf(cell->model, sizeof cell->model, "%s", model);
    snprintf(cell->params[0].key, sizeof cell->params[0].key, "workers");
    snprintf(cell->params[0].value, sizeof cell->params[0].value, "%s", workers);
    snprintf(cell->id, sizeof cell->id, "w/%s/workers=%s", model, workers);
}

static int make_cells(struct runset *run, void *arg, struct err *err) {
    (void)arg, (void)err;
    run->results = calloc(3, sizeof *run->results);
    run->nresults = 3;
    make_cell(&run->results[0].cell, "serial", "1");
    make_cell(&run->results[1].cell, "threads", "2");
    make_cell(&run->results[2].cell, "promise", "2");
    snprintf(run->results[2].cell.variant, sizeof run->results[2].cell.variant, "await");
    return 0;
}

static void make_run(struct runset *run) {
    struct err err;
    *run = (struct runset){.run_id = "id",
                           .created_utc = "2026-01-01T00:00:00Z",
                           .matrix_name = "m",
                           .seed = 3,
                           .reps = 4};
    run->matrix_text = strdup("[x]\n\"quoted\"\n");
    make_cells(run, NULL, &err);
}

static void add_reps(struct runset *run) {
    struct err err;
    for (int i = 0; i < 4; i++) {
        runset_add_rep(run, make_rep(0, i, 1000 + i, "cpython-3"), &err);
        runset_add_rep(run, make_rep(1, i, 500 + i / 2.0, "cpython-3"), &err);
    }
}

static void estimates_are_medians_of_counted_samples(void **state) {
    struct runset run;
    (void)state;
    make_run(&run);
    add_reps(&run);
    runset_summarise(&run);
    assert_true(fabs(run.results[0].ops_per_s.value - 1e9 / 1001.5) <
                1); /* the warm-up, 50 times slower, does not count */
    assert_true(run.results[0].ops_per_s.lo <= run.results[0].ops_per_s.value);
    assert_true(fabs(run.results[1].speedup.value - 2) < 1e-9 &&
                fabs(run.results[1].speedup.lo - 2) < 1e-9);
    assert_string_equal(run.results[1].baseline, "w/serial/workers=1");
    assert_true(run.results[0].cpu_ns_per_op.value == 2 && run.results[0].nvcsw_per_op.value == 1);
    assert_true(run.results[0].uncorrected.p50.value >= 1000 &&
                run.results[0].uncorrected.p50.value < 1040);
    assert_true(run.results[0].uncorrected.p999.value >= 10000);
    assert_int_equal(run.results[2].ops_per_s.n, 0);
    runset_free(&run);
}

static void one_void_rep_makes_the_cell_void(void **state) {
    struct runset run;
    struct err err;
    struct rep bad = make_rep(1, 4, 500, "cpython-3");
    (void)state;
    make_run(&run);
    add_reps(&run);
    snprintf(bad.void_reason, sizeof bad.void_reason, "checksum");
    runset_add_rep(&run, bad, &err);
    runset_summarise(&run);
    assert_string_equal(run.results[1].void_reason, "checksum");
    assert_int_equal(run.results[1].ops_per_s.n, 0);
    assert_int_equal(run.results[0].ops_per_s.n, 4);
    runset_free(&run);
}

static void a_run_goes_through_json_unharmed(void **state) {
    struct runset run, back;
    struct sample *sample;
    struct err err = {0};
    (void)state;
    make_run(&run);
    add_reps(&run);
    sample = &run.results[1].reps[2].samples[1];
    sample->client = (struct client){1, 2, 3, 4, 5};
    sample->corrected = calloc(1, sizeof *sample->corrected);
    hist_add(sample->corrected, 123456789);
    runset_summarise(&run);
    assert_int_equal(results_write(path, &run, &err), 0);
    if (results_read(path, &back, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(&back.results[1].reps[2].samples[1].client, &sample->client,
                        sizeof(struct client));
    assert_memory_equal(back.results[1].reps[2].samples[1].corrected, sample->corrected,
                        sizeof(struct hist));
    assert_null(back.results[1].reps[1].samples[1].corrected);
    assert_true(back.results[1].corrected.p99.value > 123e6);
    assert_string_equal(back.matrix_text, run.matrix_text);
    assert_int_equal(back.nresults, 3);
    assert_string_equal(back.results[2].cell.variant, "await");
    assert_int_equal(back.results[1].nreps, 4);
    assert_memory_equal(&back.results[1].reps[2].samples[1].usage,
                        &run.results[1].reps[2].samples[1].usage, sizeof(struct usage));
    assert_memory_equal(back.results[1].reps[2].samples[1].hist,
                        run.results[1].reps[2].samples[1].hist, sizeof(struct hist));
    assert_true(back.results[1].reps[2].samples[1].digest == 0xfedcba9876543210u);
    assert_true(back.results[1].speedup.value == run.results[1].speedup.value);
    assert_true(back.results[1].speedup.lo == run.results[1].speedup.lo);
    assert_true(back.results[1].speedup.hi == run.results[1].speedup.hi);
    assert_int_equal(back.results[1].speedup.n, run.results[1].speedup.n);
    runset_free(&run);
    runset_free(&back);
}

static void write_journal(struct runset *run) {
    struct err err;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(journal_write_header(fd, run, &err), 0);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < run->results[i].nreps; k++)
            assert_int_equal(journal_write_rep(fd, run, &run->results[i].reps[k], true, &err), 0);
    close(fd);
}

/* Cut at every length: it parses, and has the reps whose lines are whole. */
static void a_journal_cut_anywhere_parses(void **state) {
    struct runset run, back;
    struct err err;
    struct stat whole;
    int last = -1;
    bool torn;
    (void)state;
    make_run(&run);
    add_reps(&run);
    write_journal(&run);
    stat(path, &whole);
    for (off_t size = whole.st_size; size > 0; size -= 1 + size / 60) {
        int reps = 0;
        assert_int_equal(truncate(path, size), 0);
        if (journal_read(path, &back, make_cells, NULL, &torn, &err) < 0) {
            assert_non_null(strstr(err.text, "no header line"));
            continue;
        }
        for (int i = 0; i < back.nresults; i++)
            reps += back.results[i].nreps;
        assert_true(last < 0 || reps <= last);
        assert_true(torn || size == whole.st_size || reps < 8);
        last = reps;
        runset_free(&back);
    }
    runset_free(&run);
}

static void a_partial_rep_is_done_again(void **state) {
    struct runset run, back;
    struct err err;
    bool torn;
    int fd;
    (void)state;
    make_run(&run);
    add_reps(&run);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    journal_write_header(fd, &run, &err);
    journal_write_rep(fd, &run, &run.results[0].reps[0], true, &err);
    journal_write_rep(fd, &run, &run.results[0].reps[1], false, &err);
    close(fd);
    assert_int_equal(journal_read(path, &back, make_cells, NULL, &torn, &err), 0);
    assert_false(torn);
    assert_int_equal(back.results[0].nreps, 1);
    runset_free(&back);
    runset_free(&run);
}

static void a_full_disk_is_an_error_with_its_name(void **state) {
    struct runset run;
    struct err err = {0};
    int fd = open("/dev/full", O_RDWR);
    (void)state;
    make_run(&run);
    assert_int_equal(journal_write_header(fd, &run, &err), -1);
    assert_non_null(strstr(err.text, "No space left on device"));
    close(fd);
    runset_free(&run);
}

static void foreign_files_are_refused_with_the_reason(void **state) {
    const struct {
        const char *text, *error;
        enum gb_exit code;
    } bad[] = {
        {"{", "(line 1, column 1)", GB_USAGE},
        {"{}", "is not a gilbench result", GB_INCOMPATIBLE},
        {"{\"schema\":\"gilbench/result\",\"schema_version\":\"2.0\"}",
         "has schema version 2.0; this gilbench reads 1.x", GB_INCOMPATIBLE},
        {"{\"schema\":\"gilbench/result\",\"schema_version\":\"1.9\"}",
         "has no array \"benchmarks\"", GB_USAGE},
        {"{\"schema\":\"gilbench/"
         "result\",\"schema_version\":\"1.0\",\"benchmarks\":[{\"id\":\"a\",\"reps\":[{}]}]}",
         "rep 0 of a has no samples", GB_USAGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct runset run;
        struct err err = {0};
        FILE *file = fopen(path, "w");
        fputs(bad[i].text, file);
        fclose(file);
        assert_int_equal(results_read(path, &run, &err), -1);
        if (!strstr(err.text, bad[i].error))
            fail_msg("'%s' does not say '%s'", err.text, bad[i].error);
        assert_int_equal(err.code, bad[i].code);
    }
}

static int begin(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* ---- Speed */

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_many(struct runset *run, int reps, int samples, struct rng *rng) {
    struct err err;
    for (int i = 0; i < reps; i++) {
        struct rep rep = {.rep = i, .nsamples = samples, .startup_ns = 1, .peak_rss_b = 1};
        rep.samples = calloc((size_t)samples, sizeof *rep.samples);
        for (int k = 0; k < samples; k++)
            rep.samples[k] =
                (struct sample){.ns = 1000000 + (int64_t)rng_below(rng, 100000),
                                .ops = 100,
                                .hit = 100,
                                .usage = {.cpu_ns = 900000, .user_ns = 1, .sys_ns = 1}};
        assert_int_equal(runset_add_rep(run, rep, &err), 0);
    }
}

/* A million samples, in more processes than anybody starts, with seven figures each: a few times
 * what it takes to sort as many numbers once. By sorting for each quantile it was 15 times that. */
static void a_million_samples_cost_little_more_than_to_sort_them(void **state) {
    enum { REPS = 1000, SAMPLES = 1000 };
    struct rng rng = {7};
    struct runset run = {.seed = 3, .reps = REPS, .nresults = 1};
    double *values = malloc(REPS * SAMPLES * sizeof *values), start = cpu_s(), sorting, analysis;
    (void)state;
    for (int i = 0; i < REPS * SAMPLES; i++)
        values[i] = (double)rng_next(&rng);
    start = cpu_s();
    qsort(values, REPS * SAMPLES, sizeof *values, ascending);
    sorting = cpu_s() - start;
    run.results = calloc(1, sizeof *run.results);
    make_cell(&run.results[0].cell, "serial", "1");
    add_many(&run, REPS, SAMPLES, &rng);
    start = cpu_s();
    runset_summarise(&run);
    analysis = cpu_s() - start;
    print_message("a million samples: %.2f s of CPU time; sorting as many numbers: %.2f s\n",
                  analysis, sorting);
    assert_int_equal(run.results[0].ops_per_s.n, REPS);
    assert_true(analysis < 10 * sorting);
    runset_free(&run);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_medians_of_counted_samples),
        cmocka_unit_test(one_void_rep_makes_the_cell_void),
        cmocka_unit_test(a_run_goes_through_json_unharmed),
        cmocka_unit_test(a_journal_cut_anywhere_parses),
        cmocka_unit_test(a_partial_rep_is_done_again),
        cmocka_unit_test(a_full_disk_is_an_error_with_its_name),
        cmocka_unit_test(foreign_files_are_refused_with_the_reason),
        cmocka_unit_test(a_million_samples_cost_little_more_than_to_sort_them),
    };
    return cmocka_run_group_tests_name("results", tests, begin, end);
}
