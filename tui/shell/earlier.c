/* What an earlier session says of its units, in the set of dictionaries that there is today. */
#include "engine/base/memory.h"
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include <stdlib.h>

static int32_t place_now(const struct dict_place *then, const struct dict_set *now)
{
    for (int32_t i = 0; i < now->n; i++)
        if (point_compare(then->at, now->place[i].at) == 0 &&
            then->neurons == now->place[i].neurons)
            return i;
    return -1;
}

/* A session of one dictionary does not say where that was: among several it is none of them. */
void earlier_move(struct shell *shell, const struct dict_set *now)
{
    struct shared *sh = &shell->sh;
    const int32_t n = shell->dicts.n > 0 ? shell->dicts.n : 1;
    if (dict_set_same(&shell->dicts, now) || (shell->dicts.n == 0 && now->n < 2))
        return;
    int32_t *place = xcalloc((size_t)n, sizeof *place);
    for (int32_t i = 0; i < n; i++)
        place[i] = shell->dicts.n > 0 ? place_now(&shell->dicts.place[i], now) : -1;
    sliders_move(&sh->sliders, place, n);
    if (sh->colour_unit.dict >= 0)
        sh->colour_unit = unit_moved(sh->colour_unit, place, n);
    history_move_units(&sh->history, place, n);
    free(place);
    dict_set_release(&shell->dicts);
    if (now->n > 1)
        dict_set_copy_plan(now, &shell->dicts);
    sh->state_changed = true; /* it names its units anew */
}

static void drop_sliders(struct shell *shell, const struct dict_set *now)
{
    struct sliders *s = &shell->sh.sliders;
    const struct unit_words *words = unit_words(shell->sh.workbench);
    int beyond = 0, nowhere = 0;
    for (int i = s->n - 1; i >= 0; i--)
        if (!unit_check(now, s->unit[i].id, NULL)) {
            *(s->unit[i].id.dict < 0 ? &nowhere : &beyond) += 1;
            sliders_remove(s, i);
        }
    if (beyond + nowhere > 0 && now->n == 0)
        shared_message(&shell->sh, true, "no SAE: the chosen latents are left out");
    else if (nowhere > 0)
        shared_message(&shell->sh, true, "%d %s of dictionaries that are not open: left out",
                       beyond + nowhere, beyond + nowhere > 1 ? words->many : words->one);
    else if (beyond > 0 && now->n == 1)
        shared_message(&shell->sh, true, "%d %s beyond the %d there are: left out", beyond,
                       beyond > 1 ? words->many : words->one, now->place[0].m);
    else if (beyond > 0)
        shared_message(&shell->sh, true, "%d %s beyond those there are: left out", beyond,
                       beyond > 1 ? words->many : words->one);
}

void earlier_drop(struct shell *shell, const struct dict_set *now)
{
    struct shared *sh = &shell->sh;
    int32_t *m = xcalloc((size_t)now->n + 1, sizeof *m);
    for (int32_t i = 0; i < now->n; i++)
        m[i] = now->place[i].m;
    drop_sliders(shell, now);
    if (sh->sliders.dict >= now->n)
        sh->sliders.dict = 0;
    history_drop_sliders(&sh->history, m, now->n);
    free(m);
    bool one = sh->colour_unit.index >= 0;
    if (unit_same(sh->colour_unit, UNIT_UNSET) ||
        (one && now->n > 0 && !unit_check(now, sh->colour_unit, NULL)))
        sh->colour_unit = sh->sliders.n > 0 ? sh->sliders.unit[0].id : UNIT_ALL;
}
