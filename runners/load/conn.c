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
    *conn = (struct conn){.frame = malloc(OP_RESULT_MAX), .echo = malloc(OP_RESULT_MAX)};
    if (!conn->frame || !conn->echo)
        child_fail("out of memory for connections");
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&address, sizeof address) < 0)
        child_fail("connecting to port %d: %s", port, strerror(errno));
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void conn_close(struct conn *conn) {
    close(conn->fd);
    free(conn->frame);
    free(conn->echo);
}

/* The frame is made before the clock of its op starts; in open loop that is a part of its lateness. */
bool conn_start(struct conn *conn, struct load *load) {
    if (load->begun == load->ops || (load->open && !open_take(load->open, conn)))
        return false;
    conn->id = (uint64_t)load->begun++;
    load->workload->op(load->state, conn->id, conn->frame, &conn->size);
    conn->sent = conn->received = 0;
    conn->start_ns = now_ns();
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

static void send_frame(struct conn *conn) {
    while (conn->sent < conn->size &&
           transferred(send(conn->fd, conn->frame + conn->sent, conn->size - conn->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT),
                       &conn->sent, "send"))
        ;
}

static bool receive_frame(struct conn *conn) {
    while (conn->received < conn->size &&
           transferred(recv(conn->fd, conn->echo + conn->received, conn->size - conn->received,
                            MSG_DONTWAIT),
                       &conn->received, "receive"))
        ;
    return conn->received == conn->size;
}

static void verify(const struct conn *conn) {
    size_t at = 0;
    if (memcmp(conn->frame, conn->echo, conn->size) == 0)
        return;
    while (conn->frame[at] == conn->echo[at])
        at++;
    child_fail("op %llu: byte %zu of %zu came back as %02x, sent was %02x",
               (unsigned long long)conn->id, at, conn->size, conn->echo[at], conn->frame[at]);
}

static void finish(struct conn *conn, struct load *load) {
    int64_t now = now_ns();
    hist_add(&load->uncorrected, (uint64_t)(now - conn->start_ns));
    if (load->open)
        open_finish(load->open, conn, now);
    verify(conn);
    load->ids[load->finished++] = conn->id;
}

void conn_ready(struct conn *conn, struct load *load) {
    if (conn->size == 0)
        return;
    send_frame(conn);
    while (receive_frame(conn)) {
        finish(conn, load);
        conn->size = 0;
        if (!conn_start(conn, load))
            return;
        send_frame(conn);
    }
}
