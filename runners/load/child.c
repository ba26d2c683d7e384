/* child.c - see child.h. */
#include "child.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static FILE *out;
static int in = -1;

static int inherited(const char *name) {
    const char *text = getenv(name);
    if (text && *text)
        return atoi(text);
    fprintf(stderr, "%s is not set: this program is run by gilbench\n", name);
    exit(2);
}

void child_begin(void) {
    out = fdopen(inherited("GILBENCH_OUT"), "w");
    in = inherited("GILBENCH_IN");
    if (!out) {
        perror("GILBENCH_OUT");
        exit(2);
    }
    fputs("hello 1\n", out);
    fflush(out);
}

int child_fd(void) {
    return in;
}

/* ---- Attestation */

static void add_thread(cpu_set_t *all, const char *tid) {
    cpu_set_t one;
    if (sched_getaffinity(atoi(tid), sizeof one, &one) == 0)
        CPU_OR(all, all, &one);
}

static void read_affinity(cpu_set_t *all) {
    DIR *tasks = opendir("/proc/self/task");
    CPU_ZERO(all);
    for (struct dirent *task; tasks && (task = readdir(tasks));)
        if (task->d_name[0] != '.')
            add_thread(all, task->d_name);
    if (tasks)
        closedir(tasks);
}

/* The CPU list in the kernel's form: 0-1,4 */
static void format_cpus(const cpu_set_t *set, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int cpu = 0, last; cpu < CPU_SETSIZE && used < size; cpu = last + 1) {
        last = cpu;
        if (!CPU_ISSET(cpu, set))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        used += (size_t)snprintf(text + used, size - used, last > cpu ? "%s%d-%d" : "%s%d",
                                 used ? "," : "", cpu, last);
    }
}

#ifdef __OPTIMIZE__
static const char debug[] = "no";
#else
static const char debug[] = "O0";
#endif

void child_attest(void) {
    char affinity[1024];
    cpu_set_t set;
    read_affinity(&set);
    format_cpus(&set, affinity, sizeof affinity);
    fprintf(out,
            "attest gil=none runtime=c loop=none interp=0 affinity=%s build=none debug=%s "
            "start_method=none pid=%d\n",
            affinity, debug, (int)getpid());
    fflush(out);
}

/* ---- Lines and words */

void child_ready(int port) {
    if (port)
        fprintf(out, "ready port=%d\n", port);
    else
        fputs("ready\n", out);
    fflush(out);
}

/* A word is a line; the driver sends the next only after our answer, so reading byte by byte loses
 * nothing. */
enum child_word child_wait(void) {
    char line[16];
    size_t used = 0;
    while (used < sizeof line - 1) {
        ssize_t n = read(in, line + used, 1);
        if (n == 0)
            exit(0);
        if (n < 0 && errno != EINTR)
            child_fail("reading from the driver: %s", strerror(errno));
        if (n > 0 && line[used++] == '\n')
            break;
    }
    line[used] = '\0';
    if (!strcmp(line, "go\n"))
        return CHILD_GO;
    if (!strcmp(line, "stop\n"))
        return CHILD_STOP;
    child_fail("unknown word from the driver");
}

void child_look(int64_t tasks) {
    fprintf(out, "waiting tasks=%" PRId64 "\n", tasks);
    fflush(out);
    child_wait();
}

static void write_sample(int64_t ns, const struct tally *tally) {
    fprintf(out,
            "sample ns=%" PRId64 " ops=%" PRId64 " hit=%" PRId64 " miss=%" PRId64 " error=%" PRId64
            " digest=%016" PRIx64,
            ns, tally->ops, tally->hit, tally->miss, tally->error, tally->digest);
    if (tally->lost)
        fprintf(out, " lost=%" PRId64, tally->lost);
}

void child_sample(int64_t ns, const struct tally *tally) {
    write_sample(ns, tally);
    fputs("\n", out);
}

void child_client_sample(int64_t ns, const struct tally *tally, const struct client_share *client) {
    write_sample(ns, tally);
    fprintf(out,
            " client_cpu_ns=%" PRId64 " offered_ns=%" PRId64 " late_ns=%" PRId64
            " late_max_ns=%" PRId64 " waited=%" PRId64 "\n",
            client->cpu_ns, client->offered_ns, client->late_ns, client->late_max_ns,
            client->waited);
}

static void write_latency(const char *kind, const struct hist *hist) {
    const char *comma = "";
    fprintf(out, "latency kind=%s unit=ns sub=5 buckets=", kind);
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (hist->count[i]) {
            fprintf(out, "%s%u:%" PRIu64, comma, i, hist->count[i]);
            comma = ",";
        }
    }
    fputs("\n", out);
    fflush(out);
}

void child_latency(const struct hist *hist) {
    write_latency("uncorrected", hist);
}

void child_corrected_latency(const struct hist *hist) {
    write_latency("corrected", hist);
}

void child_heavy_latency(const struct hist *hist) {
    write_latency("heavy", hist);
}

void child_end(void) {
    child_attest();
    fputs("bye\n", out);
    fflush(out);
}

void child_fail(const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "%s\n", text);
    if (out) {
        fprintf(out, "fail %s\n", text);
        fflush(out);
    }
    _exit(1);
}

struct child_args child_args(int argc, char **argv, const struct param *own) {
    struct child_args cmd = {.args = {.own = own, .words = argv + 3, .count = argc - 3}};
    char message[400];
    if (argc < 3) {
        fprintf(stderr, "usage: %s WORKLOAD MODEL key=value...\n", argv[0]);
        exit(2);
    }
    cmd.model = argv[2];
    if (!(cmd.args.workload = workload_find(argv[1]))) {
        fprintf(stderr, "unknown workload '%s'\n", argv[1]);
        exit(2);
    }
    if (args_check(&cmd.args, message, sizeof message) < 0) {
        fprintf(stderr, "%s\n", message);
        exit(2);
    }
    return cmd;
}

int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
