/* ini.h - the one syntax of all text that gilbench reads: matrix files and registers.
 *
 *   # comment
 *   [section] or [section: label]
 *   key = words separated by blanks
 *
 * A key stands once in its section. Errors name file, line and column (from 1). */
#ifndef GILBENCH_INI_H
#define GILBENCH_INI_H

#include "gilbench.h"

enum { INI_KEYS_MAX = 24, INI_SECTIONS_MAX = 256, INI_LINE_MAX = 1024 };

struct ini_key {
    char key[GB_NAME_MAX];
    char value[INI_LINE_MAX]; /* trimmed */
    int line, column;         /* of the value */
    int key_column;
};

struct ini_section {
    char name[GB_NAME_MAX], label[GB_NAME_MAX];
    int line, column; /* of the name */
    struct ini_key keys[INI_KEYS_MAX];
    int nkeys;
};

struct ini {
    char name[256]; /* of the file, for messages */
    struct ini_section *sections;
    int nsections;
};

/* `name` is what messages call the text. On error nothing is left to free. */
int ini_parse(struct ini *ini, const char *name, const char *text, struct err *err);
int ini_read(struct ini *ini, const char *path, struct err *err);
void ini_free(struct ini *ini);

const struct ini_key *ini_find(const struct ini_section *section, const char *key);
/* The value, or `standard` when the key is not there. */
const char *ini_text(const struct ini_section *section, const char *key, const char *standard);

/* Copies the next word of *text to word and moves *text behind it; false at the end. *column counts
 * along from the value's. */
bool next_word(const char **text, char *word, size_t room, int *column);
/* Whether `word` is one of the words of `list`. */
bool has_word(const char *list, const char *word);

/* Usage error at a place of a file. Returns -1. */
int err_at(struct err *err, const struct ini *ini, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The whole file, 0-terminated, owned by the caller; NULL with err set. */
char *read_file(const char *path, struct err *err);

#endif
