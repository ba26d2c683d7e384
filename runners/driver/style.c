/* style.c - see style.h. */
#include "style.h"
#include "assets.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The line of exactly this name. */
static bool find(const char *name, size_t size, struct style *style) {
    for (const char *line = asset_palette; *line; line += strcspn(line, "\n") + 1)
        if (!strncmp(line, name, size) && line[size] == ' ')
            return sscanf(line + size, "%15s %15s %d", style->light, style->dark, &style->point) ==
                   3;
    return false;
}

struct style style_of(const char *model) {
    struct style style = {"#000000", "#ffffff", 1};
    if (!find(model, strlen(model), &style) && !find(model, strcspn(model, ":"), &style))
        find("*", 1, &style);
    return style;
}
