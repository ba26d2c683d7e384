/* wire.c - see wire.h. */
#include "wire.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"hello",   "attest", "ready", "sample",
                                    "latency", "bye",    "fail",  "waiting"};

const char *wire_name(enum wire_type type) {
    return names[type];
}

/* The line as it may be shown to a person: at most 80 bytes, what does not print as \xNN. */
static void escape(char *text, size_t room, const char *line, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < size && i < 80 && used + 8 < room; i++) {
        unsigned char c = (unsigned char)line[i];
        used += (size_t)snprintf(text + used, room - used, isprint(c) ? "%c" : "\\x%02x", c);
    }
    snprintf(text + used, room - used, size > 80 ? "..." : "");
}

static int whole_number(const char *text, int64_t *value) {
    char *end;
    if (!isdigit((unsigned char)*text))
        return -1;
    *value = strtoll(text, &end, 10);
    return *end ? -1 : 0;
}

static int set_attest(struct attest *attest, const char *key, const char *value) {
    const struct {
        const char *key;
        char *to;
        size_t room;
    } fields[] = {
        {"gil", attest->gil, sizeof attest->gil},
        {"runtime", attest->runtime, sizeof attest->runtime},
        {"loop", attest->loop, sizeof attest->loop},
        {"interp", attest->interp, sizeof attest->interp},
        {"affinity", attest->affinity, sizeof attest->affinity},
        {"build", attest->build, sizeof attest->build},
        {"start_method", attest->start_method, sizeof attest->start_method},
        {"debug", attest->debug, sizeof attest->debug},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(fields[i].key, key))
            snprintf(fields[i].to, fields[i].room, "%s", value);
    return 0; /* keys that are not known are a later version's */
}

static int set_sample(struct sample *sample, const char *key, const char *value) {
    const struct {
        const char *key;
        int64_t *to;
    } fields[] = {
        {"ns", &sample->ns},
        {"ops", &sample->ops},
        {"hit", &sample->hit},
        {"miss", &sample->miss},
        {"error", &sample->error},
        {"lost", &sample->lost},
        {"client_cpu_ns", &sample->client.cpu_ns},
        {"offered_ns", &sample->client.offered_ns},
        {"late_ns", &sample->client.late_ns},
        {"late_max_ns", &sample->client.late_max_ns},
        {"waited", &sample->client.waited},
    };
    char *end;
    if (!strcmp(key, "digest")) {
        sample->digest = strtoull(value, &end, 16);
        return strlen(value) == 16 && !*end ? 0 : -1;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(fields[i].key, key))
            return whole_number(value, fields[i].to);
    return -1;
}

static int set_ready(struct wire_message *message, const char *key, const char *value) {
    int64_t port;
    if (strcmp(key, "port") || whole_number(value, &port) < 0 || port < 1 || port > 65535)
        return -1;
    message->port = (int)port;
    return 0;
}

static int set_waiting(struct wire_message *message, const char *key, const char *value) {
    return strcmp(key, "tasks") || whole_number(value, &message->tasks) < 0 ? -1 : 0;
}

static int set_buckets(struct hist *hist, const char *value) {
    while (*value) {
        char *end;
        unsigned long index = strtoul(value, &end, 10);
        if (end == value || *end != ':' || index >= HIST_BUCKETS)
            return -1;
        value = end + 1;
        hist->count[index] += strtoull(value, &end, 10);
        if (end == value || (*end && *end != ','))
            return -1;
        value = *end ? end + 1 : end;
    }
    return 0;
}

static int set_latency(struct wire_message *message, const char *key, const char *value) {
    if (!strcmp(key, "kind")) {
        message->corrected = !strcmp(value, "corrected");
        message->heavy = !strcmp(value, "heavy");
        return message->corrected || message->heavy || !strcmp(value, "uncorrected") ? 0 : -1;
    }
    if (!strcmp(key, "unit"))
        return strcmp(value, "ns") ? -1 : 0;
    if (!strcmp(key, "sub"))
        return strcmp(value, "5") ? -1 : 0;
    return !strcmp(key, "buckets") ? set_buckets(&message->hist, value) : -1;
}

static int set(struct wire_message *message, const char *key, const char *value) {
    switch (message->type) {
    case WIRE_ATTEST:
        return set_attest(&message->attest, key, value);
    case WIRE_READY:
        return set_ready(message, key, value);
    case WIRE_SAMPLE:
        return set_sample(&message->sample, key, value);
    case WIRE_LATENCY:
        return set_latency(message, key, value);
    case WIRE_WAITING:
        return set_waiting(message, key, value);
    default:
        return -1;
    }
}

static int parse_words(struct wire_message *message, char *rest) {
    char *word;
    while ((word = strsep(&rest, " "))) {
        char *equals = strchr(word, '=');
        if (!equals)
            return -1;
        *equals = '\0';
        if (set(message, word, equals + 1) < 0)
            return -1;
    }
    return 0;
}

static int parse_body(struct wire_message *message, char *rest) {
    if (message->type == WIRE_FAIL) {
        snprintf(message->text, sizeof message->text, "%s", rest ? rest : "no reason given");
        return 0;
    }
    if (message->type == WIRE_HELLO)
        return rest && atoi(rest) == WIRE_VERSION ? 0 : -1;
    if (message->type == WIRE_BYE)
        return rest ? -1 : 0;
    if (message->type == WIRE_READY && !rest)
        return 0;
    if (!rest || parse_words(message, rest) < 0)
        return -1;
    return message->type == WIRE_SAMPLE && (message->sample.ns <= 0 || message->sample.ops <= 0)
               ? -1
               : 0;
}

static bool printable(const char *line, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            return false;
    return true;
}

int wire_parse(struct wire_message *message, char *line, size_t size, struct err *err) {
    char shown[400], *rest = line, *name;
    size_t type = 0;
    escape(shown, sizeof shown, line, size);
    memset(message, 0, sizeof *message);
    if (!printable(line, size))
        return err_set(err, GB_RUNTIME, "garbage on the wire: '%s'", shown);
    name = strsep(&rest, " ");
    while (type < sizeof names / sizeof *names && strcmp(names[type], name))
        type++;
    if (type == sizeof names / sizeof *names)
        return err_set(err, GB_RUNTIME, "garbage on the wire: '%s'", shown);
    message->type = (enum wire_type)type;
    if (parse_body(message, rest) < 0)
        return err_set(err, GB_RUNTIME, "malformed line on the wire: '%s'", shown);
    return 0;
}
