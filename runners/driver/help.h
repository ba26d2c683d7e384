/* help.h - the help of a verb, read: the one source of --help, of the completion of shells, and of
 * the manual page.
 *
 * The text is plain. A blank line ends a block, and a line break inside a block counts as a blank:
 *
 *   usage: gilbench VERB ...      first; a second form begins with seven blanks
 *   What it does, in a paragraph.
 *     -o, --output DIR  a term: two blanks or more, and its words behind two blanks or more
 *   example: gilbench ...
 *   exit: 0 done, ...
 *
 * A value in capitals says what is expected (FILE, DIR, EXE, OUT: a path; anything else: free), one
 * with bars what there is: auto|plain|none. Capitals among the bars are free, as in core|pu|LIST. */
#ifndef GILBENCH_HELP_H
#define GILBENCH_HELP_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

/* A verb of the command line, as main.c calls it and people are told of it. */
struct verb {
    const char *name, *about; /* "run", and a few words */
    int (*run)(int argc, char **argv);
    const char *help;
    const struct option *options; /* what getopt_long takes, or NULL */
    const char *letters;          /* and its short ones, as "o:" */
};

enum help_kind { HELP_USAGE, HELP_TEXT, HELP_TERM, HELP_EXAMPLE, HELP_EXIT };

/* One piece of a help text. Strings are not ended: size bytes. */
struct help_item {
    enum help_kind kind;
    bool first;               /* begins a block */
    char term[80], value[80]; /* "-o, --output" and "DIR"; of a term that is no option: "md", "" */
    char text[1200]; /* on one line; usage without "usage: ", example without "example: " */
};

/* The piece that begins at *at, which is moved behind it; false at the end. */
bool help_next(const char **at, struct help_item *item);

/* The name of the long option in a term, without dashes ("" if there is none), and the letter of
 * the short one (0 if there is none). */
char help_option(const struct help_item *item, char *name, size_t room);

/* Everything, broken into lines of at most `width` columns. */
void help_print(FILE *out, const struct verb *verb, int width);

#endif
