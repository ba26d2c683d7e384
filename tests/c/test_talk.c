/* test_talk.c - talk in lines, and what the mixed workloads answer to it. */
#include "../../workloads/talk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t number_of(const char *text, size_t *used) {
    int64_t number;
    *used = line_take((const unsigned char *)text, strlen(text), &number);
    return number;
}

static void test_lines(void **fixture) {
    size_t used;
    (void)fixture;
    assert_int_equal(number_of("42\n7\n", &used), 42);
    assert_int_equal(used, 3);
    assert_int_equal(number_of("999999999999999999\n", &used), 999999999999999999);
    assert_int_equal(used, 19);
    number_of("42", &used);
    assert_int_equal(used, 0); /* more must come */
    for (int i = 0; i < 4; i++) {
        const char *none[] = {"\n", "-1\n", "1 \n", "9999999999999999999\n"};
        assert_int_equal(number_of(none[i], &used), -1);
        assert_true(used > 0);
    }
}

static void test_answers_in_lines(void **fixture) {
    const unsigned char *result;
    size_t size;
    (void)fixture;
    assert_int_equal(line_hear((const unsigned char *)"196418\n", 7, &result, &size), 7);
    assert_int_equal(size, 6);
    assert_int_equal(line_hear((const unsigned char *)"196", 3, &result, &size), 0);
    assert_int_equal(line_hear((const unsigned char *)"a number", 8, &result, &size), NO_ANSWER);
}

/* What a server answers to the request of op `id` is the op's result. */
static void check(const struct workload *workload, char **words, int count, uint64_t id,
                  const char *wanted) {
    struct args args = {workload, NULL, words, count};
    void *state = workload->setup(&args);
    unsigned char question[64], answer[64], known[64];
    const unsigned char *result;
    struct request request;
    size_t asked = workload->talk->ask(state, id, question), size;
    assert_int_equal(workload->talk->take(state, question, asked, &request), asked);
    assert_false(request.last);
    asked = workload->talk->answer(state, &request, answer);
    assert_int_equal(workload->talk->hear(answer, asked, &result, &size), asked);
    if (wanted) {
        assert_int_equal(size, strlen(wanted));
        assert_memory_equal(result, wanted, size);
    }
    workload->op(state, id, known, &asked);
    assert_int_equal(asked, size);
    assert_memory_equal(known, result, size);
    free(state);
}

/* fib(27), and steps of the LCG from 42, are known from elsewhere. */
static void test_mixed_workloads(void **fixture) {
    (void)fixture;
    check(&mix_fibsrv, (char *[]){"n=27"}, 1, 3, "196418");
    check(&mix_fibsrv, (char *[]){"heavy=20"}, 1, HEAVY_ID, "6765");
    check(&mix_block, (char *[]){"seed=0", "every=43", "burn=10000"}, 3, 42, "934946010");
    check(&mix_block, (char *[]){"seed=41"}, 1, 1, "1250496027");
    check(&mix_cross, (char *[]){"seed=40", "f=1000", "total_us=1000"}, 3, 2, "934946010");
    check(&mix_cross, (char *[]){"f=0"}, 1, 7, "49");
}

/* The same as in Python and JavaScript. */
static void test_what_spins_gives(void **fixture) {
    static char *const words[] = {"spin=python", "spin=regex", "spin=sha256"};
    static const uint64_t wanted[] = {934946010, 3765, 2310191867};
    (void)fixture;
    for (int i = 0; i < 3; i++) {
        struct args args = {&mix_convoy, NULL, (char **)&words[i], 1};
        void *state = mix_convoy.setup(&args);
        assert_int_equal(mix_convoy.spin(state), wanted[i]);
        free(state);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_answers_in_lines),
        cmocka_unit_test(test_mixed_workloads),
        cmocka_unit_test(test_what_spins_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
