/* Matrix files: what they mean, and every way to get one wrong, with its place. The registry is
 * made by hand: no process runs. */
#include "../../runners/driver/matrix.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct registry reg;

static void add_model(const char *name, const char *kinds, const char *variants) {
    struct model *m = &reg.models[reg.nmodels++];
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->kinds, sizeof m->kinds, "%s", kinds);
    snprintf(m->variants, sizeof m->variants, "%s", variants);
}

static void add_workload(const char *name, enum gb_kind kind, const char *keys) {
    struct workload_info *w = &reg.workloads[reg.nworkloads++];
    snprintf(w->name, sizeof w->name, "%s", name);
    snprintf(w->keys, sizeof w->keys, "ops seed workers concurrency %s", keys);
    w->kind = kind;
}

static int make_registry(void **state) {
    (void)state;
    memset(&reg, 0, sizeof reg);
    add_model("serial", "cpu client", "");
    add_model("procs", "cpu", "fork spawn");
    snprintf(reg.models[1].refuses, sizeof reg.models[1].refuses, "spawn:counter");
    snprintf(reg.models[1].because, sizeof reg.models[1].because, "it shares no memory");
    add_workload("counter", GB_CPU, "n");
    add_workload("queens", GB_CPU, "n");
    add_workload("echo", GB_SERVER, "bytes");
    return 0;
}

static void lists_are_crossed_in_order(void **state) {
    struct matrix m;
    struct err err = {0};
    (void)state;
    assert_int_equal(matrix_parse(&m, "m",
                                  "[run]\nreps=3\nseed=9\nsamples=4\n[queens: a label]\nmodels = "
                                  "serial procs:fork # why\nworkers = 1 2\nops=5\n",
                                  &reg, &err),
                     0);
    assert_int_equal(m.reps, 3);
    assert_int_equal(m.seed, 9);
    assert_int_equal(m.ncells, 4);
    assert_string_equal(m.cells[0].id, "queens/serial/workers=1,ops=5");
    assert_string_equal(m.cells[3].id, "queens/procs:fork/workers=2,ops=5");
    assert_int_equal(m.cells[3].cores, 2);
    assert_int_equal(m.cells[3].peer_cores, 0);
    assert_int_equal(m.cells[3].samples, 4);
    assert_string_equal(cell_param(&m.cells[3], "workers"), "2");
    assert_null(cell_param(&m.cells[3], "n"));
    matrix_free(&m);
}

static void a_section_overrides_the_settings_of_the_run(void **state) {
    struct matrix m;
    struct err err = {0};
    (void)state;
    assert_int_equal(
        matrix_parse(
            &m, "m",
            "[run]\nsamples=4\n[queens]\nmodels=serial\nops=1\nsamples=2\ncores=3\ntimeout_s=0.5\n",
            &reg, &err),
        0);
    assert_int_equal(m.cells[0].samples, 2);
    assert_int_equal(m.cells[0].cores, 3);
    assert_true(m.cells[0].timeout_s == 0.5);
    matrix_free(&m);
}

static void cells_on_fewer_cores_than_workers_are_cells_of_their_own(void **state) {
    struct matrix m;
    struct err err = {0};
    (void)state;
    assert_int_equal(matrix_parse(&m, "m",
                                  "[queens]\nmodels=procs:fork\nworkers=1 2\nops=1\n"
                                  "[queens]\nmodels=procs:fork\nworkers=2\nops=1\ncores=1\n",
                                  &reg, &err),
                     0);
    assert_string_equal(m.cells[1].id, "queens/procs:fork/workers=2,ops=1");
    assert_false(cell_is_confined(&m.cells[1]));
    assert_string_equal(m.cells[2].id, "queens/procs:fork/workers=2,ops=1,cores=1");
    assert_true(cell_is_confined(&m.cells[2]));
    assert_int_equal(m.cells[2].cores, 1);
    matrix_free(&m);
}

static void a_workload_that_a_model_refuses_is_not_run(void **state) {
    struct matrix m;
    struct err err = {0};
    (void)state;
    assert_int_equal(matrix_parse(&m, "m",
                                  "[counter]\nmodels=serial procs:fork procs:spawn\nops=1\n"
                                  "[queens]\nmodels=procs:spawn\nops=1\n",
                                  &reg, &err),
                     0);
    assert_string_equal(m.cells[0].not_run, "");
    assert_string_equal(m.cells[1].not_run, "");
    assert_string_equal(m.cells[2].not_run, "it shares no memory");
    assert_string_equal(m.cells[3].not_run, "");
    matrix_free(&m);
}

static void each_mistake_is_named_with_its_place(void **state) {
    const struct {
        const char *text, *error;
    } bad[] = {
        {"x", "m:1:1: 'key = value' or '[section]' expected"},
        {"  a = 1", "m:1:3: a key before the first [section]"},
        {"[queens", "m:1:8: ']' expected at the end of a section's name"},
        {"[]", "m:1:2: a section's name of letters, digits and _-. expected"},
        {"[queens]\n= 3", "m:2:1: a key of letters, digits and _-. expected before '='"},
        {"[queens]\nops =  # none", "m:2:6: a value expected after '='"},
        {"[queens]\nops=1\nops=2", "m:3:1: 'ops' stands in this section already"},
        {"[chess]\nops=1", "m:1:2: unknown workload 'chess'; there are: counter queens echo"},
        {"[queens]\nops=1", "m:1:2: [queens] needs models = one or more models"},
        {"[queens]\nmodels=serial", "m:1:2: [queens] needs ops = how many ops a sample has"},
        {"[queens]\nops=1\nmodels= serial gevent",
         "m:3:16: unknown model 'gevent'; there are: serial procs"},
        {"[echo]\nops=1\nmodels=serial",
         "m:3:8: serial does not run server workloads, only: cpu client"},
        {"[queens]\nops=1\nmodels=procs",
         "m:3:8: procs needs one of its variants, as in procs:VARIANT: fork spawn"},
        {"[queens]\nops=1\nmodels=serial:x", "m:3:8: serial has no variants"},
        {"[queens]\nops=1\nmodels=serial\nbytes=3",
         "m:4:1: unknown key 'bytes' of queens; there are: ops seed workers concurrency n models "
         "samples warmup cores peer_cores timeout_s"},
        {"[run]\nreps=none", "m:2:6: reps: a whole number of 1 or more expected, not 'none'"},
        {"[run]\nruns=1",
         "m:2:1: unknown key 'runs' in [run]; there are: reps samples warmup timeout_s seed"},
        {"[queens]\nops=1\nmodels=serial\ntimeout_s=-1",
         "m:4:11: timeout_s: seconds, more than 0, expected, not '-1'"},
        {"[queens]\nops=1 1\nmodels=serial",
         "m:1:2: cell queens/serial/ops=1 stands in this file already"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct matrix m;
        struct err err = {0};
        assert_int_equal(matrix_parse(&m, "m", bad[i].text, &reg, &err), -1);
        assert_string_equal(err.text, bad[i].error);
        assert_int_equal(err.code, GB_USAGE);
    }
}

static void random_text_is_an_error_or_cells_and_never_more(void **state) {
    static const char alphabet[] = "[]=:# \n\tqueensoprial19.-_";
    char text[200];
    (void)state;
    srand(4);
    for (int i = 0; i < 20000; i++) {
        struct matrix m;
        struct err err = {0};
        size_t size = (size_t)rand() % (sizeof text - 1);
        for (size_t k = 0; k < size; k++)
            text[k] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        text[size] = '\0';
        if (matrix_parse(&m, "m", text, &reg, &err) == 0)
            matrix_free(&m);
        else
            assert_true(err.text[0] && err.code == GB_USAGE);
    }
}

static void the_plan_interleaves_and_repeats(void **state) {
    struct cell cells[5] = {
        {.id = "a"}, {.id = "b"}, {.id = "c", .not_run = "no"}, {.id = "d"}, {.id = "e"}};
    struct trial *plan, *again, *other;
    int count = plan_make(cells, 5, 20, 7, &plan), differences = 0, moved = 0;
    (void)state;
    assert_int_equal(count, 80);
    assert_int_equal(plan_make(cells, 5, 20, 7, &again), 80);
    assert_int_equal(plan_make(cells, 5, 20, 8, &other), 80);
    for (int i = 0; i < count; i++) {
        assert_int_equal(plan[i].rep, i / 4);
        assert_int_not_equal(plan[i].cell, 2);
        assert_int_equal(plan[i].cell, again[i].cell);
        differences += plan[i].cell != other[i].cell;
        moved += plan[i].cell != plan[i % 4].cell;
    }
    assert_true(differences > 0 && moved > 0);
    for (int block = 0; block < 20; block++) {
        int seen = 0;
        for (int i = 0; i < 4; i++)
            seen |= 1 << plan[4 * block + i].cell;
        assert_int_equal(seen, 1 | 2 | 8 | 16);
    }
    free(plan);
    free(again);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_crossed_in_order),
        cmocka_unit_test(a_section_overrides_the_settings_of_the_run),
        cmocka_unit_test(cells_on_fewer_cores_than_workers_are_cells_of_their_own),
        cmocka_unit_test(a_workload_that_a_model_refuses_is_not_run),
        cmocka_unit_test(each_mistake_is_named_with_its_place),
        cmocka_unit_test(random_text_is_an_error_or_cells_and_never_more),
        cmocka_unit_test(the_plan_interleaves_and_repeats),
    };
    return cmocka_run_group_tests_name("matrix", tests, make_registry, NULL);
}
