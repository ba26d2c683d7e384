/* io_http.c - HTTP/1.1: what a server must understand (RFC 9112, without chunked bodies), what it
 * answers, and what the load generator asks. The rules are in README.md; every language has them. */
#include "talk.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MOST = 8192, BODY_MOST = 1000000, WAIT_MOST = 10000000, FIB_MOST = 32 };
enum { ROUTE_P, ROUTE_B, ROUTE_ECHO, ROUTE_WAIT, ROUTE_FIB, ROUTE_MIXED };

static const char hello[] = "Hello, world!";

struct http {
    uint64_t seed;
    int route;
    int64_t bytes, wait_us, n;
    unsigned char letters[BODY_MOST]; /* a to z, again and again: /b/N is the first N */
};

static const struct param params[] = {
    {"route", ROUTE_P, 0, ROUTE_MIXED, "what is asked for"},
    {"bytes", 10240, 0, BODY_MOST, "of the body (b, echo)"},
    {"wait_us", 10000, 0, WAIT_MOST, "microseconds until the answer (wait)"},
    {"n", 18, 0, FIB_MOST, "the handler computes fib(n) (fib)"},
    {NULL, 0, 0, 0, NULL},
};

static const char *const routes[] = {"p", "b", "echo", "wait", "fib", "mixed", NULL};
static const struct param_words words[] = {{"route", routes}, {NULL, NULL}};

static void *setup(const struct args *args) {
    struct http *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->route = (int)args_int(args, "route");
    state->bytes = args_int(args, "bytes");
    state->wait_us = args_int(args, "wait_us");
    state->n = args_int(args, "n");
    for (size_t i = 0; i < BODY_MOST; i++)
        state->letters[i] = (unsigned char)('a' + i % 26);
    return state;
}

/* ---- What is in a body */

static int route_of(const struct http *state, uint64_t id) {
    return state->route == ROUTE_MIXED ? (int)(id % ROUTE_MIXED) : state->route;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct http *state = opaque;
    *size = (size_t)state->bytes;
    switch (route_of(state, id)) {
    case ROUTE_P:
        memcpy(result, hello, *size = sizeof hello - 1);
        break;
    case ROUTE_B:
        memcpy(result, state->letters, *size);
        break;
    case ROUTE_ECHO:
        fill_payload(result, *size, state->seed, id);
        break;
    case ROUTE_WAIT:
        *size = line_result(result, (uint64_t)state->wait_us);
        break;
    default:
        *size = line_result(result, fib(state->n));
    }
    return OP_HIT;
}

/* ---- The client's end */

static size_t ask(const void *opaque, uint64_t id, unsigned char *bytes) {
    static const char rest[] = " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n";
    const struct http *state = opaque;
    char *text = (char *)bytes;
    size_t size = (size_t)state->bytes;
    switch (route_of(state, id)) {
    case ROUTE_P:
        return (size_t)sprintf(text, "GET /p%s\r\n", rest);
    case ROUTE_B:
        return (size_t)sprintf(text, "GET /b/%zu%s\r\n", size, rest);
    case ROUTE_WAIT:
        return (size_t)sprintf(text, "GET /wait/%" PRId64 "%s\r\n", state->wait_us, rest);
    case ROUTE_FIB:
        return (size_t)sprintf(text, "GET /fib/%" PRId64 "%s\r\n", state->n, rest);
    default:
        bytes += sprintf(text, "POST /echo%sContent-Length: %zu\r\n\r\n", rest, size);
        fill_payload(bytes, size, state->seed, id);
        return (size_t)(bytes + size - (unsigned char *)text);
    }
}

static size_t hear(const unsigned char *bytes, size_t size, const unsigned char **result,
                   size_t *result_size) {
    static const char ok[] = "HTTP/1.1 200 ", length[] = "\r\nContent-Length: ";
    const unsigned char *end = memmem(bytes, size, "\r\n\r\n", 4), *field;
    size_t known = size < sizeof ok - 1 ? size : sizeof ok - 1;
    if (memcmp(bytes, ok, known))
        return NO_ANSWER;
    if (!end)
        return size > HEAD_MOST ? NO_ANSWER : 0;
    field = memmem(bytes, (size_t)(end - bytes), length, sizeof length - 1);
    if (!field)
        return NO_ANSWER;
    *result = end + 4;
    *result_size = strtoul((const char *)field + sizeof length - 1, NULL, 10);
    if (*result_size > OP_RESULT_MAX)
        return NO_ANSWER;
    known = (size_t)(*result - bytes) + *result_size;
    return size < known ? 0 : known;
}

/* ---- The server's end: a head, from its first byte to its empty line. `what` of a request is its
 * status, 200 or why it is refused, and while it is 200, the route. */

struct span {
    const unsigned char *at;
    size_t size;
};

struct head {
    struct span method, target;
    bool old; /* HTTP/1.0 */
    bool chunked, close, keep;
    int hosts;
    int64_t length; /* -1: none was given */
};

static bool is_token(int c) {
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool all(struct span span, bool (*is)(int)) {
    for (size_t i = 0; i < span.size; i++)
        if (!is(span.at[i]))
            return false;
    return span.size > 0;
}

static bool is_visible(int c) {
    return c > ' ' && c < 127;
}

static bool same(struct span span, const char *text) {
    return span.size == strlen(text) && !strncasecmp((const char *)span.at, text, span.size);
}

/* Cuts off what stands before `mark`; false: it is not there. */
static bool cut(struct span *rest, const char *mark, struct span *before) {
    const unsigned char *found = memmem(rest->at, rest->size, mark, strlen(mark));
    if (!found)
        return false;
    *before = (struct span){rest->at, (size_t)(found - rest->at)};
    rest->size -= before->size + strlen(mark);
    rest->at = found + strlen(mark);
    return true;
}

static struct span trim(struct span s) {
    for (; s.size && (*s.at == ' ' || *s.at == '\t'); s.at++)
        s.size--;
    while (s.size && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t'))
        s.size--;
    return s;
}

/* 0 or the status with which the request is refused. */
static int read_first_line(struct head *head, struct span line) {
    if (!cut(&line, " ", &head->method) || !all(head->method, is_token) ||
        !cut(&line, " ", &head->target) || !all(head->target, is_visible) ||
        head->target.at[0] != '/')
        return 400;
    if (line.size != 8 || memcmp(line.at, "HTTP/", 5) || !isdigit(line.at[5]) ||
        line.at[6] != '.' || !isdigit(line.at[7]))
        return 400;
    head->old = line.at[7] == '0';
    return line.at[5] == '1' && (line.at[7] == '0' || line.at[7] == '1') ? 0 : 505;
}

static int64_t read_number(struct span digits, size_t most) {
    int64_t number = 0;
    if (!digits.size || digits.size > most)
        return -1;
    for (size_t i = 0; i < digits.size; i++) {
        if (!isdigit(digits.at[i]))
            return -1;
        number = 10 * number + (digits.at[i] - '0');
    }
    return number;
}

static void read_connection(struct head *head, struct span value) {
    struct span word;
    for (bool more = true; more;) {
        if (!(more = cut(&value, ",", &word)))
            word = value;
        head->close |= same(trim(word), "close");
        head->keep |= same(trim(word), "keep-alive");
    }
}

static int read_field(struct head *head, struct span line) {
    struct span name, value;
    int64_t length;
    if (!cut(&line, ":", &name) || !all(name, is_token))
        return 400;
    value = trim(line);
    for (size_t i = 0; i < value.size; i++)
        if ((value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 127)
            return 400;
    if (same(name, "content-length")) {
        length = read_number(value, 15);
        if (length < 0 || (head->length >= 0 && head->length != length))
            return 400;
        head->length = length;
    } else if (same(name, "transfer-encoding"))
        head->chunked = true;
    else if (same(name, "host"))
        head->hosts++;
    else if (same(name, "connection"))
        read_connection(head, value);
    return 0;
}

/* 200, or why not. */
static int read_head(struct head *head, struct span text) {
    struct span line;
    int refused;
    cut(&text, "\r\n", &line);
    if ((refused = read_first_line(head, line)))
        return refused;
    while (cut(&text, "\r\n", &line))
        if ((refused = read_field(head, line)))
            return refused;
    if (head->chunked)
        return 501;
    if (head->hosts > 1 || (!head->old && !head->hosts))
        return 400;
    return head->length > BODY_MOST ? 413 : 200;
}

/* Of the path behind its prefix; -1: not a number, or a greater one. */
static int64_t number_behind(struct span target, const char *prefix, int64_t most) {
    size_t size = strlen(prefix);
    int64_t number;
    if (target.size < size || memcmp(target.at, prefix, size))
        return -1;
    number = read_number((struct span){target.at + size, target.size - size}, 8);
    return number > most ? -1 : number;
}

/* What is asked for; -1: nothing that there is. */
static int find_route(const struct head *head, struct request *request) {
    bool get = head->method.size == 3 && !memcmp(head->method.at, "GET", 3);
    struct span target = head->target;
    if (head->method.size == 4 && !memcmp(head->method.at, "POST", 4))
        return target.size == 5 && !memcmp(target.at, "/echo", 5) ? ROUTE_ECHO : -1;
    if (!get)
        return -1;
    if (target.size == 2 && target.at[1] == 'p')
        return ROUTE_P;
    if ((request->number = number_behind(target, "/b/", BODY_MOST)) >= 0)
        return ROUTE_B;
    if ((request->number = number_behind(target, "/wait/", WAIT_MOST)) >= 0)
        return ROUTE_WAIT;
    return (request->number = number_behind(target, "/fib/", FIB_MOST)) >= 0 ? ROUTE_FIB : -1;
}

/* `what`: a route, or -status. */
static size_t refuse(struct request *request, int status, size_t size) {
    request->what = -status;
    request->last = true;
    return size;
}

static size_t take(const void *opaque, const unsigned char *bytes, size_t size,
                   struct request *request) {
    struct head head = {.length = -1};
    size_t skipped = 0, used;
    const unsigned char *end;
    int status;
    (void)opaque;
    *request = (struct request){0};
    while (size - skipped >= 2 && !memcmp(bytes + skipped, "\r\n", 2) && skipped < HEAD_MOST)
        skipped += 2; /* empty lines before a request are to be ignored */
    bytes += skipped;
    size -= skipped;
    end = memmem(bytes, size < HEAD_MOST ? size : HEAD_MOST, "\r\n\r\n", 4);
    if (!end)
        return size < HEAD_MOST ? 0 : refuse(request, 431, skipped + size);
    used = (size_t)(end - bytes) + 4;
    if ((status = read_head(&head, (struct span){bytes, used - 2})) != 200)
        return refuse(request, status, skipped + size);
    request->body = bytes + used;
    request->body_size = head.length > 0 ? (size_t)head.length : 0;
    if (size - used < request->body_size)
        return 0;
    request->last = head.close || (head.old && !head.keep);
    if ((request->what = find_route(&head, request)) < 0)
        request->what = -404;
    if (request->what == ROUTE_WAIT)
        request->wait_us = request->number;
    return skipped + used + request->body_size;
}

static const char *reason(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

static size_t put_head(const struct request *request, unsigned char *bytes, size_t size) {
    int status = request->what < 0 ? -request->what : 200;
    return (size_t)sprintf((char *)bytes,
                           "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                           "Connection: %s\r\n\r\n",
                           status, reason(status), size, request->last ? "close" : "keep-alive");
}

static size_t answer(const void *opaque, const struct request *request, unsigned char *bytes) {
    const struct http *state = opaque;
    unsigned char text[32];
    size_t head, size = (size_t)request->number;
    const void *body = text;
    switch (request->what) {
    case ROUTE_P:
        body = hello, size = sizeof hello - 1;
        break;
    case ROUTE_B:
        body = state->letters;
        break;
    case ROUTE_ECHO:
        body = request->body, size = request->body_size;
        break;
    case ROUTE_WAIT:
        size = line_result(text, (uint64_t)request->number);
        break;
    case ROUTE_FIB:
        size = line_result(text, fib(request->number));
        break;
    default:
        body = reason(-request->what), size = strlen(body);
    }
    head = put_head(request, bytes, size);
    memcpy(bytes + head, body, size);
    return head + size;
}

static const struct talk talk = {.take = take, .answer = answer, .ask = ask, .hear = hear};

const struct workload io_http = {
    .name = "io_http",
    .kind = "server",
    .about = "HTTP/1.1 under a load generator that verifies status and body",
    .params = params,
    .words = words,
    .setup = setup,
    .op = op,
    .talk = &talk,
};
