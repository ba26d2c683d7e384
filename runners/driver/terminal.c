/* terminal.c - see terminal.h. */
#include "terminal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_set(const char *name) {
    const char *value = getenv(name);
    return value && *value;
}

int terminal_width(int fd, int otherwise) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : otherwise;
}

bool terminal_colours(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && !is_set("NO_COLOR") && !is_set("CI") && !(term && !strcmp(term, "dumb"));
}
