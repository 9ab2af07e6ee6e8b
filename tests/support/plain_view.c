#include "tests/support/plain_view.h"

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct plain *v = view;
    grid_printf(g, r, r.x, r.y, theme_style(in->theme, ROLE_TEXT), "plain, row %d of %s", v->row,
                in->workbench ? in->workbench->model_name : "nothing");
}

static bool act(void *view, const struct view_in *in, enum action_id action, bool extend)
{
    struct plain *v = view;
    (void)extend;
    switch (action) {
    case ACTION_VIEW_DOWN: v->row++; return true;
    case ACTION_VIEW_UP: v->row--; return true;
    case ACTION_VIEW_ENTER: shared_message(in->shared, false, "row %d", v->row); return true;
    default: return false;
    }
}

const struct view_ops plain_view = {.name = "plain",
                                    .title = "Plain",
                                    .where = IN_VIEW,
                                    .size = sizeof(struct plain),
                                    .draw = draw,
                                    .act = act};
