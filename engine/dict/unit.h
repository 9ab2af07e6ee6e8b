/* The names of units, parsed and printed here and nowhere else.
 *
 * - 418: in a set of one dictionary.
 * - L3N669: neuron 669 of layers.3.mlp.act.
 * - mlp_3/418: unit 418 of the dictionary at a point of layer 3's MLP; attn_3, resid_3 (behind the
 *   layer), embed likewise.
 * - layers.3.mlp.act/418: the same by the point, in any spelling of engine/hook.h: where two
 *   dictionaries share the short name, or the point has none.
 * - resid_5/ε: the error term, what the dictionary's reconstruction misses ("error" is read too).
 *
 * A coordinate of what a dictionary reads is no unit of it, and has a name of its own: L3N669 of
 * neurons, resid_5[17] elsewhere. */
#ifndef GLIMT_DICT_UNIT_H
#define GLIMT_DICT_UNIT_H
#include "engine/dict/set.h"

#define UNIT_NAME_MAX 64

struct unit_word { /* a name as it stands, before it is known which dictionaries there are */
    char place[UNIT_NAME_MAX]; /* in front of the slash; "": nothing */
    int32_t layer;             /* of a neuron's name; −1: none */
    int32_t index;             /* −1: the error term */
};

/* Reads the name at *s, which ends before a comma, '=', blank or the end; *s ← what follows. */
bool unit_word_read(const char **s, struct unit_word *, struct error *e);
bool unit_word_same(const struct unit_word *, const struct unit_word *);
/* As it was written. */
void unit_word_name(const struct unit_word *, char out[UNIT_NAME_MAX]);
/* Of a number alone: in a set of one. */
bool unit_word_alone(const struct unit_word *);
/* The hook point that the word names; false and *e: it names none, or only a part of a layer. */
bool unit_word_point(const struct unit_word *, const struct model_config *, struct point *,
                     struct error *e);
/* The unit is one of the set, and no error term. False and *e: "found unit 9999, expected 0 to
 * 1023"; where the number of units is not known any may be. */
bool unit_check(const struct dict_set *, struct unit_id, struct error *e);
/* The unit in a set; a number alone is of the only one, else of the only SAE beside neurons. False
 * and *e: no dictionary, none of that name, several, no such unit (where the number
 * of units is known). set NULL: one dictionary, of which nothing is known yet. */
bool unit_find(const struct dict_set *, const struct unit_word *, struct unit_id *,
               struct error *e);
/* Both, of a whole string. */
bool unit_parse(const struct dict_set *, const char *name, struct unit_id *, struct error *e);
/* set NULL: as in a set of one. UNIT_NONE: "all". */
void unit_name(const struct dict_set *, struct unit_id, char out[UNIT_NAME_MAX]);
/* The name that stands for itself: with its place also in a set of one, L3N669 of neurons. */
void unit_full_name(const struct dict_set *, struct unit_id, char out[UNIT_NAME_MAX]);
/* Of a coordinate; back: −1 where it is no such name. */
void unit_coordinate_name(const struct dict_set *, struct unit_id, char out[UNIT_NAME_MAX]);
int32_t unit_coordinate_parse(const char *name);
/* What stands in front of the slash: "mlp_3", "layers.5.resid.pre". */
void unit_place_name(const struct dict_set *, int32_t dict, char out[UNIT_NAME_MAX]);
/* The place of that name, short or by the point; −1 and *e: none. */
int32_t unit_place_find(const struct dict_set *, const char *name, struct error *e);
#endif
