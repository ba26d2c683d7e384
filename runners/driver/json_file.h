/* json_file.h - what the files that see the JSON library share. Include it there only. */
#ifndef GILBENCH_JSON_FILE_H
#define GILBENCH_JSON_FILE_H

#include "gilbench.h"
#include <jansson.h>
#include <stdio.h>

/* `object`, which it takes over, and a newline. 0, or -1 with errno; an object of NULL is an error. */
int json_print(FILE *out, json_t *object, size_t flags);
/* The same as a whole file, durable, that replaces the one at `path` at once or not at all. */
int json_save(const char *path, json_t *object, size_t flags, struct err *err);

/* The string at `key`, cut to `room` bytes with its end; "" where there is none. */
void json_copy_text(const json_t *object, const char *key, char *to, size_t room);
#define TEXT(object, key, to) json_copy_text(object, key, to, sizeof(to)) /* to: an array */

#endif
