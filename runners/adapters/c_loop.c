/* c_loop.c - the ceiling: cpromise's loop and promises (ext/core) without Python, on one thread.
 *
 * client (io_employee): each connection asks for an id and then for a record, as a chain of
 * promises: a question is a promise, what is done with its answer is the reaction on it; in the variant
 * callback it is called when the answer is there. What waits: c_loop_waits.c.
 * Everything lives in the connection, so a reference needs no count. Servers: c_loop_server.c. */
#include "c_loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = RECORD_MAX + 64 };

struct cp_loop loop;

/* ---- The host: a reaction is a function */

static int run_job(struct cp_loop *l, struct cp_job *job) {
    struct cp_promise *reaction = cp_promise_of(job);
    (void)l;
    job->phase = CP_IDLE;
    ((step_fn)reaction->self.ok)(reaction);
    return 0;
}

static int fire(struct cp_loop *l, struct cp_timer *timer) {
    struct alarm *alarm = cp_container_of(timer, struct alarm, timer);
    (void)l;
    alarm->ring(alarm);
    return 0;
}

static int nothing(struct cp_loop *l) {
    (void)l;
    return 0;
}
static void around_wait(struct cp_loop *l) {
    (void)l;
}

static const struct cp_host host = {.run = run_job,
                                    .fire = fire,
                                    .unhandled = nothing,
                                    .breathe = nothing,
                                    .before_wait = around_wait,
                                    .after_wait = around_wait};

void loop_react(struct cp_promise *promise, struct cp_promise *reaction, step_fn step) {
    cp_promise_init(reaction, &loop);
    reaction->self.job.kind = CP_HOST;
    reaction->self.ok = (void *)step;
    cp_promise_subscribe(promise, &reaction->self);
}

void loop_then(struct cp_promise *promise, struct cp_promise *reaction, step_fn step) {
    cp_promise_init(promise, &loop);
    loop_react(promise, reaction, step);
}

static void open_loop(void) {
    int failed;
    loop = (struct cp_loop){.host = &host, .poller = &cp_poller_epoll, .max_workers = 1};
    if ((failed = cp_loop_open(&loop)) < 0)
        child_fail("the loop cannot be opened: %s", strerror(-failed));
}

void loop_step(void) {
    int failed = cp_loop_step(&loop, CP_FOREVER);
    if (failed < 0)
        child_fail("the loop ended: %s", strerror(-failed));
}

void loop_take_over(struct cp_io *io, int fd) {
    int failed;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if ((failed = cp_io_open(&loop, io, fd)) < 0)
        child_fail("descriptor %d: %s", fd, strerror(-failed));
}

/* ---- client */

struct sample {
    uint64_t seed;
    int64_t ops, employees, chain, taken, done;
    bool callbacks; /* and no promises: an answer is given to the next step at once */
    struct tally tally;
    struct hist latency;
};

struct client {
    struct cp_io io;
    struct cp_op reading, writing;
    struct cp_promise answer, reaction; /* of the question that is being asked */
    struct sample *sample;
    int64_t start_ns;
    uint64_t op;
    int64_t left; /* steps of the chain behind the record that is asked for */
    step_fn next;
    size_t used;
    long size; /* of the answer, -1 for none */
    const char *body;
    char name[NAME_ROOM], bytes[ROOM], request[128];
};

static void begin_op(struct client *client);

/* 1: the answer is whole, 0: there is more to come. */
static int parse_answer(struct client *client) {
    char *end = memchr(client->bytes, '\n', client->used);
    if (!end)
        return 0;
    if (client->bytes[0] != '$')
        child_fail("the store answered '%.40s' to GET", client->bytes);
    client->size = strtol(client->bytes + 1, NULL, 10);
    client->body = end + 1;
    return client->size < 0 ||
           client->used >= (size_t)(client->body - client->bytes) + (size_t)client->size + 2;
}

static int on_read(struct cp_loop *l, struct cp_op *op) {
    struct client *client = cp_container_of(op, struct client, reading);
    int state;
    (void)l;
    do {
        if (op->result <= 0)
            child_fail("the store hung up in the middle of an answer");
        client->used += (size_t)op->result;
        if (parse_answer(client)) {
            if (client->sample->callbacks)
                client->next(&client->reaction);
            else
                cp_promise_settle(&client->answer, CP_FULFILLED, client);
            return 0;
        }
        op->buf = client->bytes + client->used;
        op->len = ROOM - client->used;
        if ((state = cp_io_submit(&loop, &client->io, op)) < 0)
            child_fail("reading from the store: %s", strerror(-state));
    } while (state == 1);
    return 0;
}

static int on_written(struct cp_loop *l, struct cp_op *op) {
    (void)l;
    if (op->result < 0)
        child_fail("writing to the store: %s", strerror((int)-op->result));
    return 0;
}

/* GET prefix+key; `next` runs when the answer is there. */
static void ask(struct client *client, const char *prefix, const char *key, int size,
                step_fn next) {
    int state, length = (int)strlen(prefix) + size;
    if (client->sample->callbacks)
        client->next = next;
    else
        loop_then(&client->answer, &client->reaction, next);
    client->used = 0;
    client->writing = (struct cp_op){
        .kind = CP_OP_SEND,
        .buf = client->request,
        .len = (size_t)snprintf(client->request, sizeof client->request,
                                "*2\r\n$3\r\nGET\r\n$%d\r\n%s%.*s\r\n", length, prefix, size, key),
        .done = on_written};
    client->reading =
        (struct cp_op){.kind = CP_OP_RECV, .buf = client->bytes, .len = ROOM, .done = on_read};
    if ((state = cp_io_submit(&loop, &client->io, &client->writing)) == 1)
        on_written(&loop, &client->writing);
    if (state < 0 || (state = cp_io_submit(&loop, &client->io, &client->reading)) < 0)
        child_fail("asking the store: %s", strerror(-state));
    if (state == 1)
        on_read(&loop, &client->reading);
}

static struct client *client_of(struct cp_promise *reaction) {
    return cp_container_of(reaction, struct client, reaction);
}

static void finish(struct client *client, enum op_class class, long record) {
    char result[NAME_ROOM + RECORD_MAX];
    size_t size = class == OP_MISS ? 0 : strlen(client->name);
    memcpy(result, client->name, size);
    if (class == OP_HIT) {
        memcpy(result + size, client->body, (size_t)record);
        size += (size_t)record;
    }
    hist_add(&client->sample->latency, (uint64_t)(now_ns() - client->start_ns));
    tally_add(&client->sample->tally, client->op, class, result, size);
    client->sample->done++;
    begin_op(client);
}

static void on_record(struct cp_promise *reaction);

static void ask_for_boss(struct client *client) {
    static const char mark[] = "\"boss\":";
    const char *found = memmem(client->body, (size_t)client->size, mark, sizeof mark - 1);
    if (!found)
        child_fail("a record names no boss: '%.100s'", client->body);
    found += sizeof mark - 1;
    ask(client, "employee:", found, (int)strspn(found, "0123456789"), on_record);
}

static void on_record(struct cp_promise *reaction) {
    struct client *client = client_of(reaction);
    if (client->size > RECORD_MAX)
        child_fail("a record of %ld bytes; %d are the most", client->size, RECORD_MAX);
    if (client->size >= 0 && client->left-- > 0)
        ask_for_boss(client);
    else
        finish(client, client->size < 0 ? OP_ERROR : OP_HIT, client->size);
}

static void on_id(struct cp_promise *reaction) {
    struct client *client = client_of(reaction);
    char id[32];
    int size = (int)client->size;
    if (client->size < 0) {
        finish(client, OP_MISS, 0);
        return;
    }
    if (client->size >= (long)sizeof id)
        child_fail("an id of %ld bytes", client->size);
    memcpy(id, client->body, (size_t)size);
    ask(client, "employee:", id, size, on_record);
}

static void begin_op(struct client *client) {
    struct sample *sample = client->sample;
    int64_t person;
    if (sample->taken == sample->ops)
        return;
    client->op = (uint64_t)sample->taken++;
    client->start_ns = now_ns();
    client->left = sample->chain - 2;
    employee_pick(sample->seed, client->op, sample->employees, client->name, &person);
    ask(client, "employee:id:", client->name, (int)strlen(client->name), on_id);
}

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        child_fail("connecting to the store on port %d: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void run_sample(struct sample *sample, struct client *clients, int count) {
    int64_t start = now_ns();
    sample->taken = sample->done = 0;
    sample->tally = (struct tally){0};
    memset(&sample->latency, 0, sizeof sample->latency);
    for (int i = 0; i < count; i++)
        begin_op(&clients[i]);
    while (sample->done < sample->ops)
        loop_step();
    child_sample(now_ns() - start, &sample->tally);
    child_latency(&sample->latency);
}

static void run_client(const struct args *args, bool callbacks) {
    static struct sample sample;
    int count = (int)args_int(args, "concurrency");
    struct client *clients = calloc((size_t)count, sizeof *clients);
    if (!clients)
        child_fail("out of memory for %d connections", count);
    sample.seed = (uint64_t)args_int(args, "seed");
    sample.ops = args_int(args, "ops");
    sample.employees = args_int(args, "employees");
    sample.chain = args_int(args, "chain");
    sample.callbacks = callbacks;
    for (int i = 0; i < count; i++) {
        clients[i].sample = &sample;
        loop_take_over(&clients[i].io, connect_to((int)args_int(args, "store_port")));
    }
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(&sample, clients, count);
    child_end();
    for (int i = 0; i < count; i++)
        cp_io_close(&loop, &clients[i].io);
    free(clients);
}

static const struct param own[] = {
    {"store_port", 0, 0, 65535, "where the store listens on the loopback"},
    {"port", 0, 0, 65535, "where a server listens on the loopback; 0: on a free port"},
    {NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, own);
    child_begin();
    open_loop();
    if (!strcmp(cmd.args.workload->name, "io_employee"))
        run_client(&cmd.args, !strcmp(cmd.model, "cloop:callback"));
    else if (!strcmp(cmd.args.workload->kind, "wait"))
        loop_wait(&cmd.args);
    else if (!strcmp(cmd.args.workload->kind, "server"))
        loop_serve(&cmd.args);
    else
        child_fail("cloop does not run %s", cmd.args.workload->name);
    return 0;
}
