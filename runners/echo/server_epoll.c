/* server_epoll.c - a TCP echo with nothing around it: what a loop on epoll can be at best. One
 * buffer serves all connections; only what the peer does not take at once is kept.
 *
 *   echo-epoll     prints its port, serves until it is killed */
#include "echo.h"
#include <sys/epoll.h>

enum { BUFFER = 256 * 1024, BATCH = 1024 };

struct conn {
    int fd;
    char *kept; /* what could not be sent yet: kept[from .. to) */
    size_t from, to;
};

static _Alignas(4096) char buffer[BUFFER];

static void watch(int epoll, int fd, int op, uint32_t events, struct conn *conn) {
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(epoll, op, fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void accept_all(int epoll, int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (!conn)
            die("out of memory");
        conn->fd = fd;
        no_delay(fd);
        watch(epoll, fd, EPOLL_CTL_ADD, EPOLLIN, conn);
    }
}

static void hang_up(struct conn *conn) {
    close(conn->fd);
    free(conn->kept);
    free(conn);
}

/* The socket is full: until it has room for this there is no more reading. */
static void keep(int epoll, struct conn *conn, const char *data, size_t size) {
    if (!(conn->kept = malloc(size)))
        die("out of memory");
    memcpy(conn->kept, data, size);
    conn->from = 0;
    conn->to = size;
    watch(epoll, conn->fd, EPOLL_CTL_MOD, EPOLLOUT, conn);
}

static void answer(int epoll, struct conn *conn) {
    ssize_t came = recv(conn->fd, buffer, BUFFER, 0), sent;
    if (came < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (came <= 0) {
        hang_up(conn);
        return;
    }
    sent = send(conn->fd, buffer, (size_t)came, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        hang_up(conn);
    else if (sent < came)
        keep(epoll, conn, buffer + (sent > 0 ? sent : 0), (size_t)(came - (sent > 0 ? sent : 0)));
}

static void go_on_sending(int epoll, struct conn *conn) {
    ssize_t sent = send(conn->fd, conn->kept + conn->from, conn->to - conn->from, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return;
    if (sent < 0) {
        hang_up(conn);
        return;
    }
    conn->from += (size_t)sent;
    if (conn->from < conn->to)
        return;
    free(conn->kept);
    conn->kept = NULL;
    watch(epoll, conn->fd, EPOLL_CTL_MOD, EPOLLIN, conn);
}

int main(void) {
    struct epoll_event events[BATCH];
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_and_tell(SOCK_NONBLOCK);
    watch(epoll, listener, EPOLL_CTL_ADD, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (!conn)
                accept_all(epoll, listener);
            else if (conn->kept)
                go_on_sending(epoll, conn);
            else
                answer(epoll, conn);
        }
    }
}
