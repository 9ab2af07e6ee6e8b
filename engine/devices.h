/* Every device that could compute, each with the reason where it can't; opening one by its name. */
#ifndef GLIMT_ENGINE_DEVICES_H
#define GLIMT_ENGINE_DEVICES_H
#include "engine/backend.h"

enum { DEVICES_MAX = 8 };

struct device_info {
    const char *name;          /* as device_open reads it: "cpu", "cuda" */
    char description[128];     /* "cpu AVX-512, 2 threads"; empty where it can't compute */
    const char *isa, *library; /* instructions in use, what serves the products; NULL: not known */
    struct error why_not;      /* set where it can't compute */
};

/* Fills at most `max` of them; returns how
 * many there are. n_threads as in cpu_backend_new. */
int devices_list(int n_threads, struct device_info out[], int max);

/* spec: "auto" or NULL (the best that is there), "cpu", "cuda", "cuda:N". NULL and *e (ERROR_INPUT)
 * when there is no such device or it can't compute here. The caller closes it. */
struct backend *device_open(const char *spec, int n_threads, struct error *e);
void device_close(struct backend *); /* NULL: nothing */
#endif
