/* fake.c - an adapter that does no work and says what it is told to: for the tests of the driver.
 *
 * Its behaviour is the variant: good, or one way to be wrong. `ns` of a sample is a fixed function
 * of the sample's number, so that whatever the driver makes of it can be predicted. */
#include "../load/child.h"
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tally expected(struct child_args *cmd) {
    static unsigned char result[OP_RESULT_MAX];
    struct tally tally = {0};
    void *state = cmd->workload->setup(&cmd->args);
    int64_t ops = args_int(&cmd->args, "ops", 100);
    size_t size;
    for (int64_t id = 0; state && id < ops; id++) {
        enum op_class class = cmd->workload->op(state, (uint64_t)id, result, &size);
        tally_add(&tally, (uint64_t)id, class, result, size);
    }
    free(state);
    return tally;
}

static void raw(const char *text) {
    ssize_t n = write(atoi(getenv("GILBENCH_OUT")), text, strlen(text));
    (void)n;
}

static void overlong(void) {
    for (int i = 0; i < 10000; i++)
        raw("0123456789");
}

/* What goes wrong before the sample line. */
static void misbehave(const char *how) {
    if (!strcmp(how, "crash"))
        raise(SIGSEGV);
    if (!strcmp(how, "exit"))
        exit(3);
    if (!strcmp(how, "hang"))
        pause();
    if (!strcmp(how, "slow"))
        usleep(200000);
    if (!strcmp(how, "garbage"))
        raw("sample ns=oops \x01\xff\n");
    if (!strcmp(how, "overlong"))
        overlong();
    if (!strcmp(how, "fail"))
        child_fail("the fake was asked to fail");
}

static void sample(const char *how, struct tally tally, int number) {
    struct hist latency = {{0}};
    if (!strcmp(how, "bad_digest"))
        tally.digest ^= 1;
    if (!strcmp(how, "short"))
        tally.ops--, tally.hit--;
    for (int64_t i = 0; i < tally.ops; i++)
        hist_add(&latency, 1000 + (uint64_t)(i % 10) * 1000);
    child_sample(1000000 + 10000 * number, &tally);
    child_latency(&latency);
}

/* A child that leaves the cores it was given. Where there is one core only, there is nowhere to go.
 */
static void unpin(void) {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        CPU_SET(cpu, &all);
    sched_setaffinity(0, sizeof all, &all);
}

int main(int argc, char **argv) {
    struct child_args cmd =
        child_args(argc, argv, (const char *const[]){"store_host", "store_port", "port", NULL});
    const char *colon = strchr(cmd.model, ':'), *how = colon ? colon + 1 : "good";
    struct tally tally = expected(&cmd);
    child_begin();
    if (!strcmp(how, "hang_early"))
        pause();
    if (!strcmp(how, "unpinned"))
        unpin();
    if (!strcmp(how, "wrong_loop"))
        raw("attest gil=none runtime=c loop=some.OtherLoop interp=0 affinity=0 build=none "
            "start_method=none pid=1\n");
    else
        child_attest();
    child_ready(0);
    for (int number = 0; child_wait() == CHILD_GO; number++) {
        misbehave(how);
        sample(how, tally, number);
    }
    child_end();
    return 0;
}
