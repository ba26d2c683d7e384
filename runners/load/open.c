/* open.c - see open.h. */
#include "open.h"
#include "conn.h"

void open_restart(struct open *open, int64_t now) {
    arrivals_restart(&open->arrivals);
    open->start_ns = now;
    open->due_ns = now + arrivals_next(&open->arrivals);
    open->waited = 0;
    open->corrected = open->late = (struct hist){{0}};
    open->idle = NULL;
    open->last_idle = &open->idle;
}

bool open_take(struct open *open, struct conn *conn) {
    if (now_ns() < open->due_ns) {
        conn->next_idle = NULL;
        *open->last_idle = conn;
        open->last_idle = &conn->next_idle;
        return false;
    }
    conn->due_ns = open->last_due_ns = open->due_ns;
    open->waited += conn->due_ns < conn->idle_ns;
    open->due_ns = open->start_ns + arrivals_next(&open->arrivals);
    return true;
}

void open_sends(struct open *open, const struct conn *conn) {
    int64_t possible = conn->due_ns > conn->idle_ns ? conn->due_ns : conn->idle_ns;
    hist_add(&open->late, (uint64_t)(conn->start_ns - possible));
}

struct conn *open_next(struct open *open, int64_t now) {
    struct conn *conn = open->idle;
    if (!conn || now < open->due_ns)
        return NULL;
    if (!(open->idle = conn->next_idle))
        open->last_idle = &open->idle;
    return conn;
}

int64_t open_wait(const struct open *open, int64_t now) {
    if (!open->idle)
        return -1;
    return open->due_ns > now ? open->due_ns - now : 0;
}
