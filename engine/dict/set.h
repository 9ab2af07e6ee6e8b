/* Dictionaries at several hook points: one is a set of one. A unit's `dict` is a place in it. */
#ifndef GLIMT_DICT_SET_H
#define GLIMT_DICT_SET_H
#include "engine/dict/dict.h"

#define DICT_SET_MAX 128

/* Some places of a set, a bit each. */
__extension__ typedef unsigned __int128 dict_places;
static inline dict_places dict_bit(int32_t place)
{
    return (dict_places)1 << place;
}

struct dict_place {
    struct dict *dict; /* owned; NULL: not open, as in what an earlier session says of its units */
    struct point at;   /* where it is hooked: may be another point than its file says; a transcoder
                          reads at another (dict_reads) */
    bool neurons;
    int32_t m; /* units; 0: not known */
};
struct dict_set {
    int32_t n;
    struct dict_place *place; /* by point, each point once; owned */
    size_t cap;
};

/* Puts a dictionary into its place and takes it over; those behind it move up, so units are named
 * afterwards. False and *e, the dictionary freed: there is one at that point already, one lies
 * between what a transcoder reads and what it gives, or there are DICT_SET_MAX. */
bool dict_set_add(struct dict_set *, struct dict *, struct point at, struct error *e);
/* A place whose dictionary is not open; false: there is one already. */
bool dict_set_plan(struct dict_set *, struct point at, bool neurons);
/* Points and kinds are the same. */
bool dict_set_same(const struct dict_set *, const struct dict_set *);
/* Some of its places, which here may stand in any order, as a set, by point. The list alone is the
 * caller's, who ends it with dict_set_forget: the dictionaries stay where they are. */
void dict_set_some(const struct dict_set *, dict_places places, struct dict_set *out);
void dict_set_forget(struct dict_set *);
/* What place `dict` is in the set of `places`, and back; −1: it is not there. */
int32_t dict_set_within(const struct dict_set *, dict_places places, int32_t dict);
int32_t dict_set_outside(const struct dict_set *, dict_places places, int32_t dict);
/* All of its places, a bit each. */
dict_places dict_set_all(const struct dict_set *);
int32_t dict_set_saes(const struct dict_set *); /* how many are no neurons */
/* The places without the dictionaries. */
void dict_set_copy_plan(const struct dict_set *from, struct dict_set *out);
void dict_set_release(struct dict_set *);
#endif
