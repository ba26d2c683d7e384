/* html.c - see html.h. */
#include "html.h"
#include <stdlib.h>
#include <string.h>

void html_text(FILE *out, const char *text) {
    static const char special[] = "&<>\"'";
    static const char *const escaped[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; *text; text++) {
        const char *found = strchr(special, *text);
        if (found)
            fputs(escaped[found - special], out);
        else if ((unsigned char)*text >= ' ' || *text == '\n')
            fputc(*text, out);
    }
}

void html_fill(FILE *out, const char *template, const char *const *words) {
    const char *gap;
    for (; (gap = strstr(template, "{}")); template = gap + 2) {
        if (!*words) {
            fprintf(stderr, "gilbench: a gap without a word: %s\n", template);
            abort();
        }
        fwrite(template, 1, (size_t)(gap - template), out);
        html_text(out, *words++);
    }
    if (*words) {
        fprintf(stderr, "gilbench: a word without a gap: %s\n", *words);
        abort();
    }
    fputs(template, out);
}
