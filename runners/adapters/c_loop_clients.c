/* c_loop_clients.c - clients of a store. io_employee: each connection asks for an id and then for a
 * record, as a chain of promises: a question is a promise, what is done with its answer is the reaction
 * on it; in the variant callback it is called when the answer is there. io_fanout: an op asks on many
 * connections at once. */
#include "c_loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = RECORD_MAX + 64 };

static struct {
    uint64_t seed;
    int64_t ops, employees, chain, fan, taken, done;
    bool callbacks; /* and no promises: an answer is given to the next step at once */
    struct tally tally;
    struct hist latency;
} sample;

static void note(uint64_t op, enum op_class class, const void *result, size_t size,
                 int64_t start_ns) {
    hist_add(&sample.latency, (uint64_t)(now_ns() - start_ns));
    tally_add(&sample.tally, op, class, result, size);
    sample.done++;
}

/* ---- A connection to the store, which has one question at a time */

struct store {
    struct cp_io io;
    struct cp_op reading, writing;
    struct cp_promise answer, reaction; /* of the question that is being asked */
    step_fn next;
    void *asker; /* whose store it is */
    size_t used;
    long size; /* of the answer, -1 for none */
    const char *body;
    char bytes[ROOM], request[128];
};

static struct store *store_of(struct cp_promise *reaction) {
    return cp_container_of(reaction, struct store, reaction);
}

/* 1: the answer is whole, 0: there is more to come. */
static int parse_answer(struct store *store) {
    char *end = memchr(store->bytes, '\n', store->used);
    if (!end)
        return 0;
    if (store->bytes[0] != '$')
        child_fail("the store answered '%.40s' to GET", store->bytes);
    store->size = strtol(store->bytes + 1, NULL, 10);
    store->body = end + 1;
    return store->size < 0 ||
           store->used >= (size_t)(store->body - store->bytes) + (size_t)store->size + 2;
}

static int on_read(struct cp_loop *l, struct cp_op *op) {
    struct store *store = cp_container_of(op, struct store, reading);
    int state;
    (void)l;
    do {
        if (op->result <= 0)
            child_fail("the store hung up in the middle of an answer");
        store->used += (size_t)op->result;
        if (parse_answer(store)) {
            if (sample.callbacks)
                store->next(&store->reaction);
            else
                cp_promise_settle(&store->answer, CP_FULFILLED, store);
            return 0;
        }
        op->buf = store->bytes + store->used;
        op->len = ROOM - store->used;
        if ((state = cp_io_submit(&loop, &store->io, op)) < 0)
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
static void ask(struct store *store, const char *prefix, const char *key, int size, step_fn next) {
    int state, length = (int)strlen(prefix) + size;
    if (sample.callbacks)
        store->next = next;
    else
        loop_then(&store->answer, &store->reaction, next);
    store->used = 0;
    store->writing = (struct cp_op){.kind = CP_OP_SEND,
                                    .buf = store->request,
                                    .len = (size_t)snprintf(store->request, sizeof store->request,
                                                            "*2\r\n$3\r\nGET\r\n$%d\r\n%s%.*s\r\n",
                                                            length, prefix, size, key),
                                    .done = on_written};
    store->reading =
        (struct cp_op){.kind = CP_OP_RECV, .buf = store->bytes, .len = ROOM, .done = on_read};
    if ((state = cp_io_submit(&loop, &store->io, &store->writing)) == 1)
        on_written(&loop, &store->writing);
    if (state < 0 || (state = cp_io_submit(&loop, &store->io, &store->reading)) < 0)
        child_fail("asking the store: %s", strerror(-state));
    if (state == 1)
        on_read(&loop, &store->reading);
}

static void connect_to(struct store *store, int port, void *asker) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        child_fail("connecting to the store on port %d: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    store->asker = asker;
    loop_take_over(&store->io, fd);
}

/* ---- io_employee */

struct client {
    struct store store;
    int64_t start_ns;
    uint64_t op;
    int64_t left; /* steps of the chain behind the record that is asked for */
    char name[NAME_ROOM];
};

static void begin_op(struct client *client);

static void finish(struct client *client, enum op_class class, long record) {
    char result[NAME_ROOM + RECORD_MAX];
    size_t size = class == OP_MISS ? 0 : strlen(client->name);
    memcpy(result, client->name, size);
    if (class == OP_HIT) {
        memcpy(result + size, client->store.body, (size_t)record);
        size += (size_t)record;
    }
    note(client->op, class, result, size, client->start_ns);
    begin_op(client);
}

static void on_record(struct cp_promise *reaction);

static void ask_for_boss(struct client *client) {
    static const char mark[] = "\"boss\":";
    const char *found =
        memmem(client->store.body, (size_t)client->store.size, mark, sizeof mark - 1);
    if (!found)
        child_fail("a record names no boss: '%.100s'", client->store.body);
    found += sizeof mark - 1;
    ask(&client->store, "employee:", found, (int)strspn(found, "0123456789"), on_record);
}

static void on_record(struct cp_promise *reaction) {
    struct client *client = store_of(reaction)->asker;
    if (client->store.size > RECORD_MAX)
        child_fail("a record of %ld bytes; %d are the most", client->store.size, RECORD_MAX);
    if (client->store.size >= 0 && client->left-- > 0)
        ask_for_boss(client);
    else
        finish(client, client->store.size < 0 ? OP_ERROR : OP_HIT, client->store.size);
}

static void on_id(struct cp_promise *reaction) {
    struct client *client = store_of(reaction)->asker;
    char id[32];
    int size = (int)client->store.size;
    if (client->store.size < 0) {
        finish(client, OP_MISS, 0);
        return;
    }
    if (client->store.size >= (long)sizeof id)
        child_fail("an id of %ld bytes", client->store.size);
    memcpy(id, client->store.body, (size_t)size);
    ask(&client->store, "employee:", id, size, on_record);
}

static void begin_op(struct client *client) {
    int64_t person;
    if (sample.taken == sample.ops)
        return;
    client->op = (uint64_t)sample.taken++;
    client->start_ns = now_ns();
    client->left = sample.chain - 2;
    employee_pick(sample.seed, client->op, sample.employees, client->name, &person);
    ask(&client->store, "employee:id:", client->name, (int)strlen(client->name), on_id);
}

/* ---- io_fanout */

struct fan {
    struct store *stores;
    int64_t start_ns, left; /* answers that are not there yet */
    uint64_t op, sum;
};

static void fan_next(struct fan *fan);

static void on_one_id(struct cp_promise *reaction) {
    struct store *store = store_of(reaction);
    struct fan *fan = store->asker;
    unsigned char result[8];
    if (store->size < 0)
        child_fail("the store has no id for somebody");
    fan->sum += strtoull(store->body, NULL, 10);
    if (--fan->left)
        return;
    put_le64(result, fan->sum);
    note(fan->op, OP_HIT, result, sizeof result, fan->start_ns);
    fan_next(fan);
}

static void fan_next(struct fan *fan) {
    char name[NAME_ROOM];
    if (sample.taken == sample.ops)
        return;
    *fan = (struct fan){fan->stores, now_ns(), sample.fan, (uint64_t)sample.taken++, 0};
    for (int64_t k = 0; k < sample.fan; k++) {
        uint64_t id = fan->op * (uint64_t)sample.fan + (uint64_t)k;
        int size = snprintf(name, sizeof name, "emp%06lld",
                            (long long)employee_number(sample.seed, id, sample.employees));
        ask(&fan->stores[k], "employee:id:", name, size, on_one_id);
    }
}

/* ---- A sample */

static void run_sample(struct client *clients, struct fan *fans, int64_t count) {
    int64_t start = now_ns();
    sample.taken = sample.done = 0;
    sample.tally = (struct tally){0};
    memset(&sample.latency, 0, sizeof sample.latency);
    for (int64_t i = 0; i < count; i++)
        if (fans)
            fan_next(&fans[i]);
        else
            begin_op(&clients[i]);
    while (sample.done < sample.ops)
        loop_step();
    child_sample(now_ns() - start, &sample.tally);
    child_latency(&sample.latency);
}

static struct client *make_clients(int64_t count, int port) {
    struct client *clients = loop_many(count, sizeof *clients);
    for (int64_t i = 0; i < count; i++)
        connect_to(&clients[i].store, port, &clients[i]);
    return clients;
}

static struct fan *make_fans(int64_t count, int port) {
    struct fan *fans = loop_many(count, sizeof *fans);
    for (int64_t i = 0; i < count; i++) {
        fans[i].stores = loop_many(sample.fan, sizeof *fans[i].stores);
        for (int64_t k = 0; k < sample.fan; k++)
            connect_to(&fans[i].stores[k], port, &fans[i]);
    }
    return fans;
}

void loop_ask(const struct args *args, bool callbacks) {
    int64_t count = args_int(args, "concurrency");
    int port = (int)args_int(args, "store_port");
    bool fanning = args->workload == &io_fanout;
    struct client *clients = NULL;
    struct fan *fans = NULL;
    sample.seed = (uint64_t)args_int(args, "seed");
    sample.ops = args_int(args, "ops");
    sample.employees = args_int(args, "employees");
    sample.chain = fanning ? 0 : args_int(args, "chain");
    sample.fan = fanning ? args_int(args, "fan") : 0;
    sample.callbacks = callbacks;
    if (fanning)
        fans = make_fans(count, port);
    else
        clients = make_clients(count, port);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(clients, fans, count);
    child_end();
    for (int64_t i = 0; i < count && fans; i++)
        free(fans[i].stores);
    free(fans);
    free(clients);
}
