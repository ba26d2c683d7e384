/* The wire: every message, every malformed line, and noise. */
#include "../../runners/driver/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wire_message message;
static struct err err;

static int parse(const char *line) {
    char copy[400];
    snprintf(copy, sizeof copy, "%s", line);
    err = (struct err){0};
    return wire_parse(&message, copy, strlen(copy), &err);
}

static void good_lines_say_what_they_say(void **state) {
    (void)state;
    assert_int_equal(parse("hello 1"), 0);
    assert_int_equal(parse("attest gil=on runtime=cpython-3.11.2 loop=cpromise.Loop affinity=0-1,4 "
                           "pid=7 later=thing"),
                     0);
    assert_string_equal(message.attest.loop, "cpromise.Loop");
    assert_string_equal(message.attest.affinity, "0-1,4");
    assert_int_equal(parse("ready"), 0);
    assert_int_equal(message.port, 0);
    assert_int_equal(parse("ready port=8080"), 0);
    assert_int_equal(message.port, 8080);
    assert_int_equal(parse("sample ns=12 ops=3 hit=1 miss=1 error=1 digest=00000000000000ff"), 0);
    assert_true(message.sample.ns == 12 && message.sample.ops == 3 && message.sample.digest == 255);
    assert_int_equal(parse("latency unit=ns sub=5 buckets=5:2,1919:1"), 0);
    assert_true(message.hist.count[5] == 2 && message.hist.count[1919] == 1);
    assert_false(message.corrected);
    assert_int_equal(parse("latency kind=corrected unit=ns sub=5 buckets=5:2"), 0);
    assert_true(message.corrected);
    assert_int_equal(parse("latency kind=uncorrected unit=ns sub=5 buckets=5:2"), 0);
    assert_false(message.corrected);
    assert_int_equal(parse("sample ns=12 ops=3 hit=3 miss=0 error=0 digest=00000000000000ff "
                           "client_cpu_ns=5 offered_ns=6 late_ns=7 late_max_ns=8 waited=2"),
                     0);
    assert_true(message.sample.client.cpu_ns == 5 && message.sample.client.offered_ns == 6);
    assert_true(message.sample.client.late_ns == 7 && message.sample.client.late_max_ns == 8);
    assert_true(message.sample.client.waited == 2);
    assert_int_equal(parse("bye"), 0);
    assert_int_equal(parse("fail the store is gone"), 0);
    assert_string_equal(message.text, "the store is gone");
}

static void bad_lines_are_errors_that_show_the_line(void **state) {
    static const char *const bad[] = {
        "",
        "helo 1",
        "hello 2",
        "hello",
        "ready port=0",
        "ready port=65536",
        "ready port=x",
        "ready port",
        "attest",
        "attest gil",
        "sample",
        "sample ns=1 ops=1 digest=12",
        "sample ns=-1 ops=1 digest=0000000000000000",
        "sample ns=1e3 ops=1 digest=0000000000000000",
        "sample ns=0 ops=1 digest=0000000000000000",
        "sample ns=1 ops=0 digest=0000000000000000",
        "sample ns=1 ops=1 digest=000000000000000g",
        "sample ns=1  ops=1 digest=0000000000000000",
        "latency kind=better unit=ns sub=5 buckets=1:1",
        "sample ns=1 ops=1 digest=0000000000000000 waited=-1",
        "latency unit=us sub=5 buckets=1:1",
        "latency unit=ns sub=5 buckets=1920:1",
        "latency unit=ns sub=5 buckets=1:1;2:2",
        "latency unit=ns sub=5 buckets=1",
        "bye now",
        "sample ns=1 ops=1 \x01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(bad[i]) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(err.text, "on the wire: '"));
    }
    parse("\x02hi");
    assert_string_equal(err.text, "garbage on the wire: '\\x02hi'");
}

static void noise_never_passes_for_a_sample(void **state) {
    char line[120];
    (void)state;
    srand(3);
    for (int i = 0; i < 100000; i++) {
        size_t size = (size_t)rand() % sizeof line;
        for (size_t k = 0; k < size; k++)
            line[k] = (char)(rand() % 4 ? " =:,sampledig0123bucketsno"[rand() % 26] : rand());
        line[size < sizeof line ? size : sizeof line - 1] = '\0';
        err = (struct err){0};
        if (wire_parse(&message, line, strnlen(line, size), &err) < 0)
            assert_true(err.text[0]);
        else
            assert_int_not_equal(message.type, WIRE_SAMPLE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_say_what_they_say),
        cmocka_unit_test(bad_lines_are_errors_that_show_the_line),
        cmocka_unit_test(noise_never_passes_for_a_sample),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
