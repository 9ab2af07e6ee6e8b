/* What stands at the dictionaries of a set in the activation's place, and how that is written: one
 * word for all of them, "sae", or a word each by their names (engine/dict/unit.h),
 * "resid_5=error,mlp_3=sae": nothing at those that are not named. At neurons there is nothing to
 * insert, whatever is said. */
#ifndef GLIMT_LANE_INSERTION_H
#define GLIMT_LANE_INSERTION_H
#include "engine/base/strbuf.h"
#include "engine/dict/unit.h"

enum insert { INSERT_NONE, INSERT_SAE, INSERT_ERROR /* the reconstruction with its error */ };
extern const char *const insert_name[]; /* by enum insert: "none", "sae", "error"; NULL ends */

struct insertion { /* places of a set, a bit each, in one of the two at most; all bits: everywhere,
                      whatever the set */
    dict_places sae, error;
};
static inline struct insertion insertion_of(enum insert how)
{
    const dict_places all = ~(dict_places)0;
    return (struct insertion){how == INSERT_SAE ? all : 0, how == INSERT_ERROR ? all : 0};
}
static inline enum insert insertion_at(struct insertion in, int32_t place)
{
    const dict_places bit = dict_bit(place);
    return in.sae & bit ? INSERT_SAE : in.error & bit ? INSERT_ERROR : INSERT_NONE;
}
static inline bool insertion_same(struct insertion a, struct insertion b)
{
    return a.sae == b.sae && a.error == b.error;
}
static inline bool insertion_any(struct insertion in)
{
    return in.sae || in.error;
}
void insertion_put(struct insertion *, int32_t place, enum insert);
/* The same everywhere: *how (may be NULL). */
bool insertion_everywhere(struct insertion, enum insert *how);

struct insert_word {           /* as it stands, before it is known which dictionaries there are */
    char place[UNIT_NAME_MAX]; /* "": everywhere, and the only word */
    enum insert how;
};
/* The same at every SAE of the set; without one just the same. NULL: as in a set of one. */
bool insertion_alike(const struct dict_set *, struct insertion, struct insertion);
/* Place i becomes place[i] (−1: gone); what stands everywhere still does. */
struct insertion insertion_moved(struct insertion, const int32_t *place, int32_t n);
/* The words of a whole string, each place once; their number, or −1 and *e. */
int32_t insert_words_read(const char *, struct insert_word word[DICT_SET_MAX], struct error *e);
/* What they say of a set: everywhere where all its SAEs get the same. False and *e: no such place,
 * or one of neurons. */
bool insertion_find(const struct dict_set *, const struct insert_word *, int32_t n,
                    struct insertion *, struct error *e);
/* Both. */
bool insertion_parse(const struct dict_set *, const char *, struct insertion *, struct error *e);
/* A value that the unit is fixed at takes effect. False and *e: nothing is inserted at its place.
 */
bool insertion_holds(const struct dict_set *, struct insertion, struct unit_id, struct error *e);
/* So that parsing gives the same again. set NULL: as in a set of one. */
void insertion_print(const struct dict_set *, struct insertion, struct strbuf *out);
#endif
