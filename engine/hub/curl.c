#include "engine/hub/hub_private.h"
#include <dlfcn.h>
#include <pthread.h>

static struct curl_api api;
static char *why;

static bool find_all(void *lib)
{
    static const struct {
        const char *name;
        void **to;
    } wanted[] = {
        {"curl_global_init", (void **)&api.global_init},
        {"curl_easy_init", (void **)&api.init},
        {"curl_easy_setopt", (void **)&api.set},
        {"curl_easy_perform", (void **)&api.perform},
        {"curl_easy_getinfo", (void **)&api.info},
        {"curl_easy_reset", (void **)&api.reset},
        {"curl_easy_cleanup", (void **)&api.cleanup},
        {"curl_slist_append", (void **)&api.slist_append},
        {"curl_slist_free_all", (void **)&api.slist_free},
        {"curl_easy_strerror", (void **)&api.words},
        {"curl_version", (void **)&api.version},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if ((*wanted[i].to = dlsym(lib, wanted[i].name)) == NULL)
            return false;
    return true;
}

static void load(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *lib = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && lib == NULL; i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        why = "libcurl (Debian: libcurl4) is not installed";
    else if (!find_all(lib))
        why = "this libcurl lacks a function";
    else if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        why = "libcurl could not begin";
}

const struct curl_api *curl_load(struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (why != NULL)
        error_set(e, ERROR_SYSTEM, "%s", why);
    return why == NULL ? &api : NULL;
}
