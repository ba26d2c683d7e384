/* Streams of numbered bytes, under reads, cancellations and closings by chance, through each of the
 * pollers: whatever the tries come to, no byte is lost. */
#include "host.inc"
#include "sockets.inc"
#include <errno.h>

static int begin(void **state) {
    (void)state;
    return open_loop();
}

struct flow {
    struct cp_io io;
    struct cp_op op;
    int peer; /* or -1: closed */
    size_t sent, got;
    bool ended; /* the end of the file was read */
};

static struct flow flows[6];
static unsigned chance;

static unsigned below(unsigned limit) {
    chance = chance * 1664525 + 1013904223;
    return (chance >> 8) % limit;
}

static unsigned char byte_at(size_t n) {
    return (unsigned char)(n * 7 + n / 256);
}

static void check_flow(struct flow *f) {
    const unsigned char *data = f->op.data;
    for (ssize_t i = 0; i < f->op.result; i++)
        if (data[i] != byte_at(f->got + (size_t)i))
            fail_msg("byte %zu is wrong", f->got + (size_t)i);
    if (f->op.result == 0) {
        assert_true(f->peer < 0);
        assert_int_equal(f->got, f->sent);
        f->ended = true;
    }
    if (f->op.result > 0)
        f->got += (size_t)f->op.result;
    else if (f->op.result != -ECANCELED)
        assert_int_equal(f->op.result, 0);
}

static int flow_done(struct cp_loop *l, struct cp_op *op) {
    (void)l;
    check_flow(cp_container_of(op, struct flow, op));
    return 0;
}

static void flow_open(struct flow *f) {
    int fds[2];
    pair(fds);
    *f = (struct flow){.peer = fds[1], .op = {.kind = CP_OP_RECV, .done = flow_done}};
    assert_int_equal(cp_io_open(&loop, &f->io, fds[0]), 0);
}

static void flow_close(struct flow *f) {
    cp_io_close(&loop, &f->io);
    while (f->op.pending)
        assert_int_equal(cp_loop_step(&loop, 0), 0);
    if (f->peer >= 0)
        close(f->peer);
}

static void flow_send(struct flow *f) {
    static unsigned char block[20000];
    size_t size = below(3) ? 1 + below(200) : 1 + below(sizeof block);
    ssize_t n;
    if (f->peer < 0)
        return;
    for (size_t i = 0; i < size; i++)
        block[i] = byte_at(f->sent + i);
    n = write(f->peer, block, size);
    f->sent += n > 0 ? (size_t)n : 0;
}

static void flow_read(struct flow *f) {
    if (f->op.pending || f->ended)
        return;
    f->op.len = below(4) ? 65536 : 1 + below(5000);
    if (cp_io_submit(&loop, &f->io, &f->op))
        check_flow(f);
}

static void flow_act(struct flow *f) {
    unsigned what = below(100);
    if (what < 35)
        flow_send(f);
    else if (what < 70)
        flow_read(f);
    else if (what < 75)
        cp_io_cancel(&loop, &f->op);
    else if (what < 98)
        assert_int_equal(cp_loop_step(&loop, 0), 0);
    else if (what == 98 && f->peer >= 0)
        f->peer = (close(f->peer), -1);
    else if (below(8) == 0) {
        flow_close(f);
        flow_open(f);
    }
}

static void flow_finish(struct flow *f) {
    if (f->peer >= 0)
        f->peer = (close(f->peer), -1);
    while (!f->ended) {
        flow_read(f);
        while (f->op.pending)
            assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    }
    flow_close(f);
}

static void no_byte_is_lost_whatever_happens(void **state) {
    const int count = sizeof flows / sizeof *flows;
    (void)state;
    for (unsigned seed = 1; seed <= 30; seed++) {
        chance = seed;
        for (int i = 0; i < count; i++)
            flow_open(&flows[i]);
        for (int i = 0; i < 2000; i++)
            flow_act(&flows[below((unsigned)count)]);
        for (int i = 0; i < count; i++)
            flow_finish(&flows[i]);
    }
}

static int run_group(const char *name) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_byte_is_lost_whatever_happens, begin, end),
    };
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof *tests, NULL, NULL);
}

int main(void) {
    return run_on_all(run_group);
}
