/* ini.c - see ini.h. */
#include "ini.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *read_file(const char *path, struct err *err) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0, room = 0;
    while (file && !ferror(file) && !feof(file)) {
        char *more = realloc(text, room = 2 * room + 4096);
        if (!more)
            break;
        text = more;
        size += fread(text + size, 1, room - size - 1, file);
    }
    if (!file || !text || ferror(file)) {
        err_set(err, GB_USAGE, "cannot read %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    if (text)
        text[size] = '\0';
    return text;
}

const struct ini_key *ini_find(const struct ini_section *section, const char *key) {
    for (int i = 0; i < section->nkeys; i++)
        if (!strcmp(section->keys[i].key, key))
            return &section->keys[i];
    return NULL;
}

const char *ini_text(const struct ini_section *section, const char *key, const char *standard) {
    const struct ini_key *found = ini_find(section, key);
    return found ? found->value : standard;
}

bool next_word(const char **text, char *word, size_t room, int *column) {
    const char *from = *text;
    size_t size = 0;
    while (isspace((unsigned char)*from))
        from++, (*column)++;
    while (from[size] && !isspace((unsigned char)from[size]))
        size++;
    if (!size)
        return false;
    snprintf(word, room, "%.*s", (int)size, from);
    *text = from + size;
    return true;
}

bool has_word(const char *list, const char *word) {
    char one[INI_LINE_MAX];
    int column = 0;
    while (next_word(&list, one, sizeof one, &column))
        if (!strcmp(one, word))
            return true;
    return false;
}

/* ---- Parsing: one line at a time */

static bool is_name(const char *from, const char *to) {
    for (const char *c = from; c < to; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
            return false;
    return to > from && to - from < GB_NAME_MAX;
}

static const char *trim_end(const char *from, const char *to) {
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    return to;
}

static const char *skip_blanks(const char *from, const char *to) {
    while (from < to && isspace((unsigned char)*from))
        from++;
    return from;
}

struct line {
    const char *start, *from, *to; /* whole line; without blanks and comment */
    int number;
};

static int column_of(const struct line *line, const char *at) {
    return (int)(at - line->start) + 1;
}

static int parse_section(struct ini *ini, const struct line *line, struct err *err) {
    const char *name = skip_blanks(line->from + 1, line->to),
               *end = memchr(name, ']', (size_t)(line->to - name));
    const char *colon, *name_end;
    struct ini_section *section;
    if (!end || end + 1 != line->to)
        return err_at(err, ini, line->number, column_of(line, line->to),
                      "']' expected at the end of a section's name");
    colon = memchr(name, ':', (size_t)(end - name));
    name_end = trim_end(name, colon ? colon : end);
    if (!is_name(name, name_end))
        return err_at(err, ini, line->number, column_of(line, name),
                      "a section's name of letters, digits and _-. expected");
    if (ini->nsections == INI_SECTIONS_MAX)
        return err_at(err, ini, line->number, 1, "more than %d sections", INI_SECTIONS_MAX);
    section = &ini->sections[ini->nsections++];
    *section = (struct ini_section){.line = line->number, .column = column_of(line, name)};
    snprintf(section->name, sizeof section->name, "%.*s", (int)(name_end - name), name);
    if (colon)
        snprintf(section->label, sizeof section->label, "%.*s",
                 (int)(end - skip_blanks(colon + 1, end)), skip_blanks(colon + 1, end));
    return 0;
}

static int parse_key(struct ini *ini, const struct line *line, struct err *err) {
    const char *equals = memchr(line->from, '=', (size_t)(line->to - line->from)), *end, *value;
    struct ini_section *section = ini->nsections ? &ini->sections[ini->nsections - 1] : NULL;
    struct ini_key *key;
    char name[GB_NAME_MAX];
    int at = column_of(line, line->from);
    if (!equals)
        return err_at(err, ini, line->number, at, "'key = value' or '[section]' expected");
    if (!section)
        return err_at(err, ini, line->number, at, "a key before the first [section]");
    end = trim_end(line->from, equals);
    value = skip_blanks(equals + 1, line->to);
    if (!is_name(line->from, end))
        return err_at(err, ini, line->number, at,
                      "a key of letters, digits and _-. expected before '='");
    if (value == line->to)
        return err_at(err, ini, line->number, column_of(line, equals) + 1,
                      "a value expected after '='");
    snprintf(name, sizeof name, "%.*s", (int)(end - line->from), line->from);
    if (ini_find(section, name))
        return err_at(err, ini, line->number, at, "'%s' stands in this section already", name);
    if (section->nkeys == INI_KEYS_MAX)
        return err_at(err, ini, line->number, at, "more than %d keys in a section", INI_KEYS_MAX);
    key = &section->keys[section->nkeys++];
    *key =
        (struct ini_key){.line = line->number, .column = column_of(line, value), .key_column = at};
    snprintf(key->key, sizeof key->key, "%s", name);
    snprintf(key->value, sizeof key->value, "%.*s", (int)(line->to - value), value);
    return 0;
}

static int parse_line(struct ini *ini, struct line *line, struct err *err) {
    const char *comment = memchr(line->start, '#', (size_t)(line->to - line->start));
    if (line->to - line->start >= INI_LINE_MAX)
        return err_at(err, ini, line->number, INI_LINE_MAX, "a line of more than %d bytes",
                      INI_LINE_MAX);
    line->to = trim_end(line->start, comment ? comment : line->to);
    line->from = skip_blanks(line->start, line->to);
    if (line->from == line->to)
        return 0;
    return *line->from == '[' ? parse_section(ini, line, err) : parse_key(ini, line, err);
}

int ini_parse(struct ini *ini, const char *name, const char *text, struct err *err) {
    *ini = (struct ini){.sections = calloc(INI_SECTIONS_MAX, sizeof *ini->sections)};
    snprintf(ini->name, sizeof ini->name, "%s", name);
    if (!ini->sections)
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int number = 1; *text; number++) {
        const char *end = strchrnul(text, '\n');
        struct line line = {.start = text, .to = end, .number = number};
        if (parse_line(ini, &line, err) < 0) {
            ini_free(ini);
            return -1;
        }
        text = *end ? end + 1 : end;
    }
    return 0;
}

int ini_read(struct ini *ini, const char *path, struct err *err) {
    char *text = read_file(path, err);
    int failed = text ? ini_parse(ini, path, text, err) : -1;
    free(text);
    return failed;
}

void ini_free(struct ini *ini) {
    free(ini->sections);
    *ini = (struct ini){0};
}
