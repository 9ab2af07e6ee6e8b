/* Every device that could compute, each with the reason where it can't; opening one by its name. */
#ifndef GLIMT_ENGINE_DEVICES_H
#define GLIMT_ENGINE_DEVICES_H
#include "engine/backend.h"

enum { DEVICES_MAX = 8 };

struct device_info {
    char name[16];         /* as device_open reads it: "cpu", "cuda:0"; "cuda": it has no card */
    char description[320]; /* "cpu AVX-512, 2 threads"; empty where it can't compute */
    const char *isa, *library; /* instructions in use, what serves the products; NULL: not known */
    char capability[16];       /* of a card: "9.0"; "": it has none */
    struct device_memory memory;
    struct error why_not; /* set where it can't compute */
};

/* Fills at most `max` of them; returns how many there are. n_threads as in cpu_backend_new. */
int devices_list(int n_threads, struct device_info out[], int max);

/* spec: "auto" or NULL (the best card that computes, else the CPU), "cpu", "cuda", "cuda:N". The
 * precision is the device's where it has a choice (its caps say which it took). NULL and *e when
 * there is no such device or it can't compute here. *passed (may be NULL) ← why auto passed over a
 * card that is there; where there is none it stays as it is. The caller closes the device. */
struct backend *device_open(const char *spec, enum precision, int n_threads, struct error *passed,
                            struct error *e);
/* Whether the CPU may stand in for a device that was asked for like that. */
bool device_is_free_choice(const char *spec);
void device_close(struct backend *); /* NULL: nothing */
#endif
