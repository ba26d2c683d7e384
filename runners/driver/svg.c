/* svg.c - see svg.h. gnuplot (5.4 and 6.0 alike) writes a line an element, and groups that hold
 * nothing in great number: those are left out. Colours stay as they are; the page's style has the
 * last word. */
#include "svg.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each has its colours itself: <use> takes none from around the shape that it shows. */
#define OUTLINE "fill=\"none\" stroke=\"currentColor\" stroke-width=\".4\"/>"
#define FILLED  "fill=\"currentColor\" stroke=\"none\"/>"

const char svg_points[] =
    "<svg class=\"points\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>"
    "<circle id=\"gpDot\" r=\".5\" " OUTLINE "<path id=\"gpPt0\" d=\"M-1,0h2M0,-1v2\" " OUTLINE
    "<path id=\"gpPt1\" d=\"M-1,-1L1,1M1,-1L-1,1\" " OUTLINE
    "<path id=\"gpPt2\" d=\"M-1,0h2M0,-1v2M-1,-1L1,1M-1,1L1,-1\" " OUTLINE
    "<rect id=\"gpPt3\" x=\"-1\" y=\"-1\" width=\"2\" height=\"2\" " OUTLINE
    "<rect id=\"gpPt4\" x=\"-1\" y=\"-1\" width=\"2\" height=\"2\" " FILLED
    "<circle id=\"gpPt5\" r=\"1\" " OUTLINE "<circle id=\"gpPt6\" r=\"1\" " FILLED
    "<path id=\"gpPt7\" d=\"M0,-1.33L-1.33,.67L1.33,.67z\" " OUTLINE
    "<path id=\"gpPt8\" d=\"M0,-1.33L-1.33,.67L1.33,.67z\" " FILLED
    "<path id=\"gpPt9\" d=\"M0,1.33L-1.33,-.67L1.33,-.67z\" " OUTLINE
    "<path id=\"gpPt10\" d=\"M0,1.33L-1.33,-.67L1.33,-.67z\" " FILLED
    "<path id=\"gpPt11\" d=\"M0,1.41L1.41,0L0,-1.41L-1.41,0z\" " OUTLINE
    "<path id=\"gpPt12\" d=\"M0,1.41L1.41,0L0,-1.41L-1.41,0z\" " FILLED
    "<path id=\"gpPt13\" d=\"M0,1.33L1.27,.41L.78,-1.07L-.78,-1.07L-1.27,.41z\" " OUTLINE
    "<path id=\"gpPt14\" d=\"M0,1.33L1.27,.41L.78,-1.07L-.78,-1.07L-1.27,.41z\" " FILLED
    "</defs></svg>\n";

static bool begins(const char *line, const char *word) {
    return !strncmp(line, word, strlen(word));
}

/* A number directly behind `word`, or -1. */
static int number_behind(const char *line, const char *word) {
    const char *found = strstr(line, word);
    char *end;
    long number;
    if (!found)
        return -1;
    found += strlen(word);
    number = strtol(found, &end, 10);
    return end > found && number >= 0 && number < 1000000 ? (int)number : -1;
}

static void write_group(FILE *out, int number, const struct svg_words *words) {
    if (number == 1 || !words->nseries) {
        fputs("<g class=\"extra\">", out);
        return;
    }
    fputs("<g class=\"series\" ", out);
    words->series(out, (number - 2) % words->nseries, words->arg);
    fputc('>', out);
}

/* Numbers without the second decimal, which is far below a pixel: pictures get a third smaller. */
static void write_line(FILE *out, const char *line) {
    line += strspn(line, " \t");
    if (begins(line, "<text>")) {
        fprintf(out, "%s\n", line);
        return;
    }
    while (*line) {
        size_t digits = strspn(line, "0123456789");
        if (digits && line[digits] == '.' && strspn(line + digits + 1, "0123456789") == 2) {
            fwrite(line, 1, digits + (line[digits + 1] == '0' ? 0 : 2), out);
            line += digits + 3;
        } else {
            size_t size = digits ? digits : 1;
            fwrite(line, 1, size, out);
            line += size;
        }
    }
    fputc('\n', out);
}

/* Of a group's attributes only the width of lines is kept; the page's style has the rest. */
static void write_plain_group(FILE *out, const char *line) {
    const char *width = strstr(line, "stroke-width=\"");
    fprintf(out, "<g stroke-width=\"%.*s\">\n", width ? (int)strcspn(width + 14, "\"") : 1,
            width ? width + 14 : "1");
}

static void rewrite(FILE *out, const char *line, const struct svg_words *words) {
    int number;
    if (begins(line, "<g fill=")) {
        write_plain_group(out, line);
    } else if ((number = number_behind(line, "<g id=\"gnuplot_plot_")) >= 0) {
        write_group(out, number, words);
        fputc('\n', out);
    } else if ((number = number_behind(line, "gnuplot_svg.showHypertext(evt,'L")) >= 0) {
        fputs("<g class=\"mark\"><title>", out);
        words->mark(out, number, words->arg);
        fputs("</title>\n", out);
    } else if ((number = number_behind(line, "<text>R")) >= 0) {
        fputs("<text>", out);
        words->row(out, number, words->arg);
        fputs("</text>\n", out);
    } else {
        write_line(out, line);
    }
}

/* The next line, without its end; an empty one is skipped. */
static bool next_line(FILE *in, char *line, size_t room) {
    while (fgets(line, (int)room, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " \t")])
            return true;
    }
    return false;
}

/* From the canvas to the end. A group is kept back until it is known to hold something. */
static void write_canvas(FILE *out, FILE *in, const struct svg_words *words) {
    char line[4096], held[4096] = "";
    bool skipping = false;
    while (next_line(in, line, sizeof line)) {
        skipping |= begins(line, "<defs>");
        if (skipping) {
            skipping = !begins(line, "</defs>");
        } else if (*held && !strcmp(line, "</g>")) {
            *held = '\0';
        } else {
            if (*held)
                rewrite(out, held, words);
            *held = '\0';
            if (begins(line, "<g fill="))
                snprintf(held, sizeof held, "%s", line);
            else
                rewrite(out, line, words);
        }
    }
}

int svg_inline(FILE *out, const char *path, const char *attributes, const struct svg_words *words,
               struct err *err) {
    FILE *in = fopen(path, "r");
    char line[4096], box[100] = "";
    bool canvas = false;
    if (!in)
        return err_set(err, GB_RUNTIME, "cannot read %s: %s", path, strerror(errno));
    while (!canvas && next_line(in, line, sizeof line)) {
        if (begins(line, " viewBox="))
            snprintf(box, sizeof box, "%.90s", line);
        canvas = begins(line, "<g id=\"gnuplot_canvas\">");
    }
    if (canvas && *box) {
        fprintf(out, "<svg %s%s>\n<g>\n", attributes, box);
        write_canvas(out, in, words);
    }
    fclose(in);
    return canvas && *box ? 0
                          : err_set(err, GB_RUNTIME, "%s is not what gnuplot writes as SVG", path);
}
