/* talk.c - see talk.h. */
#include "talk.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MOST = 19 }; /* bytes, the newline included: up to 18 digits */

size_t line_take(const unsigned char *bytes, size_t size, int64_t *number) {
    size_t most = size < LINE_MOST ? size : LINE_MOST;
    const unsigned char *end = memchr(bytes, '\n', most);
    *number = -1;
    if (!end)
        return size < LINE_MOST ? 0 : size;
    for (const unsigned char *c = bytes; c < end; c++) {
        if (*c < '0' || *c > '9') {
            *number = -1;
            break;
        }
        *number = (c == bytes ? 0 : 10 * *number) + (*c - '0');
    }
    return (size_t)(end - bytes) + 1;
}

size_t line_put(unsigned char *bytes, uint64_t number) {
    return (size_t)snprintf((char *)bytes, 32, "%" PRIu64 "\n", number);
}

size_t line_complain(unsigned char *bytes) {
    static const char complaint[] = "a number was expected\n";
    memcpy(bytes, complaint, sizeof complaint - 1);
    return sizeof complaint - 1;
}

size_t line_hear(const unsigned char *bytes, size_t size, const unsigned char **result,
                 size_t *result_size) {
    const unsigned char *end = memchr(bytes, '\n', size);
    if (size && (bytes[0] < '0' || bytes[0] > '9'))
        return NO_ANSWER;
    if (!end)
        return size > 2 * LINE_MOST ? NO_ANSWER : 0;
    *result = bytes;
    *result_size = (size_t)(end - bytes);
    return *result_size + 1;
}

size_t line_result(unsigned char *result, uint64_t number) {
    return line_put(result, number) - 1;
}

uint32_t lcg_steps(uint32_t x, int64_t steps) {
    for (int64_t i = 0; i < steps; i++)
        x = lcg(x);
    return x;
}

uint64_t fib(int64_t n) {
    return n < 2 ? (uint64_t)n : fib(n - 1) + fib(n - 2);
}
