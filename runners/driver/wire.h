/* wire.h - one line of a child, parsed. The rules are in runners/README.md; everything that breaks
 * them is an error that shows the line. Pure: no input or output. */
#ifndef GILBENCH_WIRE_H
#define GILBENCH_WIRE_H

#include "gilbench.h"

enum { WIRE_LINE_MAX = 65536, WIRE_VERSION = 1 };

enum wire_type {
    WIRE_HELLO,
    WIRE_ATTEST,
    WIRE_READY,
    WIRE_SAMPLE,
    WIRE_LATENCY,
    WIRE_BYE,
    WIRE_FAIL,
    WIRE_WAITING
};

struct wire_message {
    enum wire_type type;
    struct attest attest;
    int port;             /* of ready; 0: none */
    int64_t tasks;        /* of waiting: how many there are */
    struct sample sample; /* without usage and histograms */
    struct hist hist;     /* of latency */
    bool corrected;       /* of latency: from when ops were due; the uncorrected one follows */
    bool heavy;           /* of latency: of the heavy requests; the uncorrected one follows */
    char text[400];       /* of fail */
};

/* `line` ends before its newline; it is cut up. `size`: its bytes. */
int wire_parse(struct wire_message *message, char *line, size_t size, struct err *err);
const char *wire_name(enum wire_type type);

#endif
