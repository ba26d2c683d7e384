/* html.h - how the report's HTML is written: a template whose gaps are filled with text, which is
 * escaped, so that nothing of a results file can become markup. */
#ifndef GILBENCH_HTML_H
#define GILBENCH_HTML_H

#include <stdio.h>

/* Text as it may stand between tags and in a quoted attribute. */
void html_text(FILE *out, const char *text);

/* Writes the template, each {} replaced by the next word, escaped. A number of words that is not that
 * of the gaps is a mistake of the caller's: the program ends. */
void html_fill(FILE *out, const char *template, const char *const *words);
#define html(out, template, ...) html_fill(out, template, (const char *const[]){__VA_ARGS__, NULL})

#endif
