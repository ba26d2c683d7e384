/* c_server.c - see c_server.h. */
#include "c_server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

int server_listen(int port, int *listener) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(*listener, (struct sockaddr *)&address, size) < 0 || listen(*listener, 4096) < 0)
        child_fail("port %d: %s", port, strerror(errno));
    getsockname(*listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

struct spinner {
    const struct workload *workload;
    const void *state;
};

static void *spin(void *arg) {
    const struct spinner *spinner = arg;
    for (;;)
        spinner->workload->spin(spinner->state);
    return NULL;
}

void server_spin(const struct args *args, const void *state) {
    static struct spinner spinner;
    pthread_t thread;
    spinner = (struct spinner){args->workload, state};
    if (!args->workload->spin)
        return;
    for (int64_t i = args_int(args, "spinners"); i > 0; i--)
        if (pthread_create(&thread, NULL, spin, &spinner))
            child_fail("cannot start a thread that computes");
}
