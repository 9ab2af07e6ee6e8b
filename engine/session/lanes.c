/* What a wish makes of the lanes: which units are fixed and watched, what each lane is called, and
 * where they part. */
#include "engine/base/hash.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <string.h>

/* ---- units */
/* Behind those of the same place and of places before. */
static void add_fixed(struct session *s, struct unit u, int32_t column)
{
    int32_t at = s->n_fixed++;
    for (; at > 0 && s->fixed[at - 1].id.dict > u.id.dict; at--) {
        s->fixed[at] = s->fixed[at - 1];
        s->fixed_column[at] = s->fixed_column[at - 1];
    }
    s->fixed[at] = u;
    s->fixed_column[at] = column;
}

static void set_pair(struct session *s)
{
    const struct pair *p = &s->wish.pair;
    s->paired =
        p->wanted && unit_check(s->set, p->unit, NULL) && isfinite(p->at[0]) && isfinite(p->at[1]);
    if (!s->paired)
        return;
    for (int i = 0; i < 2; i++)
        s->pair[i] = (struct unit){.id = p->unit, .value = p->at[i]};
    s->pair_column = s->n_watch;
    s->watch[s->n_watch++] = p->unit;
}

static void set_units(struct session *s)
{
    const struct wish *w = &s->wish;
    s->n_watch = s->n_fixed = 0;
    s->paired = false;
    if (s->set->n == 0)
        return;
    for (int32_t i = 0; i < w->n_units; i++) {
        const struct chosen_unit *u = &w->unit[i];
        bool there = unit_check(s->set, u->id, NULL), again = false;
        for (int32_t j = 0; j < s->n_fixed; j++)
            again |= unit_same(w->unit[s->fixed_column[j]].id, u->id);
        if (there && u->fixed && !again && isfinite(u->value))
            add_fixed(s, (struct unit){.id = u->id, .value = u->value}, i);
        s->watch[s->n_watch++] = there ? u->id : UNIT_NONE;
    }
    if (w->watch.dict >= 0)
        s->watch[s->n_watch++] = unit_check(s->set, w->watch, NULL) ? w->watch : UNIT_NONE;
    set_pair(s);
}

static bool unit_before(struct unit_id a, struct unit_id b)
{
    return a.dict != b.dict ? a.dict < b.dict : a.index < b.index;
}

/* ---- lanes */
/* The fixed lane's key does not depend on the order of the sliders. */
static uint64_t fixed_key(const struct session *s, uint64_t base)
{
    int32_t order[UNITS_MAX];
    for (int32_t i = 0; i < s->n_fixed; i++) {
        int32_t at = i;
        for (; at > 0 && unit_before(s->wish.unit[s->fixed_column[i]].id,
                                     s->wish.unit[s->fixed_column[order[at - 1]]].id);
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    uint64_t key = hash_bytes(base, "fixed", 5);
    for (int32_t i = 0; i < s->n_fixed; i++) {
        struct unit_id unit = s->fixed[order[i]].id;
        float value = s->fixed[order[i]].value + 0.0f; /* −0 is 0 */
        key = hash_bytes(hash_bytes(key, &unit, sizeof unit), &value, sizeof value);
    }
    return key;
}

static uint64_t pair_key(const struct unit *u)
{
    const float value = u->value + 0.0f; /* −0 is 0 */
    const uint64_t key = hash_bytes(hash_bytes(HASH_SEED, "pair", 4), &u->id, sizeof u->id);
    return hash_bytes(key, &value, sizeof value);
}

static void set_lanes(struct session *s)
{
    const struct lane sae = {.inserted = s->wish.insert.sae};
    const dict_places at = lane_acts(&sae, s->set);
    const bool inserted = at != 0;
    s->lane_track[LANE_PLAIN] = TRACK_PLAIN;
    s->lane_track[LANE_BASE] = inserted ? TRACK_SAE : TRACK_PLAIN;
    s->lane_track[LANE_FIXED] = s->n_fixed > 0 ? TRACK_FIXED : s->lane_track[LANE_BASE];
    s->lane[TRACK_PLAIN] = (struct lane){0};
    s->lane[TRACK_SAE] = sae;
    s->lane[TRACK_FIXED] = (struct lane){at, s->n_fixed, s->fixed};
    s->key[TRACK_PLAIN] = hash_bytes(HASH_SEED, "plain", 5);
    s->key[TRACK_SAE] = hash_bytes(HASH_SEED, "inserted", 8);
    if (s->set->n > 1)
        s->key[TRACK_SAE] = hash_bytes(s->key[TRACK_SAE], &at, sizeof at);
    s->key[TRACK_FIXED] = s->n_fixed > 0 ? fixed_key(s, s->key[s->lane_track[LANE_BASE]]) : 0;
    memset(s->want, 0, sizeof s->want);
    for (int lane = 0; lane < N_LANES; lane++)
        s->want[s->lane_track[lane]] = true;
    for (int i = 0; i < 2; i++) {
        s->want[TRACK_ON + i] = s->paired;
        s->lane[TRACK_ON + i] = (struct lane){.n_units = s->paired, .units = &s->pair[i]};
        s->key[TRACK_ON + i] = s->paired ? pair_key(&s->pair[i]) : 0;
    }
}

/* ---- where lanes part */
void lanes_part(struct session *s)
{
    dict_places acts = 0;
    if (s->set->n == 0) {
        s->place = lane_place(s->model, NULL, s->at);
        return;
    }
    for (int t = 0; t < N_TRACKS; t++)
        if (s->want[t])
            acts |= lane_acts(&s->lane[t], s->set);
    s->place = lane_place_of(s->model, s->set, acts, s->shown);
    s->sae = !dict_spec(s->place.dict)->identity;
    s->dict = s->set->place[s->shown].dict;
}

/* What the rows are of: they go where that changes. */
static void place_again(struct session *s)
{
    const struct lane_place old = s->place;
    const int32_t dict = s->wish.dict, shown = s->shown;
    const dict_places further = s->further;
    s->shown = dict >= 0 && dict < s->set->n ? dict : 0;
    s->further = s->wish.further & dict_set_all(s->set) & ~dict_bit(s->shown);
    lanes_part(s);
    if (further != s->further) {
        text_forget(s, true);
        s->fvu_valid = false;
    }
    const bool same =
        old.first == s->place.first && point_compare(old.landing, s->place.landing) == 0;
    if (same && shown == s->shown)
        return;
    text_forget(s, shown != s->shown);
    s->fvu_valid = s->fvu_valid && shown == s->shown;
    if (same) {
        rows_shape(s);
        return;
    }
    refsets_forget(s);
    directions_free(s->run.queue, &s->directions);
    rows_shape(s);
}

void lanes_set(struct session *s)
{
    set_units(s);
    set_lanes(s);
    place_again(s);
}
