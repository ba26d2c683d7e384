/* help.c - see help.h. */
#include "help.h"
#include <ctype.h>
#include <string.h>

enum { TERM_MOST = 26 }; /* a longer term has its words on the next line */

/* ---- Reading */

static bool begins(const char *line, const char *word) {
    return !strncmp(line, word, strlen(word));
}

static size_t line_size(const char *line) {
    return strcspn(line, "\n");
}

/* Appends one line to a text that is kept on one line. */
static void append(char *text, size_t room, const char *line, size_t size) {
    size_t used = strlen(text);
    while (size && *line == ' ') {
        line++;
        size--;
    }
    snprintf(text + used, room - used, "%s%.*s", used ? " " : "", (int)size, line);
}

static bool is_term(const char *line) {
    return begins(line, "  ") && !begins(line, "       gilbench");
}

static bool starts_item(const char *line) {
    return is_term(line) || begins(line, "usage: ") || begins(line, "       gilbench") ||
           begins(line, "example: ") || begins(line, "exit: ");
}

/* "  -o, --output DIR  where to": term, value and text are told apart by two blanks, and a value by
 * one blank behind the last option. */
static void read_term(struct help_item *item, const char *line, size_t size) {
    const char *end = line + size, *at = line + strspn(line, " "), *gap = at, *value = NULL;
    while (gap < end && strncmp(gap, "  ", 2))
        gap++;
    for (const char *c = at; *at == '-' && c + 1 < gap; c++)
        if (*c == ' ' && c[1] != '-' && (c == at || c[-1] != ','))
            value = value ? value : c + 1;
    snprintf(item->term, sizeof item->term, "%.*s", (int)((value ? value - 1 : gap) - at), at);
    if (value)
        snprintf(item->value, sizeof item->value, "%.*s", (int)(gap - value), value);
    append(item->text, sizeof item->text, gap, (size_t)(end - gap));
}

/* Continuation: a term's is indented deeper than any term, a paragraph's not at all. */
static bool continues(const struct help_item *item, const char *line) {
    if (!*line || *line == '\n')
        return false;
    return item->kind == HELP_TERM ? begins(line, "          ") : !starts_item(line);
}

bool help_next(const char **at, struct help_item *item) {
    static const struct {
        const char *word;
        enum help_kind kind;
    } words[] = {{"usage: ", HELP_USAGE},
                 {"       gilbench", HELP_USAGE},
                 {"example: ", HELP_EXAMPLE},
                 {"exit: ", HELP_EXIT}};
    const char *line = *at;
    size_t size;
    *item = (struct help_item){.kind = HELP_TEXT};
    for (; *line == '\n'; line++)
        item->first = true;
    if (!*line)
        return false;
    size = line_size(line);
    if (is_term(line)) {
        item->kind = HELP_TERM;
        read_term(item, line, size);
    } else {
        size_t skip = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (begins(line, words[i].word)) {
                item->kind = words[i].kind;
                skip = *line == ' ' ? 0 : strlen(words[i].word);
            }
        append(item->text, sizeof item->text, line + skip, size - skip);
    }
    for (line += size + (line[size] == '\n'); continues(item, line);) {
        size = line_size(line);
        append(item->text, sizeof item->text, line, size);
        line += size + (line[size] == '\n');
    }
    *at = line;
    return true;
}

char help_option(const struct help_item *item, char *name, size_t room) {
    const char *dashes = strstr(item->term, "--");
    bool letter = item->term[0] == '-' && item->term[1] != '-';
    snprintf(name, room, "%s", "");
    if (item->kind != HELP_TERM)
        return 0;
    if (dashes)
        snprintf(name, room, "%.*s", (int)strcspn(dashes + 2, ", "), dashes + 2);
    return letter ? item->term[1] : 0;
}

/* ---- Printing */

/* Words from column `column` on; the lines that follow are indented. */
static void wrap(FILE *out, const char *text, int column, int indent, int width) {
    while (*text) {
        int size = (int)strcspn(text, " ");
        bool first = column == indent;
        if (!first && column + 1 + size > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", size, text);
        column += size + !first;
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* Short options stand in a column of their own where a verb has any. */
static int term_text(const struct help_item *item, bool letters, char *text, size_t room) {
    bool shifted = letters && begins(item->term, "--");
    return snprintf(text, room, "  %s%s%s%s", shifted ? "    " : "", item->term,
                    *item->value ? " " : "", item->value);
}

/* The terms that begin at `at`, one behind the other: the column of their words. */
static int term_column(const char *at, bool letters) {
    struct help_item item;
    char text[200];
    int column = 0;
    for (bool first = true; help_next(&at, &item) && item.kind == HELP_TERM; first = false) {
        int size = term_text(&item, letters, text, sizeof text) + 2;
        if (item.first && !first)
            break;
        column = size > column && size <= TERM_MOST ? size : column;
    }
    return column;
}

static bool has_letters(const char *at) {
    struct help_item item;
    while (help_next(&at, &item))
        if (item.kind == HELP_TERM && item.term[0] == '-' && item.term[1] != '-')
            return true;
    return false;
}

static void print_term(FILE *out, const struct help_item *item, bool letters, int column,
                       int width) {
    char text[200];
    int size = term_text(item, letters, text, sizeof text);
    fputs(text, out);
    if (!*item->text) {
        fputc('\n', out);
        return;
    }
    if (size + 2 > column)
        fprintf(out, "\n%*s", column, "");
    else
        fprintf(out, "%*s", column - size, "");
    wrap(out, item->text, column, column, width);
}

void help_print(FILE *out, const struct verb *verb, int width) {
    static const char *const heads[] = {[HELP_EXAMPLE] = "example: ", [HELP_EXIT] = "exit: "};
    const char *at = verb->help, *here = at;
    struct help_item item;
    bool letters = has_letters(at), usage = true;
    int column = 0;
    for (; help_next(&at, &item); here = at) {
        if (item.first) {
            fputc('\n', out);
            column = term_column(here, letters);
        }
        if (item.kind == HELP_USAGE) {
            fputs(usage ? "usage: " : "       ", out);
            wrap(out, item.text, 7, 7, width);
            usage = false;
        } else if (item.kind == HELP_TERM) {
            print_term(out, &item, letters, column, width);
        } else {
            int size = item.kind == HELP_TEXT ? 0 : (int)strlen(heads[item.kind]);
            fputs(size ? heads[item.kind] : "", out);
            wrap(out, item.text, size, item.kind == HELP_TEXT ? 0 : size, width);
        }
    }
}
