/* stall.c - an echo on one thread that stalls as a script says: for the tests of latency, whose
 * figures can then be computed.
 *
 *   stall:second    what comes in the last 100 ms of a second is answered at its end
 *   stall:each      answers each request 5 ms after it came
 *   stall:never     answers at once
 *
 * Seconds count from the first request of a sample, so that every sample sees the same script. */
#include "../load/child.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS_MAX = 1024,
    SECOND = 1000000000,
    STALL = 100000000,
    EACH = 5000000,
    PAUSE = 500000000
};

struct script {
    bool second, each;
    int64_t start_ns, last_ns; /* of the sample: a pause of half a second begins another */
};

static void sleep_until(int64_t ns) {
    struct timespec t = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* What the script has in store for a request that has just come. */
static void obey(struct script *script) {
    int64_t now = now_ns(), into;
    if (now - script->last_ns > PAUSE)
        script->start_ns = now;
    into = (now - script->start_ns) % SECOND;
    if (script->second && into >= SECOND - STALL)
        sleep_until(now - into + SECOND);
    if (script->each)
        sleep_until(now + EACH);
    script->last_ns = now_ns();
}

static int listen_somewhere(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, CONNS_MAX) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        child_fail("listening: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

/* False: the other end is done. A blocking send is right for a server of one thread. */
static bool echo(int fd, struct script *script) {
    static char bytes[1 << 16];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        return false;
    obey(script);
    for (ssize_t sent = 0, k; sent < n; sent += k)
        if ((k = send(fd, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL)) < 0)
            return false;
    return true;
}

static void accept_one(int listener, struct pollfd *fds, int *count) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || *count == CONNS_MAX)
        child_fail("accepting: %s", fd < 0 ? strerror(errno) : "too many connections");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fds[(*count)++] = (struct pollfd){fd, POLLIN, 0};
}

static void serve(int listener, struct script *script) {
    static struct pollfd fds[CONNS_MAX];
    int count = 2;
    fds[0] = (struct pollfd){child_fd(), POLLIN, 0};
    fds[1] = (struct pollfd){listener, POLLIN, 0};
    while (poll(fds, (nfds_t)count, -1) > 0) {
        if (fds[0].revents) {
            if (child_wait() == CHILD_STOP)
                return;
            continue;
        }
        for (int i = count - 1; i > 1; i--)
            if (fds[i].revents && !echo(fds[i].fd, script)) {
                close(fds[i].fd);
                fds[i] = fds[--count];
            }
        if (fds[1].revents)
            accept_one(listener, fds, &count);
    }
}

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, NULL);
    struct script script = {.second = !strcmp(cmd.model, "stall:second"),
                            .each = !strcmp(cmd.model, "stall:each")};
    int port, listener;
    child_begin();
    prctl(PR_SET_TIMERSLACK, 1);
    listener = listen_somewhere(&port);
    child_attest();
    child_ready(port);
    serve(listener, &script);
    child_end();
    return 0;
}
