/* cpu_mandel.c - a row of the Mandelbrot set over whole numbers in units of 2^-20: how many
 * iterations its points take. Rows are uneven: some leave at once, some never. */
#include "workload.h"
#include <stdlib.h>

enum { UNIT_BITS = 20 };
static const int64_t unit = 1 << UNIT_BITS;

struct picture {
    uint64_t seed;
    int64_t size, iterations;
};

static const struct param params[] = {
    {"size", 256, 1, 65536, "rows of the picture, and points of a row"},
    {"iterations", 200, 1, 1000000, "after which a point counts as inside"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct picture *picture = malloc(sizeof *picture);
    if (picture)
        *picture = (struct picture){(uint64_t)args_int(args, "seed"), args_int(args, "size"),
                                    args_int(args, "iterations")};
    return picture;
}

/* value / 2^20, rounded down also below 0. */
static int64_t scaled(int64_t value) {
    return value >= 0 ? value >> UNIT_BITS : ~(~value >> UNIT_BITS);
}

static int64_t point(int64_t cx, int64_t cy, int64_t most) {
    int64_t zx = 0, zy = 0, count = 0;
    while (count < most) {
        int64_t a = scaled(zx * zx), b = scaled(zy * zy);
        if (a + b > 4 * unit)
            break;
        zy = scaled(2 * zx * zy) + cy;
        zx = a - b + cx;
        count++;
    }
    return count;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct picture *picture = state;
    int64_t row = (int64_t)(id % (uint64_t)picture->size), sum = 0;
    int64_t cy = 2 * row * unit / picture->size - unit;
    for (int64_t x = 0; x < picture->size; x++)
        sum += point(3 * x * unit / picture->size - 2 * unit, cy, picture->iterations);
    put_le64(result, (uint64_t)sum);
    put_le64(result + 8, lcg_at(picture->seed, id));
    *size = 16;
    return OP_HIT;
}

const struct workload cpu_mandel = {
    .name = "cpu_mandel",
    .kind = "cpu",
    .about = "rows of the Mandelbrot set over whole numbers: ops of very different length",
    .params = params,
    .setup = setup,
    .op = op,
};
