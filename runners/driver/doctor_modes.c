/* doctor_modes.c - which way of comparing two processes is the quieter one here: their slices in
 * turn on one core (interleave), or at once on two, which are swapped from pair to pair (duet). The
 * work is a loop that touches no memory, so that what differs is the machine's. */
#include "../stats/stats.h"
#include "doctor.h"
#include "spawn.h"
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLICES = 4 };

static const int lengths_ms[DOCTOR_LENGTHS] = {25, 70};

static __attribute__((noinline)) uint64_t spin(int64_t steps) {
    uint64_t x = 88172645463325252u;
    for (int64_t i = 0; i < steps; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static int64_t time_spin(int64_t steps) {
    int64_t start = now_ns();
    __asm__ volatile("" : : "r"(spin(steps)));
    return now_ns() - start;
}

/* ---- A process that runs a slice for each byte it is sent, and answers how long that took */

struct worker {
    pid_t pid;
    int to, from;
};

static void work(int in, int out, int64_t steps) {
    char byte;
    while (read(in, &byte, 1) == 1) {
        int64_t ns = time_spin(steps);
        if (write(out, &ns, sizeof ns) != sizeof ns)
            break;
    }
    _exit(0);
}

static int start(struct worker *worker, int cpu, int64_t steps) {
    int to[2], from[2];
    cpu_set_t set;
    if (pipe(to) < 0)
        return -1;
    if (pipe(from) < 0) {
        close(to[0]);
        close(to[1]);
        return -1;
    }
    worker->pid = fork();
    if (worker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            _exit(1);
        close(to[1]); /* else it would never see the end */
        work(to[0], from[1], steps);
    }
    close(to[0]);
    close(from[1]);
    worker->to = to[1];
    worker->from = from[0];
    return worker->pid < 0 ? -1 : 0;
}

static void end(struct worker *worker) {
    close(worker->to);
    close(worker->from);
    if (worker->pid > 0) {
        kill(worker->pid, SIGKILL);
        while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

static void go(const struct worker *worker) {
    ssize_t n = write(worker->to, "g", 1);
    (void)n; /* a worker that is gone does not answer, either */
}

/* NaN when the worker is gone, which every figure made of it then is, too. */
static double answer(const struct worker *worker) {
    int64_t ns;
    return read(worker->from, &ns, sizeof ns) == sizeof ns ? (double)ns : NAN;
}

/* ---- A pair: d as ab_difference has it */

static double pair(const struct machine *machine, bool duet, int number, int64_t steps) {
    int cpu = machine->pus[machine->npus > 1 ? number % 2 : 0],
        other = duet ? machine->pus[(number + 1) % 2] : cpu;
    struct worker workers[2] = {{0}, {0}};
    double times[2][SLICES], turns[SLICES], d = NAN;
    if (start(&workers[0], cpu, steps) == 0 && start(&workers[1], other, steps) == 0) {
        for (int i = -1; i < SLICES; i++) { /* the first is for warming up */
            int first = (i + number) & 1;
            for (int k = 0; k < 2; k++) {
                int who = first ^ k;
                go(&workers[who]);
                if (!duet)
                    times[who][i < 0 ? 0 : i] = answer(&workers[who]);
            }
            for (int who = 0; duet && who < 2; who++)
                times[who][i < 0 ? 0 : i] = answer(&workers[who]);
        }
        for (int i = 0; i < SLICES; i++)
            turns[i] = log(times[1][i] / times[0][i]);
        d = stats_median(turns, SLICES);
    }
    for (int who = 0; who < 2; who++)
        if (workers[who].pid)
            end(&workers[who]);
    return d;
}

static double spread(const struct machine *machine, bool duet, int pairs, int64_t steps) {
    double d[DOCTOR_PAIRS_MAX];
    for (int i = 0; i < pairs; i++)
        d[i] = pair(machine, duet, i, steps);
    return stats_sd(d, (size_t)pairs);
}

/* ---- The whole */

static int64_t calibrate(void) {
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t ns = time_spin(2000000);
        best = ns < best ? ns : best;
    }
    return 2000000 * (int64_t)1000000 / (best ? best : 1); /* steps in a millisecond */
}

/* How fast a loop is while the other core has one, too: near 1 on cores that share nothing, 0.5 to
 * 0.7 on siblings of one core. */
static double together(const struct machine *machine, int64_t steps) {
    struct worker workers[2] = {{0}, {0}};
    double alone[SLICES], both[SLICES], share = 0;
    if (start(&workers[0], machine->pus[0], steps) == 0 &&
        start(&workers[1], machine->pus[1], steps) == 0) {
        for (int i = 0; i < SLICES; i++) {
            go(&workers[0]);
            alone[i] = answer(&workers[0]);
            go(&workers[0]);
            go(&workers[1]);
            both[i] = answer(&workers[0]);
            answer(&workers[1]);
        }
        share = stats_median(alone, SLICES) / stats_median(both, SLICES);
    }
    for (int who = 0; who < 2; who++)
        if (workers[who].pid)
            end(&workers[who]);
    return share;
}

/* The longer slice only where it is clearly better; duet only where it is quieter by a fifth, since
 * it can judge work on one core alone. */
static void recommend(struct doctor *doctor) {
    int best = 0;
    for (int i = 1; i < DOCTOR_LENGTHS; i++)
        if (doctor->interleave[i] < 0.8 * doctor->interleave[best])
            best = i;
    doctor->mode = "interleave";
    if (doctor->duet[best] > 0 && doctor->duet[best] < 0.8 * doctor->interleave[best])
        doctor->mode = "duet";
    doctor->slice_ms = lengths_ms[best];
}

int doctor_modes(struct doctor *doctor, const struct machine *machine, int pairs, struct err *err) {
    int64_t steps = calibrate();
    doctor->pairs = pairs;
    if (machine->npus > 1)
        doctor->together = together(machine, 50 * steps);
    for (int i = 0; i < DOCTOR_LENGTHS && !interrupts; i++) {
        doctor->lengths_ms[i] = lengths_ms[i];
        doctor->interleave[i] = spread(machine, false, pairs, lengths_ms[i] * steps);
        if (machine->npus > 1)
            doctor->duet[i] = spread(machine, true, pairs, lengths_ms[i] * steps);
        if (isnan(doctor->interleave[i]) || isnan(doctor->duet[i]))
            return err_set(err, GB_RUNTIME, "a process of the A/A measurement did not answer");
    }
    if (interrupts)
        return err_set(err, GB_INTERRUPTED, "interrupted");
    recommend(doctor);
    return 0;
}
