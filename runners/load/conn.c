/* conn.c - see conn.h. */
#include "conn.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void conn_open(struct conn *conn, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *conn = (struct conn){.request = malloc(TALK_MAX), .answer = malloc(TALK_MAX)};
    if (!conn->request || !conn->answer)
        child_fail("out of memory for connections");
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&address, sizeof address) < 0)
        child_fail("connecting to port %d: %s", port, strerror(errno));
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void conn_close(struct conn *conn) {
    close(conn->fd);
    free(conn->request);
    free(conn->answer);
}

/* The request is made before the clock of its op starts; in open loop that is a part of its
 * lateness. */
static void begin(struct conn *conn, struct load *load, uint64_t id) {
    const struct talk *talk = load->workload->talk;
    conn->id = id;
    if (talk)
        conn->size = talk->ask(load->state, id, conn->request);
    else
        load->workload->op(load->state, id, conn->request, &conn->size);
    conn->sent = conn->received = 0;
    conn->start_ns = now_ns();
}

bool conn_start(struct conn *conn, struct load *load) {
    if (load->begun == load->ops && (!conn->background || load->finished == load->ops))
        return false;
    if (conn->background) {
        load->background++;
        begin(conn, load, HEAVY_ID);
        return true;
    }
    if (load->open && !open_take(load->open, conn))
        return false;
    begin(conn, load, (uint64_t)load->begun++);
    if (load->open)
        open_sends(load->open, conn);
    return true;
}

/* Counts what one call has moved. False: the socket would block, and its next edge brings us back.
 */
static bool transferred(ssize_t n, size_t *done, const char *what) {
    if (n > 0) {
        *done += (size_t)n;
        return true;
    }
    if (n == 0)
        child_fail("the server closed a connection in mid-%s", what);
    if (errno != EAGAIN && errno != EINTR)
        child_fail("%s: %s", what, strerror(errno));
    return errno == EINTR;
}

static void send_request(struct conn *conn) {
    while (conn->sent < conn->size &&
           transferred(send(conn->fd, conn->request + conn->sent, conn->size - conn->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT),
                       &conn->sent, "send"))
        ;
}

static bool receive_up_to(struct conn *conn, size_t most) {
    return transferred(
        recv(conn->fd, conn->answer + conn->received, most - conn->received, MSG_DONTWAIT),
        &conn->received, "receive");
}

static bool receive_frame(struct conn *conn) {
    while (conn->received < conn->size && receive_up_to(conn, conn->size))
        ;
    return conn->received == conn->size;
}

/* What the server said instead of an answer, as far as it prints. */
static void fail_on_answer(const struct conn *conn, const char *what) {
    char text[81];
    size_t size = 0;
    for (; size < conn->received && size < sizeof text - 1; size++) {
        if (conn->answer[size] == '\n' || conn->answer[size] == '\r')
            break;
        text[size] =
            conn->answer[size] >= ' ' && conn->answer[size] < 127 ? (char)conn->answer[size] : '?';
    }
    text[size] = '\0';
    child_fail("op %lld: %s: '%s'", conn->background ? -1 : (long long)conn->id, what, text);
}

/* A server that says more than was asked for has an answer too many. */
static bool receive_answer(struct conn *conn, const struct talk *talk, const unsigned char **result,
                           size_t *size) {
    while (receive_up_to(conn, TALK_MAX)) {
        size_t length = talk->hear(conn->answer, conn->received, result, size);
        if (length == NO_ANSWER || (!length && conn->received == TALK_MAX))
            fail_on_answer(conn, "the server refused it, or sent no answer");
        if (length && length < conn->received)
            fail_on_answer(conn, "the server sent more than one answer");
        if (length)
            return true;
    }
    return false;
}

static void verify(const struct conn *conn, const unsigned char *result, size_t size,
                   const unsigned char *wanted, size_t wanted_size) {
    size_t at = 0;
    if (size == wanted_size && memcmp(result, wanted, size) == 0)
        return;
    while (at < size && at < wanted_size && result[at] == wanted[at])
        at++;
    if (at == size || at == wanted_size)
        child_fail("op %lld: %zu bytes came back, expected were %zu",
                   conn->background ? -1 : (long long)conn->id, size, wanted_size);
    child_fail("op %lld: byte %zu of %zu came back as %02x, expected was %02x",
               conn->background ? -1 : (long long)conn->id, at, size, result[at], wanted[at]);
}

/* Receives what there is. True: the answer is whole, and right. */
static bool receive(struct conn *conn, struct load *load) {
    const unsigned char *result, *wanted;
    size_t size, wanted_size;
    enum op_class class;
    if (!load->workload->talk) {
        if (!receive_frame(conn))
            return false;
        verify(conn, conn->answer, conn->size, conn->request, conn->size);
        return true;
    }
    if (!receive_answer(conn, load->workload->talk, &result, &size))
        return false;
    wanted = known_result(&load->known, conn->id, &class, &wanted_size);
    verify(conn, result, size, wanted, wanted_size);
    return true;
}

static void finish(struct conn *conn, struct load *load, int64_t now) {
    const struct talk *talk = load->workload->talk;
    uint64_t ns = (uint64_t)(now - conn->start_ns);
    bool heavy =
        conn->background || (talk && talk->is_heavy && talk->is_heavy(load->state, conn->id));
    if (conn->background) {
        load->background--;
        hist_add(&load->heavy, ns);
        return;
    }
    if (load->open) {
        hist_add(heavy ? &load->heavy : &load->open->corrected, (uint64_t)(now - conn->due_ns));
        conn->idle_ns = now;
    } else if (heavy)
        hist_add(&load->heavy, ns);
    if (!heavy)
        hist_add(&load->uncorrected, ns);
    load->ids[load->finished++] = conn->id;
    load->end_ns = now;
}

void conn_ready(struct conn *conn, struct load *load) {
    if (conn->size == 0)
        return;
    send_request(conn);
    while (receive(conn, load)) {
        finish(conn, load, now_ns());
        conn->size = 0;
        if (!conn_start(conn, load))
            return;
        send_request(conn);
    }
}
