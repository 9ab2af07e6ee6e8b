/* The Latents view in its surroundings: Explore from its fixture, and jobs that are answered at
 * once or when told to, with tables made by rule. */
#ifndef GLIMT_TESTS_LATENTS_SCENE_H
#define GLIMT_TESTS_LATENTS_SCENE_H
#include "tests/support/explore_fixture.h"
#include "tui/view/latents/latents_private.h"

enum { SCENE_UNITS = 60, SCENE_CLASSES = 6 };
extern const char *const scene_class[SCENE_CLASSES]; /* the last with an escape in it */

#define SCENE_JOBS 600
struct scene_jobs {
    int n, asks, classes, rows;
    bool hold;       /* new jobs wait */
    struct job *job; /* [SCENE_JOBS] */
    bool strange;    /* tables with nothing in its place */
};

struct scene {
    struct explore_fixture f;
    struct scene_jobs a;
    struct job_host host;
    struct corpus_choice corpus;
    struct view_in in;
    struct latents v;
    struct rect r;
};

/* ---- tables */
int32_t scene_unit(int i); /* the latent with the i-th largest share; six stand out */
struct table *scene_rows(int n, int classes, int target);
struct table *scene_examples(int32_t unit);
struct table_set *scene_set(struct table *); /* of one */

/* ---- jobs */
void scene_finish(struct scene_jobs *, struct job *);
void scene_finish_all(struct scene_jobs *);

/* ---- the view; keys and mouse are followed by an update */
void scene_open(struct scene *, bool hold, bool ascii, int w, int h);
void scene_close(struct scene *);
void scene_place(struct scene *, int w, int h);
void scene_keys(struct scene *, const char *names);
void scene_type(struct scene *, const char *ascii);
void scene_click(struct scene *, int button, int x, int y, int clicks);
void scene_wheel(struct scene *, bool up, int x, int y);
void scene_draw(struct scene *);
char *scene_screen(struct scene *); /* drawn, as text; free() */
bool scene_shows(struct scene *, const char *text);
void scene_assert_shows(struct scene *, const char *text);
void scene_find(struct scene *, const char *text, int *x, int *y); /* fails where it is not */
int32_t scene_selected(const struct scene *);
#endif
