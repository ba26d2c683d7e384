/* store.c - a key-value store that speaks RESP2, with a service delay: the database at the other
 * end of io_employee.
 *
 *   store WORKLOAD MODEL [port=0] [delay_us=1000] [fill=1] [record=256]
 *
 * One thread, epoll. The answer to a command leaves delay_us after the command was read; any number
 * of answers may be waiting at once, each for its own moment, as with a real database that is busy
 * but not full. The delay is the same for all, so the answers wait in one queue, first in, first
 * out, and the wait for the first is given to epoll in nanoseconds. It starts filled with the
 * people of workloads/io_employee.c. Commands: PING ECHO GET SET DEL EXISTS DBSIZE SELECT QUIT
 * COMMAND. */
#include "child.h"
#include "table.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 16, MAX_REQUEST = 1 << 20, FIRST_ROOM = 1024 };

struct buffer {
    char *bytes;
    size_t size, room;
};

struct client {
    int fd;
    int holders; /* the connection itself, and each answer that waits */
    struct buffer in, out;
    bool closing; /* after the answers that wait */
};

struct answer {
    struct answer *next;
    struct client *client;
    int64_t due_ns;
    size_t size;
    char bytes[];
};

struct word {
    const char *bytes;
    size_t size;
};

static struct {
    struct table table;
    int epoll, listener;
    int64_t delay_ns;
    struct answer *first, **last;
} store = {.last = &store.first};

/* ---- Buffers and answers
 * --------------------------------------------------------------------------------------------- */

static void append(struct buffer *buffer, const char *bytes, size_t size) {
    if (buffer->size + size > buffer->room) {
        size_t room = buffer->room ? buffer->room : FIRST_ROOM;
        while (room < buffer->size + size)
            room *= 2;
        if (!(buffer->bytes = realloc(buffer->bytes, room)))
            child_fail("store: out of memory");
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

static void drop_front(struct buffer *buffer, size_t size) {
    buffer->size -= size;
    memmove(buffer->bytes, buffer->bytes + size, buffer->size);
}

static void let_go(struct client *client) {
    if (--client->holders)
        return;
    free(client->in.bytes);
    free(client->out.bytes);
    free(client);
}

static void hang_up(struct client *client) {
    if (client->fd < 0)
        return;
    close(client->fd);
    client->fd = -1;
    let_go(client);
}

static void flush(struct client *client) {
    while (client->fd >= 0 && client->out.size) {
        ssize_t n =
            send(client->fd, client->out.bytes, client->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            drop_front(&client->out, (size_t)n);
        else if (n < 0 && errno == EAGAIN)
            return; /* the edge of EPOLLOUT brings us back */
        else if (n < 0 && errno != EINTR)
            hang_up(client);
    }
}

static void answer_bytes(struct client *client, const char *head, size_t head_size,
                         const char *body, size_t body_size) {
    struct answer *answer = malloc(sizeof *answer + head_size + body_size + 2);
    if (!answer)
        child_fail("store: out of memory");
    *answer =
        (struct answer){.client = client, .due_ns = now_ns() + store.delay_ns, .size = head_size};
    memcpy(answer->bytes, head, head_size);
    if (body) {
        memcpy(answer->bytes + head_size, body, body_size);
        memcpy(answer->bytes + head_size + body_size, "\r\n", 2);
        answer->size += body_size + 2;
    }
    client->holders++;
    *store.last = answer;
    store.last = &answer->next;
}

static void answer_line(struct client *client, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void answer_line(struct client *client, const char *fmt, ...) {
    char line[256];
    va_list args;
    int size;
    va_start(args, fmt);
    size = vsnprintf(line, sizeof line - 2, fmt, args);
    va_end(args);
    if (size > (int)sizeof line - 3)
        size = (int)sizeof line - 3;
    memcpy(line + size, "\r\n", 2);
    answer_bytes(client, line, (size_t)size + 2, NULL, 0);
}

static void answer_bulk(struct client *client, const char *bytes, size_t size) {
    char head[32];
    int head_size = snprintf(head, sizeof head, "$%zu\r\n", size);
    answer_bytes(client, head, (size_t)head_size, bytes, size);
}

/* Sends the answers whose time has come. */
static void send_due(void) {
    int64_t now = store.first ? now_ns() : 0;
    while (store.first && store.first->due_ns <= now) {
        struct answer *answer = store.first;
        struct client *client = answer->client;
        if (!(store.first = answer->next))
            store.last = &store.first;
        if (client->fd >= 0) {
            append(&client->out, answer->bytes, answer->size);
            flush(client);
            if (client->closing && client->holders == 2)
                shutdown(client->fd, SHUT_RDWR); /* its event hangs up */
        }
        let_go(client);
        free(answer);
    }
}

/* ---- Commands
 * --------------------------------------------------------------------------------------------------------
 */

static void do_get(struct client *client, const struct word *words, int count) {
    const struct entry *entry = table_get(&store.table, words[1].bytes, words[1].size);
    (void)count;
    if (entry)
        answer_bulk(client, entry->value, entry->value_size);
    else
        answer_line(client, "$-1");
}

static void do_set(struct client *client, const struct word *words, int count) {
    (void)count;
    if (table_set(&store.table, words[1].bytes, words[1].size, words[2].bytes, words[2].size))
        answer_line(client, "+OK");
    else
        answer_line(client, "-OOM command not allowed when memory is used up");
}

static void do_exists(struct client *client, const struct word *words, int count) {
    (void)count;
    answer_line(client, ":%d", table_get(&store.table, words[1].bytes, words[1].size) ? 1 : 0);
}

static void do_ping(struct client *client, const struct word *words, int count) {
    if (count > 1)
        answer_bulk(client, words[1].bytes, words[1].size);
    else
        answer_line(client, "+PONG");
}

static void do_dbsize(struct client *client, const struct word *words, int count) {
    (void)words, (void)count;
    answer_line(client, ":%zu", store.table.count);
}

static void do_ok(struct client *client, const struct word *words, int count) {
    (void)words, (void)count;
    answer_line(client, "+OK");
}

static void do_quit(struct client *client, const struct word *words, int count) {
    do_ok(client, words, count);
    client->closing = true;
}

static void do_command(struct client *client, const struct word *words, int count) {
    (void)words, (void)count;
    answer_line(client, "*0");
}

static const struct {
    const char *name;
    int least, most; /* words, the name included */
    void (*run)(struct client *, const struct word *, int);
} commands[] = {
    {"get", 2, 2, do_get},   {"set", 3, 3, do_set},   {"exists", 2, 2, do_exists},
    {"ping", 1, 2, do_ping}, {"echo", 2, 2, do_ping}, {"dbsize", 1, 1, do_dbsize},
    {"select", 2, 2, do_ok}, {"quit", 1, 1, do_quit}, {"command", 1, 16, do_command},
};

static void run_command(struct client *client, const struct word *words, int count) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i].name) != words[0].size ||
            strncasecmp(commands[i].name, words[0].bytes, words[0].size))
            continue;
        if (count < commands[i].least || count > commands[i].most)
            answer_line(client, "-ERR wrong number of arguments for '%s' command",
                        commands[i].name);
        else
            commands[i].run(client, words, count);
        return;
    }
    answer_line(client, "-ERR unknown command '%.*s'", words[0].size > 64 ? 64 : (int)words[0].size,
                words[0].bytes);
}

/* ---- RESP2
 * -----------------------------------------------------------------------------------------------------------
 */

/* A line "<mark>number\r\n" at *at: its number, and *at behind it. -1: not all there yet, -2:
 * malformed. */
static long read_number(const struct buffer *in, size_t *at, char mark) {
    const char *from = in->bytes + *at, *end = memchr(from, '\n', in->size - *at);
    char *stop;
    long number;
    if (!end)
        return in->size - *at > 32 ? -2 : -1;
    if (from[0] != mark || end - from < 3 || end[-1] != '\r')
        return -2;
    number = strtol(from + 1, &stop, 10);
    *at += (size_t)(end - from) + 1;
    return stop == end - 1 && number >= 0 ? number : -2;
}

/* One request at the front of the buffer: the number of its words and in *size its bytes; -1 and -2
 * as above. */
static int read_request(const struct buffer *in, struct word *words, size_t *size) {
    size_t at = 0;
    long count = read_number(in, &at, '*');
    if (count < 0)
        return (int)count;
    if (count < 1 || count > MAX_WORDS)
        return -2;
    for (long i = 0; i < count; i++) {
        long length = at < in->size ? read_number(in, &at, '$') : -1;
        if (length < 0)
            return (int)length;
        if (length > MAX_REQUEST)
            return -2;
        if (in->size - at < (size_t)length + 2)
            return -1;
        words[i] = (struct word){in->bytes + at, (size_t)length};
        at += (size_t)length + 2;
    }
    *size = at;
    return (int)count;
}

static void run_requests(struct client *client) {
    struct word words[MAX_WORDS];
    size_t size = 0;
    int count = 0;
    while (client->in.size && !client->closing &&
           (count = read_request(&client->in, words, &size)) > 0) {
        run_command(client, words, count);
        drop_front(&client->in, size);
    }
    if (count == -2 && !client->closing) {
        answer_line(client, "-ERR Protocol error: expected an array of bulk strings");
        client->closing = true;
    }
}

static void receive(struct client *client) {
    char bytes[65536];
    ssize_t n;
    while ((n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        append(&client->in, bytes, (size_t)n);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        hang_up(client);
    else
        run_requests(client);
}

/* ---- The server
 * ------------------------------------------------------------------------------------------------------
 */

static void watch(int fd, void *owner, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(store.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        child_fail("store: epoll_ctl: %s", strerror(errno));
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    store.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(store.listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(store.listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(store.listener, 4096) < 0)
        child_fail("store: port %d: %s", port, strerror(errno));
    getsockname(store.listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void accept_all(void) {
    int fd;
    while ((fd = accept4(store.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        if (!client)
            child_fail("store: out of memory");
        client->fd = fd;
        client->holders = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(fd, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

static void put(const char *key, const char *value, size_t size) {
    if (!table_set(&store.table, key, strlen(key), value, size))
        child_fail("store: out of memory");
}

static void fill(size_t record_size) {
    char key[64], value[32], record[RECORD_MAX];
    for (int64_t i = 0; i < EMPLOYEES; i++) {
        int size = snprintf(value, sizeof value, "%lld", (long long)employee_id(i));
        snprintf(key, sizeof key, "employee:id:emp%06lld", (long long)i);
        put(key, value, (size_t)size);
        snprintf(key, sizeof key, "employee:%lld", (long long)employee_id(i));
        put(key, record, employee_record(i, record_size, record));
    }
    for (int i = 0; i < DANGLING; i++) {
        int size = snprintf(value, sizeof value, "%d", 1000003 + i);
        snprintf(key, sizeof key, "employee:id:gone%06d", i);
        put(key, value, (size_t)size);
    }
}

static int wait_for_events(struct epoll_event *events, int most) {
    int64_t left = store.first ? store.first->due_ns - now_ns() : 0;
    struct timespec t;
    if (!store.first)
        return epoll_pwait2(store.epoll, events, most, NULL, NULL);
    left = left > 0 ? left : 0;
    t = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    return epoll_pwait2(store.epoll, events, most, &t, NULL);
}

static void handle(struct client *client, uint32_t events) {
    client->holders++;
    if (events & EPOLLOUT)
        flush(client);
    if (client->fd >= 0 && events & ~(uint32_t)EPOLLOUT)
        receive(client);
    let_go(client);
}

/* Serves until the driver says stop. */
static void serve(void) {
    struct epoll_event events[256];
    for (;;) {
        int ready = wait_for_events(events, 256);
        if (ready < 0 && errno != EINTR)
            child_fail("store: epoll_pwait2: %s", strerror(errno));
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &store)
                accept_all();
            else if (events[i].data.ptr)
                handle(events[i].data.ptr, events[i].events);
            else if (child_wait() == CHILD_STOP)
                return;
        }
        send_due();
    }
}

int main(int argc, char **argv) {
    static const char *const extra[] = {"port", "fill", NULL};
    struct child_args cmd = child_args(argc, argv, extra);
    int port;
    signal(SIGPIPE, SIG_IGN);
    child_begin();
    store.delay_ns = 1000 * args_int(&cmd.args, "delay_us", 1000);
    if ((store.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        child_fail("store: epoll_create1: %s", strerror(errno));
    if (args_int(&cmd.args, "fill", 1))
        fill((size_t)args_int(&cmd.args, "record", 256));
    port = listen_on((int)args_int(&cmd.args, "port", 0));
    watch(store.listener, &store, EPOLLIN);
    watch(child_fd(), NULL, EPOLLIN);
    child_attest();
    child_ready(port);
    serve();
    child_end();
    return 0;
}
