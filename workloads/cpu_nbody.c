/* cpu_nbody.c - the sun and four planets: floating point. With shared=1 the places and masses are
 * one list, which all threads read, and only the velocities are an op's own: what is counted there
 * is the pull, step after step, of bodies that stay where they are.
 *
 * Each op gives Neptune a push of its own, 0 to 1023 of 2^20, so no two seeds have equal results.
 * Without a push the energy goes from -0.169075164 to -0.169087605 in 1000 steps. */
#include "workload.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* one rounding an operation, as in every other language */
#endif

enum { BODIES = 5, NEPTUNE = 4 };
static const double days = 365.24, sun = 4 * 3.141592653589793 * 3.141592653589793, dt = 0.01;

struct body {
    double at[3], mass;
};
struct system {
    struct body body[BODIES];
    double speed[BODIES][3];
};
struct nbody {
    uint64_t seed;
    int64_t steps;
    bool shared;
    struct system start;
};

/* Places in astronomical units, speeds in these a day, masses in the sun's. */
static const struct system planets = {
    .body = {{{0, 0, 0}, 1},
             {{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01},
              9.54791938424326609e-04},
             {{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01},
              2.85885980666130812e-04},
             {{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01},
              4.36624404335156298e-05},
             {{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01},
              5.15138902046611451e-05}},
    .speed = {{0, 0, 0},
              {1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05},
              {-2.76742510726411740e-03, 4.99852801234917238e-03, 2.30417297573763929e-05},
              {2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05},
              {2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05}}};

static const struct param params[] = {
    {"steps", 1000, 1, 100000000, "steps of a hundredth of a year"},
    {"shared", 0, 0, 1, "1: all threads read one list of bodies, which stay where they are"},
    {NULL, 0, 0, 0, NULL},
};

/* In years and with the sun moving so that the whole stands still. */
static struct system make_system(void) {
    struct system s = planets;
    for (int axis = 0; axis < 3; axis++) {
        double momentum = 0;
        for (int i = 0; i < BODIES; i++) {
            s.speed[i][axis] *= days;
            momentum += s.speed[i][axis] * (planets.body[i].mass * sun);
        }
        s.speed[0][axis] = -momentum / sun;
    }
    for (int i = 0; i < BODIES; i++)
        s.body[i].mass *= sun;
    return s;
}

static void *setup(const struct args *args) {
    struct nbody *state = malloc(sizeof *state);
    if (state)
        *state = (struct nbody){(uint64_t)args_int(args, "seed"), args_int(args, "steps"),
                                args_int(args, "shared"), make_system()};
    return state;
}

static void pull(const struct body *bodies, double speed[BODIES][3]) {
    for (int i = 0; i < BODIES; i++) {
        const struct body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *b = &bodies[j];
            double dx = a->at[0] - b->at[0], dy = a->at[1] - b->at[1], dz = a->at[2] - b->at[2];
            double square = dx * dx + dy * dy + dz * dz, force = dt / (square * sqrt(square));
            double of_a = a->mass * force, of_b = b->mass * force;
            speed[i][0] -= dx * of_b;
            speed[i][1] -= dy * of_b;
            speed[i][2] -= dz * of_b;
            speed[j][0] += dx * of_a;
            speed[j][1] += dy * of_a;
            speed[j][2] += dz * of_a;
        }
    }
}

static void move(struct system *s) {
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            s->body[i].at[axis] += dt * s->speed[i][axis];
}

static double energy(const struct body *bodies, double speed[BODIES][3]) {
    double sum = 0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *a = &bodies[i];
        const double *v = speed[i];
        sum += 0.5 * a->mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *b = &bodies[j];
            double dx = a->at[0] - b->at[0], dy = a->at[1] - b->at[1], dz = a->at[2] - b->at[2];
            sum -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return sum;
}

static void put_double(unsigned char bytes[8], double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_le64(bytes, bits);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct nbody *state = opaque;
    struct system own = state->start;
    const struct body *bodies = state->shared ? state->start.body : own.body;
    own.speed[NEPTUNE][0] += (double)(lcg_at(state->seed, id) % 1024) / (1 << 20);
    put_double(result, energy(bodies, own.speed));
    for (int64_t i = 0; i < state->steps; i++) {
        pull(bodies, own.speed);
        if (!state->shared)
            move(&own);
    }
    put_double(result + 8, energy(bodies, own.speed));
    *size = 16;
    return OP_HIT;
}

/* The list that all have read is what it was. */
static int64_t settle(void *opaque, unsigned char *result, size_t *size) {
    struct nbody *state = opaque;
    put_double(result, energy(state->start.body, state->start.speed));
    *size = 8;
    return 0;
}

const struct workload cpu_nbody = {
    .name = "cpu_nbody",
    .kind = "cpu",
    .about = "sun and planets in floating point; shared=1: one list that all threads read",
    .params = params,
    .setup = setup,
    .op = op,
    .settle = settle,
};
