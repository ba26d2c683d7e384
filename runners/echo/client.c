/* client.c - the client of the echo benchmark: connections in closed loop, each with `depth`
 * requests in flight, on one thread. What comes back is compared, byte for byte.
 *
 *   echo-client port=N [conns=64] [size=1024] [depth=1] [seconds=1] [warm=0.1] [pid=N[,N...]]
 *               [mode=echo|accept|idle]
 *
 * echo: a request is `size` bytes, the last of them a newline. accept: a request is a connection: it
 * connects, sends a byte, takes the answer, closes. idle: opens the connections, says so, and holds
 * them until its standard input ends.
 *
 * Prints one line of JSON: the requests that ended in the measured `seconds` after `warm` seconds,
 * their latencies, and the CPU time that the processes `pid` and this one took meanwhile. */
#include "../stats/hist.h"
#include "echo.h"
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>

enum { DEPTH = 64, SIZE = 64 * 1024, BUFFER = 256 * 1024, BATCH = 1024, PIDS = 16 };

struct conn {
    int fd;
    uint32_t unsent;       /* bytes of requests that were begun */
    uint32_t out, in;      /* where in a request the next byte to be sent, to be received, stands */
    uint32_t begun, ended; /* requests; starts[begun % DEPTH] is the clock of the next one */
    int64_t starts[DEPTH];
};

static struct {
    const char *mode;
    int port, conns, size, depth;
    double seconds, warm;
    clockid_t clocks[PIDS];
    int pids;
} want = {.mode = "echo", .conns = 64, .size = 1024, .depth = 1, .seconds = 1, .warm = 0.1};

static struct hist latency;
static char *pattern; /* a request, depth + 1 times: whatever may be unsent lies in one piece */
static _Alignas(4096) char buffer[BUFFER];
static bool stopping; /* no new requests */

static int64_t read_clock(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) < 0)
        die("the clock of a process that was named by pid=: %s", strerror(errno));
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t servers_cpu_ns(void) {
    int64_t sum = 0;
    for (int i = 0; i < want.pids; i++)
        sum += read_clock(want.clocks[i]);
    return sum;
}

/* ---- The command line */

static void add_pids(char *list) {
    for (char *pid = strtok(list, ","); pid; pid = strtok(NULL, ",")) {
        if (want.pids == PIDS || clock_getcpuclockid(atoi(pid), &want.clocks[want.pids++]) != 0)
            die("pid=%s: no such process, or too many", pid);
    }
}

static void set(const char *key, char *value) {
    if (!strcmp(key, "mode"))
        want.mode = value;
    else if (!strcmp(key, "port"))
        want.port = atoi(value);
    else if (!strcmp(key, "conns"))
        want.conns = atoi(value);
    else if (!strcmp(key, "size"))
        want.size = atoi(value);
    else if (!strcmp(key, "depth"))
        want.depth = atoi(value);
    else if (!strcmp(key, "seconds"))
        want.seconds = atof(value);
    else if (!strcmp(key, "warm"))
        want.warm = atof(value);
    else if (!strcmp(key, "pid"))
        add_pids(value);
    else
        die("%s=: no such parameter; read the head of client.c", key);
}

static void parse(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            die("%s: parameters are key=value", argv[i]);
        *value++ = 0;
        set(argv[i], value);
    }
    if (want.port < 1 || want.port > 65535 || want.conns < 1 || want.size < 1 || want.size > SIZE ||
        want.depth < 1 || want.depth > DEPTH || want.seconds <= 0 || want.warm < 0)
        die("port 1 to 65535, conns from 1, size 1 to %d, depth 1 to %d, seconds above 0", SIZE,
            DEPTH);
    if (!(pattern = malloc((size_t)want.size * (size_t)(want.depth + 1))))
        die("out of memory");
    for (int i = 0; i < want.size * (want.depth + 1); i++)
        pattern[i] = (i + 1) % want.size ? (char)('a' + i % want.size % 26) : '\n';
}

/* ---- Connections */

/* Each address of 127.1/16 has ports of its own, so connections that linger take none away. */
static int connect_to_server(bool spread) {
    static uint32_t count;
    uint32_t host = spread ? INADDR_LOOPBACK + 0x10000 + count++ % 0xff00 : INADDR_LOOPBACK;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)want.port),
                                  .sin_addr.s_addr = htonl(host)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connecting to port %d: %s", want.port, strerror(errno));
    no_delay(fd);
    return fd;
}

static void watch(int epoll, int fd, struct conn *conn) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void send_what_is_unsent(struct conn *conn) {
    while (conn->unsent) {
        ssize_t sent =
            send(conn->fd, pattern + conn->out, conn->unsent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            die("send: %s", strerror(errno));
        conn->unsent -= (uint32_t)sent;
        conn->out = (conn->out + (uint32_t)sent) % (uint32_t)want.size;
    }
}

static void begin(struct conn *conn, int count, int64_t now) {
    for (int i = 0; i < count; i++)
        conn->starts[conn->begun++ % DEPTH] = now;
    conn->unsent += (uint32_t)(count * want.size);
    send_what_is_unsent(conn);
}

static void verify(struct conn *conn, const char *data, size_t size) {
    while (size) {
        size_t piece = (size_t)want.size - conn->in;
        if (piece > size)
            piece = size;
        if (memcmp(data, pattern + conn->in, piece) != 0)
            die("what came back is not what was sent");
        conn->in = (conn->in + (uint32_t)piece) % (uint32_t)want.size;
        data += piece;
        size -= piece;
    }
}

/* What has come, and as many new requests as it ended. */
static void receive(struct conn *conn) {
    ssize_t came = recv(conn->fd, buffer, BUFFER, MSG_DONTWAIT);
    int64_t now;
    int count;
    if (came < 0 && errno == EAGAIN)
        return;
    if (came <= 0)
        die("a connection ended: %s", came < 0 ? strerror(errno) : "closed by the server");
    now = now_ns();
    count = (int)((conn->in + (size_t)came) / (size_t)want.size);
    verify(conn, buffer, (size_t)came);
    if (conn->ended + (uint32_t)count > conn->begun)
        die("more came back than was sent");
    for (int i = 0; i < count; i++)
        hist_add(&latency, (uint64_t)(now - conn->starts[conn->ended++ % DEPTH]));
    if (!stopping)
        begin(conn, count, now);
}

/* ---- Modes */

static void turn(int epoll, void (*ready)(int epoll, struct conn *conn)) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(epoll, events, BATCH, 100);
    for (int i = 0; i < count; i++)
        ready(epoll, events[i].data.ptr);
}

static void echo_ready(int epoll, struct conn *conn) {
    (void)epoll;
    if (conn->unsent)
        send_what_is_unsent(conn);
    receive(conn);
}

/* So that servers see connections end in order, and every byte is accounted for. */
static void let_requests_end(int epoll, struct conn *conns) {
    stopping = true;
    for (int i = 0; i < want.conns; i++)
        while (conns[i].ended != conns[i].begun)
            turn(epoll, echo_ready);
}

static void begin_echo(int epoll, struct conn *conn) {
    conn->fd = connect_to_server(false);
    watch(epoll, conn->fd, conn);
    begin(conn, want.depth, now_ns());
}

static void begin_visit(int epoll, struct conn *conn) {
    conn->starts[0] = now_ns();
    conn->fd = connect_to_server(true);
    if (send(conn->fd, "x", 1, MSG_NOSIGNAL) != 1)
        die("send: %s", strerror(errno));
    watch(epoll, conn->fd, conn);
}

static void visit_ready(int epoll, struct conn *conn) {
    ssize_t came = recv(conn->fd, buffer, BUFFER, MSG_DONTWAIT);
    if (came < 0 && errno == EAGAIN)
        return;
    if (came != 1 || buffer[0] != 'x')
        die("a connection was not answered with its byte");
    close(conn->fd);
    hist_add(&latency, (uint64_t)(now_ns() - conn->starts[0]));
    begin_visit(epoll, conn);
}

static void report(int64_t ns, int64_t servers, int64_t own) {
    printf("{\"requests\": %lu, \"seconds\": %.9f, \"server_cpu_s\": %.9f, \"client_cpu_s\": %.9f, "
           "\"p50_us\": %.3f, \"p99_us\": %.3f}\n",
           (unsigned long)hist_count(&latency), (double)ns / 1e9, (double)servers / 1e9,
           (double)own / 1e9, (double)hist_percentile(&latency, 0.50) / 1e3,
           (double)hist_percentile(&latency, 0.99) / 1e3);
    fflush(stdout);
}

static void measure(struct conn *conns, void (*start)(int, struct conn *),
                    void (*ready)(int, struct conn *)) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t end, from, servers, own;
    for (int i = 0; i < want.conns; i++)
        start(epoll, &conns[i]);
    for (end = now_ns() + (int64_t)(want.warm * 1e9); now_ns() < end;)
        turn(epoll, ready);
    memset(&latency, 0, sizeof latency);
    servers = servers_cpu_ns();
    own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    from = now_ns();
    for (end = from + (int64_t)(want.seconds * 1e9); now_ns() < end;)
        turn(epoll, ready);
    report(now_ns() - from, servers_cpu_ns() - servers, read_clock(CLOCK_PROCESS_CPUTIME_ID) - own);
    if (ready == echo_ready)
        let_requests_end(epoll, conns);
}

static void stay_idle(struct conn *conns) {
    for (int i = 0; i < want.conns; i++)
        conns[i].fd = connect_to_server(true);
    printf("{\"open\": %d}\n", want.conns);
    fflush(stdout);
    while (read(0, buffer, 1) > 0)
        ;
}

int main(int argc, char **argv) {
    struct conn *conns;
    parse(argc, argv);
    if (!(conns = calloc((size_t)want.conns, sizeof *conns)))
        die("out of memory");
    if (!strcmp(want.mode, "echo"))
        measure(conns, begin_echo, echo_ready);
    else if (!strcmp(want.mode, "accept"))
        measure(conns, begin_visit, visit_ready);
    else if (!strcmp(want.mode, "idle"))
        stay_idle(conns);
    else
        die("mode=%s: echo, accept or idle", want.mode);
}
