/* json_doctor.c - what the doctor found, for machines. */
#include "doctor.h"
#include "json_file.h"
#include <math.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *findings_json(const struct doctor *doctor) {
    json_t *object = json_object();
    for (int i = 0; i < doctor->nfindings; i++) {
        const struct doctor_finding *f = &doctor->findings[i];
        json_object_set_new(object, f->name,
                            json_pack("{ss ss ss}", "mark", doctor_mark_name(f->mark), "value",
                                      f->value, "advice", f->advice));
    }
    return object;
}

static json_t *spreads_json(const struct doctor *doctor) {
    json_t *list = json_array();
    for (int i = 0; i < doctor->nspreads; i++) {
        const struct doctor_spread *s = &doctor->spreads[i];
        json_array_append_new(list,
                              json_pack("{ss ss si si so so so}", "kind", s->kind, "id", s->id,
                                        "pairs", s->n, "dropped", s->dropped, "sd_d", number(s->sd),
                                        "sd_d_all", number(s->sd_all), "mde95", number(s->mde95)));
    }
    return list;
}

static json_t *modes_json(const struct doctor *doctor) {
    json_t *list = json_array();
    for (int i = 0; i < DOCTOR_LENGTHS && doctor->lengths_ms[i]; i++)
        json_array_append_new(
            list, json_pack("{si sf so}", "slice_ms", doctor->lengths_ms[i], "interleave_sd_d",
                            doctor->interleave[i], "duet_sd_d",
                            doctor->duet[i] > 0 ? json_real(doctor->duet[i]) : json_null()));
    return list;
}

int doctor_json(const struct doctor *doctor, FILE *to) {
    json_t *object =
        json_pack("{ss ss so si so so so so so}", "schema", "gilbench/doctor", "schema_version",
                  "1.0", "findings", findings_json(doctor), "pairs", doctor->pairs, "modes",
                  modes_json(doctor), "spreads", spreads_json(doctor), "speed_together",
                  doctor->together > 0 ? json_real(doctor->together) : json_null(), "mode",
                  doctor->mode ? json_string(doctor->mode) : json_null(), "slice_ms",
                  doctor->slice_ms ? json_integer(doctor->slice_ms) : json_null());
    return json_print(to, object, JSON_INDENT(2));
}
