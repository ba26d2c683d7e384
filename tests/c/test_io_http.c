/* test_io_http.c - the parser of requests: what it accepts and refuses, cut anywhere, in memory of
 * exactly its size, and after random damage (the sanitizers see what it should not read). */
#include "../../workloads/talk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: h\r\n"

static void *state;

static int set_up(void **fixture) {
    struct args args = {&io_http, NULL, NULL, 0};
    (void)fixture;
    return (state = io_http.setup(&args)) ? 0 : -1;
}

static int tear_down(void **fixture) {
    (void)fixture;
    free(state);
    return 0;
}

/* take() of a copy that has not a byte to spare. */
static size_t take(const void *bytes, size_t size, struct request *request) {
    unsigned char *copy = malloc(size ? size : 1);
    size_t used;
    memcpy(copy, bytes, size);
    used = io_http.talk->take(state, copy, size, request);
    assert_true(used <= size);
    free(copy);
    return used;
}

/* The status with which a whole request is answered; 0: more must come. */
static int status_of(const char *text, size_t size) {
    static unsigned char answer[TALK_MAX];
    struct request request;
    unsigned char *copy = malloc(size);
    int status = 0;
    memcpy(copy, text, size);
    if (io_http.talk->take(state, copy, size, &request)) {
        io_http.talk->answer(state, &request, answer);
        status = atoi((char *)answer + strlen("HTTP/1.1 "));
    }
    free(copy);
    return status;
}

static const struct {
    const char *text;
    int status;
} cases[] = {
    {"GET /p HTTP/1.1\r\n" HOST "\r\n", 200},
    {"\r\n\r\nGET /p HTTP/1.1\r\n" HOST "\r\n", 200},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200},
    {"GET /p HTTP/1.0\r\n\r\n", 200},
    {"GET /q HTTP/1.1\r\n" HOST "\r\n", 404},
    {"GET /fib/99 HTTP/1.1\r\n" HOST "\r\n", 404},
    {"GET /p HTTP/1.1\r\n\r\n", 400},
    {"GET  /p HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /p HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400},
    {"GET /p HTTP/1.1\r\nHost : h\r\n\r\n", 400},
    {"GET /p HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
    {"GET /p HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
    {"GET /p HTTP/1.1\r\n" HOST "Content-Length: 1000001\r\n\r\n", 413},
    {"GET /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 501},
    {"GET /p HTTP/2.0\r\n" HOST "\r\n", 505},
};
enum { CASES = sizeof cases / sizeof *cases };

static void test_statuses(void **fixture) {
    (void)fixture;
    for (int i = 0; i < CASES; i++)
        assert_int_equal(status_of(cases[i].text, strlen(cases[i].text)), cases[i].status);
}

/* Nothing is understood before the last byte is there, and then all of it. */
static void test_every_cut(void **fixture) {
    struct request request;
    (void)fixture;
    for (int i = 0; i < CASES; i++) {
        size_t size = strlen(cases[i].text);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(take(cases[i].text, cut, &request), 0);
        assert_int_equal(take(cases[i].text, size, &request), size);
    }
}

static void test_a_head_without_an_end_is_refused(void **fixture) {
    static char text[8192];
    struct request request;
    (void)fixture;
    memset(text, 'a', sizeof text);
    assert_int_equal(take(text, sizeof text - 1, &request), 0);
    assert_int_equal(take(text, sizeof text, &request), sizeof text);
    assert_true(request.last);
    assert_int_equal(status_of(text, sizeof text), 431);
}

static void test_random_damage(void **fixture) {
    uint32_t x = 42;
    struct request request;
    (void)fixture;
    for (int round = 0; round < 20000; round++) {
        char text[128];
        size_t size = strlen(cases[round % CASES].text);
        memcpy(text, cases[round % CASES].text, size);
        for (int damage = round % 4; damage >= 0; damage--) {
            x = lcg(x);
            text[(x >> 8) % size] = (char)(x >> 22);
        }
        take(text, size, &request);
    }
}

/* What the load generator hears is what the server answered, cut anywhere. */
static void test_answers_are_heard(void **fixture) {
    static unsigned char question[TALK_MAX], answer[TALK_MAX], wanted[OP_RESULT_MAX];
    struct args args = {&io_http, NULL, (char *[]){"route=mixed", "bytes=100", "wait_us=7"}, 3};
    void *mixed = io_http.setup(&args);
    const unsigned char *result;
    size_t size, wanted_size;
    (void)fixture;
    for (uint64_t id = 0; id < 5; id++) {
        struct request request;
        size_t asked = io_http.talk->ask(mixed, id, question);
        assert_int_equal(io_http.talk->take(mixed, question, asked, &request), asked);
        assert_int_equal(request.wait_us, id == 3 ? 7 : 0);
        asked = io_http.talk->answer(mixed, &request, answer);
        for (size_t cut = 0; cut < asked; cut++)
            assert_int_equal(io_http.talk->hear(answer, cut, &result, &size), 0);
        assert_int_equal(io_http.talk->hear(answer, asked, &result, &size), asked);
        assert_int_equal(io_http.op(mixed, id, wanted, &wanted_size), OP_HIT);
        assert_int_equal(size, wanted_size);
        assert_memory_equal(result, wanted, size);
    }
    free(mixed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_a_head_without_an_end_is_refused),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_answers_are_heard),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
