/* store.c - a key-value store that speaks RESP2, with a service delay: the database at the other
 * end of io_employee.
 *
 *   store io_employee MODEL [port=0] [fill=1] [delay_us=1000] [employees=100000] [record=256]
 *
 * One thread, epoll. The answer to a command leaves delay_us after the command was read; any number
 * of answers may be waiting at once, each for its own moment, as with a real database that is busy
 * but not full. The delay is the same for all, so the answers wait in one queue, first in, first
 * out, and epoll gets the time until the first in nanoseconds. It starts filled with the people of
 * workloads/io_employee.c. Commands: PING ECHO GET MGET SET EXISTS DBSIZE SELECT QUIT COMMAND.
 *
 * Started by anybody but gilbench it says on standard output where it listens, and serves until it
 * is killed. */
#include "child.h"
#include "table.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 1024, MAX_REQUEST = 1 << 20, FIRST_ROOM = 1024 };

struct buffer {
    char *bytes;
    size_t size, room;
};

/* Lives as long as its connection is open or an answer for it waits. */
struct client {
    int fd;       /* -1: closed */
    int waiting;  /* answers in the queue */
    bool closing; /* once the last answer has left; nothing more is read */
    struct buffer in, out;
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
    struct answer *first, **last; /* in the order in which they are due */
    struct buffer reply;          /* of the command that is being run */
} store = {.last = &store.first};

/* ---- Buffers */

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
    if (size == 0)
        return;
    buffer->size -= size;
    memmove(buffer->bytes, buffer->bytes + size, buffer->size);
}

/* ---- Clients and their answers */

static void hang_up(struct client *client) {
    close(client->fd);
    client->fd = -1;
}

/* To be called last by whoever has dealt with a client: ends what has become superfluous. */
static void tidy(struct client *client) {
    if (client->fd >= 0 && client->closing && !client->waiting && !client->out.size)
        hang_up(client);
    if (client->fd >= 0 || client->waiting)
        return;
    free(client->in.bytes);
    free(client->out.bytes);
    free(client);
}

static void flush(struct client *client) {
    size_t sent = 0;
    while (client->fd >= 0 && sent < client->out.size) {
        ssize_t n = send(client->fd, client->out.bytes + sent, client->out.size - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            break; /* the edge of EPOLLOUT brings us back */
        else if (n < 0 && errno != EINTR)
            hang_up(client);
    }
    drop_front(&client->out, sent);
}

/* Puts what stands in store.reply into the queue. */
static void queue_answer(struct client *client) {
    struct answer *answer = malloc(sizeof *answer + store.reply.size);
    if (!answer)
        child_fail("store: out of memory");
    *answer = (struct answer){
        .client = client, .due_ns = now_ns() + store.delay_ns, .size = store.reply.size};
    memcpy(answer->bytes, store.reply.bytes, store.reply.size);
    store.reply.size = 0;
    client->waiting++;
    *store.last = answer;
    store.last = &answer->next;
}

static struct answer *take_due(int64_t now) {
    struct answer *answer = store.first;
    if (!answer || answer->due_ns > now)
        return NULL;
    if (!(store.first = answer->next))
        store.last = &store.first;
    return answer;
}

/* The answers whose time has come. */
static void send_due(void) {
    int64_t now = store.first ? now_ns() : 0;
    for (struct answer *answer; (answer = take_due(now)); free(answer)) {
        struct client *client = answer->client;
        client->waiting--;
        if (client->fd >= 0) {
            append(&client->out, answer->bytes, answer->size);
            flush(client);
        }
        tidy(client);
    }
}

/* ---- Commands: words in, store.reply out */

static void reply_line(const char *line) {
    append(&store.reply, line, strlen(line));
    append(&store.reply, "\r\n", 2);
}

static void reply_number(char mark, size_t number) {
    char line[32];
    snprintf(line, sizeof line, "%c%zu", mark, number);
    reply_line(line);
}

static void reply_bulk(const char *bytes, size_t size) {
    reply_number('$', size);
    append(&store.reply, bytes, size);
    append(&store.reply, "\r\n", 2);
}

static void reply_value(const struct word *key) {
    const struct entry *entry = table_get(&store.table, key->bytes, key->size);
    if (entry)
        reply_bulk(entry->value, entry->value_size);
    else
        reply_line("$-1");
}

static void do_get(const struct word *words, int count) {
    (void)count;
    reply_value(&words[1]);
}

static void do_mget(const struct word *words, int count) {
    reply_number('*', (size_t)count - 1);
    for (int i = 1; i < count; i++)
        reply_value(&words[i]);
}

static void do_set(const struct word *words, int count) {
    (void)count;
    if (!table_set(&store.table, words[1].bytes, words[1].size, words[2].bytes, words[2].size))
        child_fail("store: out of memory");
    reply_line("+OK");
}

static void do_exists(const struct word *words, int count) {
    size_t found = 0;
    for (int i = 1; i < count; i++)
        found += table_get(&store.table, words[i].bytes, words[i].size) != NULL;
    reply_number(':', found);
}

static void do_ping(const struct word *words, int count) {
    if (count > 1)
        reply_bulk(words[1].bytes, words[1].size);
    else
        reply_line("+PONG");
}

static void do_dbsize(const struct word *words, int count) {
    (void)words, (void)count;
    reply_number(':', store.table.count);
}

/* SELECT (there is one database, under every number) and QUIT. */
static void do_ok(const struct word *words, int count) {
    (void)words, (void)count;
    reply_line("+OK");
}

/* redis-cli asks for the commands that there are, and is content with none. */
static void do_command(const struct word *words, int count) {
    (void)words, (void)count;
    reply_line("*0");
}

static const struct command {
    const char *name;
    int least, most; /* words, the name included */
    void (*run)(const struct word *words, int count);
} commands[] = {
    {"get", 2, 2, do_get},       {"mget", 2, MAX_WORDS, do_mget},
    {"set", 3, 3, do_set},       {"exists", 2, MAX_WORDS, do_exists},
    {"ping", 1, 2, do_ping},     {"echo", 2, 2, do_ping},
    {"dbsize", 1, 1, do_dbsize}, {"select", 2, 2, do_ok},
    {"quit", 1, 1, do_ok},       {"command", 1, MAX_WORDS, do_command},
};

static bool is_named(const struct word *word, const char *name) {
    return word->size == strlen(name) && !strncasecmp(word->bytes, name, word->size);
}

static void run_command(const struct word *words, int count) {
    char line[128];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        if (!is_named(&words[0], command->name))
            continue;
        if (count >= command->least && count <= command->most) {
            command->run(words, count);
            return;
        }
        snprintf(line, sizeof line, "-ERR wrong number of arguments for '%s' command",
                 command->name);
        reply_line(line);
        return;
    }
    snprintf(line, sizeof line, "-ERR unknown command '%.*s'",
             words[0].size > 64 ? 64 : (int)words[0].size, words[0].bytes);
    for (char *c = line; *c; c++) /* the name is the client's; a line must stay one line */
        *c = *c == '\r' || *c == '\n' ? ' ' : *c;
    reply_line(line);
}

/* ---- RESP2: a request is *<words>, then for each word $<size> and the word, all ended by CRLF */

enum { INCOMPLETE = -1, MALFORMED = -2 };

struct cursor {
    const char *at, *end;
};

/* The number of a line "<mark>number"; the cursor moves behind it. */
static long read_number(struct cursor *in, char mark) {
    const char *line = in->at, *end = memchr(line, '\n', (size_t)(in->end - line));
    char *stop;
    long number;
    if (line < in->end && *line != mark)
        return MALFORMED;
    if (!end)
        return in->end - line > 32 ? MALFORMED : INCOMPLETE;
    if (end - line < 3 || end[-1] != '\r')
        return MALFORMED;
    number = strtol(line + 1, &stop, 10);
    in->at = end + 1;
    return stop == end - 1 && number >= 0 ? number : MALFORMED;
}

static int read_word(struct cursor *in, struct word *word) {
    long size = read_number(in, '$');
    if (size < 0)
        return (int)size;
    if (size > MAX_REQUEST)
        return MALFORMED;
    if (in->end - in->at < size + 2)
        return INCOMPLETE;
    *word = (struct word){in->at, (size_t)size};
    in->at += size + 2;
    return word->bytes[size] == '\r' && word->bytes[size + 1] == '\n' ? 0 : MALFORMED;
}

/* The number of words of the request under the cursor, or INCOMPLETE or MALFORMED. */
static int read_request(struct cursor *in, struct word *words) {
    long count = read_number(in, '*');
    if (count < 0)
        return (int)count;
    if (count < 1 || count > MAX_WORDS)
        return MALFORMED;
    for (long i = 0; i < count; i++) {
        int status = read_word(in, &words[i]);
        if (status < 0)
            return status;
    }
    return (int)count;
}

/* Runs the requests that are complete; what is left of the buffer is the beginning of the next. */
static void run_requests(struct client *client) {
    struct word words[MAX_WORDS];
    struct cursor in = {client->in.bytes, client->in.bytes + client->in.size};
    const char *done = in.at;
    int count = INCOMPLETE;
    while (!client->closing && in.at < in.end && (count = read_request(&in, words)) > 0) {
        run_command(words, count);
        queue_answer(client);
        client->closing = is_named(&words[0], "quit");
        done = in.at;
    }
    drop_front(&client->in, (size_t)(done - client->in.bytes));
    if (count == MALFORMED || client->in.size > MAX_REQUEST) {
        reply_line("-ERR Protocol error: an array of bulk strings of at most 1 MiB was expected");
        queue_answer(client);
        client->closing = true;
    }
}

static void receive(struct client *client) {
    char bytes[65536];
    ssize_t n = 1;
    while (!client->closing && n > 0) {
        n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) {
            append(&client->in, bytes, (size_t)n);
            run_requests(client);
        } else if (n == 0) {
            client->closing = true; /* it may have stopped sending, but still listen */
        } else if (errno == EINTR) {
            n = 1;
        } else if (errno != EAGAIN) {
            hang_up(client);
        }
    }
}

/* ---- The server */

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

static void add_client(int fd) {
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        child_fail("store: out of memory");
    client->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(fd, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void accept_all(void) {
    int fd;
    while ((fd = accept4(store.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        add_client(fd);
    if (errno == EMFILE || errno == ENFILE)
        child_fail("store: accept: %s; raise the limit (ulimit -n)", strerror(errno));
}

static void put(const char *key, const char *value, size_t size) {
    if (!table_set(&store.table, key, strlen(key), value, size))
        child_fail("store: out of memory");
}

static void put_id(const char *kind, int64_t i, int64_t id) {
    char key[64], value[32];
    snprintf(key, sizeof key, "employee:id:%s%06lld", kind, (long long)i);
    put(key, value, (size_t)snprintf(value, sizeof value, "%lld", (long long)id));
}

static void fill(int64_t employees, size_t record_size) {
    char key[64], record[RECORD_MAX];
    for (int64_t i = 0; i < employees; i++) {
        put_id("emp", i, employee_id(i));
        snprintf(key, sizeof key, "employee:%lld", (long long)employee_id(i));
        employee_record(i, record_size, record);
        put(key, record, record_size);
    }
    for (int64_t i = 0; i < LEAVERS; i++)
        put_id("gone", i, leaver_id(i));
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
    if (events & EPOLLOUT)
        flush(client);
    if (client->fd >= 0 && events & ~(uint32_t)EPOLLOUT)
        receive(client);
    if (client->fd >= 0 && events & EPOLLHUP)
        hang_up(client);
    tidy(client);
}

/* Serves until the driver, if there is one, says stop. A client is freed by the handling of its own event or by
 * send_due, never while another event of it is still to come. */
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

static const struct param own[] = {
    {"port", 0, 0, 65535, "where to listen on the loopback; 0: on a free port"},
    {"fill", 1, 0, 1, "start with the employees in the store"},
    {NULL, 0, 0, 0, NULL},
};

/* Gives the driver what it is due. */
static void serve_driver(int port) {
    watch(child_fd(), NULL, EPOLLIN);
    child_attest();
    child_ready(port);
    serve();
    child_end();
}

static void serve_alone(int port) {
    printf("the store listens on 127.0.0.1:%d\n", port);
    fflush(stdout);
    serve();
}

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, own);
    bool alone = !getenv("GILBENCH_OUT");
    int port;
    if (strcmp(cmd.args.workload->kind, "client")) {
        fprintf(stderr, "the store is for io_employee and io_fanout, not for %s\n",
                cmd.args.workload->name);
        return 2;
    }
    if (!alone)
        child_begin();
    prctl(PR_SET_TIMERSLACK, 1UL); /* 50 us by default, a twentieth of the standard delay */
    store.delay_ns = 1000 * args_int(&cmd.args, "delay_us");
    if ((store.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        child_fail("store: epoll_create1: %s", strerror(errno));
    if (args_int(&cmd.args, "fill"))
        fill(args_int(&cmd.args, "employees"), (size_t)args_int(&cmd.args, "record"));
    port = listen_on((int)args_int(&cmd.args, "port"));
    watch(store.listener, &store, EPOLLIN);
    if (alone)
        serve_alone(port);
    else
        serve_driver(port);
    return 0;
}
