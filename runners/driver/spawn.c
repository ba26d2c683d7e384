/* spawn.c - see spawn.h. */
#include "spawn.h"
#include "limits.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile int interrupts;

static void count_interrupt(int signum) {
    (void)signum;
    interrupts++;
}

void watch_interrupts(void) {
    struct sigaction action = {.sa_handler = count_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- Starting */

struct pipes {
    int to[2], from[2], errors[2];
};

static int open_pipes(struct pipes *p) {
    if (pipe2(p->to, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(p->from, O_CLOEXEC) < 0)
        goto fail_to;
    if (pipe2(p->errors, O_CLOEXEC) == 0)
        return 0;
    close(p->from[0]);
    close(p->from[1]);
fail_to:
    close(p->to[0]);
    close(p->to[1]);
    return -1;
}

static void set_number(const char *name, unsigned long value) {
    char text[32];
    snprintf(text, sizeof text, "%lu", value);
    setenv(name, text, 1);
}

/* The size of the environment decides where the stack begins, and that alone can cost per cents
 * (Mytkowicz et al. 2009): so it is part of the plan. */
static void set_padding(unsigned bytes) {
    char pad[GB_PAD_MAX + 1];
    memset(pad, 'x', sizeof pad);
    pad[bytes < GB_PAD_MAX ? bytes : GB_PAD_MAX] = '\0';
    setenv("GILBENCH_PAD", pad, 1);
}

static void set_environment(const struct registry *reg, uint64_t hash_seed) {
    char path[PATH_MAX];
    const char *before = getenv("PYTHONPATH");
    snprintf(path, sizeof path, "%s/python%s%s", reg->build, before && *before ? ":" : "",
             before ? before : "");
    setenv("PYTHONPATH", path, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    if (reg->with_gil)
        setenv("PYTHON_GIL", "1", 1);
    else /* what the caller has set for itself is no part of the plan */
        unsetenv("PYTHON_GIL");
    if (hash_seed)
        set_number("PYTHONHASHSEED", (unsigned long)hash_seed);
}

/* The child's side, up to exec. It says on stderr what failed, which the driver quotes. */
static void become(char *const argv[], const struct spawn_options *options, const struct pipes *p,
                   pid_t driver) {
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != driver)
        _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(p->errors[1], STDOUT_FILENO);
    dup2(p->errors[1], STDERR_FILENO);
    fcntl(p->to[0], F_SETFD, 0);
    fcntl(p->from[1], F_SETFD, 0);
    set_number("GILBENCH_IN", (unsigned long)p->to[0]);
    set_number("GILBENCH_OUT", (unsigned long)p->from[1]);
    set_environment(options->reg, options->hash_seed);
    if (options->pad_b)
        set_padding(options->pad_b);
    if (options->scratch)
        setenv("GILBENCH_SCRATCH", options->scratch, 1);
    limits_raise();
    if (options->cpus && place_bind(options->machine, options->cpus) < 0) {
        perror("binding to its cores");
        _exit(1);
    }
    execvp(argv[0], argv);
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int64_t own_rss_b(void) {
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %lld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

int child_spawn(struct child *child, char *const argv[], const struct spawn_options *options,
                struct err *err) {
    struct pipes p;
    pid_t driver = getpid();
    memset(child, 0, sizeof *child);
    child->to = child->from = child->errors = -1;
    child->role = options->role;
    if (open_pipes(&p) < 0)
        return err_set(err, GB_RUNTIME, "cannot open pipes for the %s: %s", options->role,
                       strerror(errno));
    child->inherited_b = own_rss_b();
    child->oom_kills = limits_oom_kills();
    child->start_ns = now_ns();
    child->pid = fork();
    if (child->pid == 0)
        become(argv, options, &p, driver);
    close(p.to[0]);
    close(p.from[1]);
    close(p.errors[1]);
    child->to = p.to[1];
    child->from = p.from[0];
    child->errors = p.errors[0];
    if (child->pid < 0) {
        child->pid = 0;
        child_end(child, 0);
        return err_set(err, GB_RUNTIME, "cannot start the %s: %s", options->role, strerror(errno));
    }
    setpgid(child->pid, child->pid); /* whichever of the two comes first */
    fcntl(child->from, F_SETFL, O_NONBLOCK);
    fcntl(child->errors, F_SETFL, O_NONBLOCK);
    return 0;
}

/* ---- Listening */

static void keep_tail(struct child *child, const char *bytes, size_t size) {
    size_t room = sizeof child->tail - 1, used = strlen(child->tail);
    if (size > room) {
        bytes += size - room;
        size = room;
    }
    if (used + size > room) {
        size_t drop = used + size - room;
        memmove(child->tail, child->tail + drop, used - drop + 1);
        used -= drop;
    }
    memcpy(child->tail + used, bytes, size);
    child->tail[used + size] = '\0';
}

static void read_errors(struct child *child) {
    char bytes[4096];
    ssize_t n;
    while (child->errors >= 0 && (n = read(child->errors, bytes, sizeof bytes)) > 0)
        keep_tail(child, bytes, (size_t)n);
}

/* 1: something came, 0: nothing yet, -1: the end. */
static int read_wire(struct child *child) {
    ssize_t n = read(child->from, child->line + child->used, WIRE_LINE_MAX - child->used);
    if (n > 0)
        child->used += (size_t)n;
    return n > 0 ? 1 : n == 0 ? -1 : 0;
}

static void wait_for_bytes(struct child *child, int64_t until) {
    struct pollfd fds[2] = {{child->from, POLLIN, 0}, {child->errors, POLLIN, 0}};
    int64_t left = (until - now_ns()) / 1000000 + 1;
    poll(fds, 2, left < 0 ? 0 : left > 100 ? 100 : (int)left);
    read_errors(child);
    if (child->errors >= 0 && fds[1].revents & POLLHUP && !(fds[1].revents & POLLIN)) {
        close(child->errors);
        child->errors = -1;
    }
}

static void last_words(struct child *child, char *text, size_t room) {
    size_t size;
    read_errors(child);
    size = strlen(child->tail);
    while (size && strchr(" \n", child->tail[size - 1]))
        child->tail[--size] = '\0';
    snprintf(text, room, "%s%s", size ? "; it last wrote: " : "",
             child->tail + (size > 200 ? size - 200 : 0));
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = ' ';
}

static int describe_end(struct child *child, struct err *err) {
    char words[300], how[160];
    child_end(child, 1);
    last_words(child, words, sizeof words);
    if (WIFSIGNALED(child->status))
        snprintf(how, sizeof how, "was killed by signal %d (%s)%s", WTERMSIG(child->status),
                 strsignal(WTERMSIG(child->status)),
                 WTERMSIG(child->status) == SIGKILL && limits_oom_kills() > child->oom_kills
                     ? ": the machine, or its cgroup (memory.max), has no memory left"
                     : "");
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(child->status));
    return err_set(err, GB_RUNTIME, "the %s %s%s", child->role, how, words);
}

/* The next line, without its newline, in child->line. */
static int next_line(struct child *child, double timeout_s, size_t *size, struct err *err) {
    int64_t until = now_ns() + (int64_t)(timeout_s * 1e9);
    char words[300], *end;
    memmove(child->line, child->line + child->taken, child->used -= child->taken);
    child->taken = 0;
    while (!(end = memchr(child->line, '\n', child->used))) {
        if (child->used == WIRE_LINE_MAX)
            return err_set(err, GB_RUNTIME, "the %s wrote a line of more than %d bytes",
                           child->role, WIRE_LINE_MAX);
        if (interrupts > 1)
            return err_set(err, GB_INTERRUPTED, "interrupted");
        if (now_ns() > until) {
            last_words(child, words, sizeof words);
            return err_set(err, GB_RUNTIME, "the %s was silent for %g s%s", child->role, timeout_s,
                           words);
        }
        wait_for_bytes(child, until);
        if (read_wire(child) < 0 && !memchr(child->line, '\n', child->used))
            return describe_end(child, err);
    }
    *size = (size_t)(end - child->line);
    *end = '\0';
    child->taken = *size + 1;
    return 0;
}

int child_expect_either(struct child *child, enum wire_type type, enum wire_type other,
                        double timeout_s, struct err *err) {
    size_t size = 0;
    if (next_line(child, timeout_s, &size, err) < 0)
        return -1;
    if (wire_parse(&child->message, child->line, size, err) < 0) {
        char said[300];
        snprintf(said, sizeof said, "%.299s", err->text);
        return err_set(err, GB_RUNTIME, "the %s: %s", child->role, said);
    }
    if (child->message.type == WIRE_FAIL)
        return err_set(err, GB_RUNTIME, "the %s failed: %s", child->role, child->message.text);
    if (child->message.type != type && child->message.type != other)
        return err_set(err, GB_RUNTIME, "the %s said '%s' where '%s' was due", child->role,
                       wire_name(child->message.type), wire_name(type));
    return 0;
}

int child_expect(struct child *child, enum wire_type type, double timeout_s, struct err *err) {
    return child_expect_either(child, type, type, timeout_s, err);
}

int child_say(struct child *child, const char *word, struct err *err) {
    size_t size = strlen(word);
    if (write(child->to, word, size) == (ssize_t)size)
        return 0;
    return describe_end(child, err);
}

/* ---- Ending */

static bool reap(struct child *child, double timeout_s) {
    int64_t until = now_ns() + (int64_t)(timeout_s * 1e9);
    struct timespec pause = {.tv_nsec = 1000000};
    for (;;) {
        pid_t done = wait4(child->pid, &child->status, WNOHANG, &child->usage);
        if (done == child->pid || (done < 0 && errno != EINTR))
            return true;
        if (now_ns() >= until)
            return false;
        read_errors(child);
        nanosleep(&pause, NULL);
    }
}

static void close_if_open(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void child_end(struct child *child, double timeout_s) {
    if (!child->start_ns) /* never spawned: its descriptors are not -1 but 0, and somebody else's */
        return;
    if (child->pid) {
        if (!reap(child, timeout_s)) {
            kill(-child->pid, SIGKILL);
            reap(child, 10);
        }
        kill(-child->pid, SIGKILL); /* what it left behind */
        child->pid = 0;
    }
    read_errors(child);
    close_if_open(&child->to);
    close_if_open(&child->from);
    close_if_open(&child->errors);
}

/* ---- Programs that answer */

static void become_captured(const struct registry *reg, char *const argv[], int out, int errors) {
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    set_environment(reg, 0);
    execvp(argv[0], argv);
    fprintf(stderr, "cannot run it: %s\n", strerror(errno));
    _exit(127);
}

static size_t read_all(int fd, char *text, size_t room) {
    size_t used = 0;
    ssize_t n;
    while (used + 1 < room && (n = read(fd, text + used, room - used - 1)) > 0)
        used += (size_t)n;
    while (used && text[used - 1] == '\n')
        used--;
    text[used] = '\0';
    return used;
}

int run_capture(const struct registry *reg, char *const argv[], char *out, size_t room,
                struct err *err) {
    int outs[2], errors[2], status = -1;
    char complaint[600];
    pid_t pid;
    if (pipe2(outs, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return err_set(err, GB_RUNTIME, "cannot open pipes: %s", strerror(errno));
    if ((pid = fork()) == 0)
        become_captured(reg, argv, outs[1], errors[1]);
    close(outs[1]);
    close(errors[1]);
    read_all(outs[0], out, room);
    read_all(errors[0], complaint, sizeof complaint);
    close(outs[0]);
    close(errors[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (status == 0)
        return 0;
    return err_set(err, WIFEXITED(status) && WEXITSTATUS(status) == 2 ? GB_USAGE : GB_RUNTIME,
                   "%s: %s", argv[0], *complaint ? complaint : "failed without a word");
}
