/* drop.c - see drop.h. */
#include "drop.h"
#include <stdio.h>
#include <string.h>

enum { MS = 1000000, TICK_NS = 10 * MS };

unsigned slice_flags(const struct slice_noise *n, bool one_core) {
    unsigned flags = 0;
    int64_t gap = n->wall_ns - n->cpu_ns;
    if (n->steal_ns >= 2 * TICK_NS && n->steal_ns > n->wall_ns / 10)
        flags |= NOISE_STEAL;
    if (n->gap_ns > 5 * MS)
        flags |= NOISE_STALL;
    if (n->pressure_us > n->wall_ns / 2000)
        flags |= NOISE_PRESSURE;
    if (!one_core)
        return flags;
    if (gap > 5 * MS && gap > n->wall_ns / 5)
        flags |= NOISE_GAP;
    if (n->nivcsw > 5 && n->nivcsw > n->wall_ns / (3 * MS))
        flags |= NOISE_SWITCHES;
    if (n->migrations > 0)
        flags |= NOISE_MIGRATED;
    return flags;
}

void flags_text(unsigned flags, char *text, int room) {
    static const char *const names[] = {"steal",    "off-core", "stall",
                                        "pressure", "switches", "migrated"};
    int used = 0;
    text[0] = '\0';
    for (int i = 0; i < (int)(sizeof names / sizeof *names) && used < room; i++)
        if (flags & 1u << i)
            used += snprintf(text + used, (size_t)(room - used), "%s%s", used ? " " : "", names[i]);
}

bool pair_is_disturbed(const unsigned *flags, int n) {
    int disturbed = 0;
    for (int i = 0; i < n; i++)
        disturbed += flags[i] != 0;
    return 4 * disturbed > n;
}

bool too_many_dropped(int dropped, int kept) {
    return 5 * dropped > dropped + kept;
}
