/* json_claims.c - the claim board for machines: schema gilbench/claims, results/claims.schema.json. */
#include "claims.h"
#include "facts.h"
#include "json_file.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_json(const struct figure *f) {
    const struct figure_rule *rule = f->rule;
    json_t *figure = json_pack(
        "{ss ss ss ss ss so so so so}", "name", rule->name, "about", rule->about, "statistic",
        rule->statistic, "unit", rule->unit, "verdict", claim_verdict_name(f->verdict), "at_least",
        number(rule->holds_lo), "at_most", number(rule->holds_hi), "refuted_below",
        number(rule->refuted_lo), "refuted_above", number(rule->refuted_hi));
    json_t *estimate = f->estimate.n
                           ? json_pack("{sf sf sf si}", "value", f->estimate.value, "lo",
                                       f->estimate.lo, "hi", f->estimate.hi, "n", f->estimate.n)
                           : json_null();
    json_object_set_new(figure, "estimate", estimate);
    json_object_set_new(figure, "supports", json_boolean(rule->supports));
    json_object_set_new(figure, "shows", json_boolean(rule->shows));
    json_object_set_new(figure, "cell", json_string(f->cell));
    json_object_set_new(figure, "base", json_string(f->base));
    json_object_set_new(figure, "model", json_string(f->model));
    json_object_set_new(figure, "why", json_string(f->why));
    return figure;
}

static json_t *decision_json(const struct claim_board *board, const struct claim_decision *d) {
    json_t *figures = json_array();
    for (int i = 0; i < d->claim->nfigures; i++)
        json_array_append_new(figures, figure_json(&d->figures[i]));
    return json_pack("{ss ss ss ss so ss ss so}", "id", d->claim->id, "says", d->claim->says,
                     "python", d->column < 0 ? "" : board->columns[d->column].name, "verdict",
                     claim_verdict_name(d->verdict), "expected",
                     d->expected < 0
                         ? json_null()
                         : json_string(claim_verdict_name((enum claim_verdict)d->expected)),
                     "sentence", d->sentence, "note", d->note, "figures", figures);
}

static json_t *columns_json(const struct claim_board *board) {
    json_t *list = json_array();
    for (int i = 0; i < board->ncolumns; i++) {
        const struct claim_column *c = &board->columns[i];
        json_array_append_new(list, json_pack("{ss ss sb}", "python", c->name, "runtime",
                                              c->runtime, "free_threaded", (int)c->free_threaded));
    }
    return list;
}

static json_t *machine_json(const struct runset *run) {
    return json_pack("{ss ss ss}", "cpu_model", fact_find(run, "cpu_model"), "topology",
                     fact_find(run, "topology"), "commit", fact_find(run, "commit"));
}

int claims_json(FILE *out, const struct claim_board *board, struct err *err) {
    json_t *controls = json_array(), *claims = json_array(), *object;
    for (int i = 0; i < board->ncontrols; i++)
        json_array_append_new(controls, decision_json(board, &board->controls[i]));
    for (int i = 0; i < board->ndecisions; i++)
        json_array_append_new(claims, decision_json(board, &board->decisions[i]));
    object = json_pack("{ss ss ss ss so so so so}", "schema", "gilbench/claims", "schema_version",
                       "1.0", "run_id", board->run->run_id, "created_utc", board->run->created_utc,
                       "machine", machine_json(board->run), "columns", columns_json(board),
                       "controls", controls, "claims", claims);
    if (json_print(out, object, JSON_INDENT(2)) == 0)
        return 0;
    return err_set(err, GB_RUNTIME, "cannot write the claims: %s", strerror(errno));
}
