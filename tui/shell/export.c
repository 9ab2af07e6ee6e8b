#include "tui/shell/export.h"
#include "engine/formats/mapping.h"
#include "tui/plot/plot.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add_json(const struct table *t, struct strbuf *out)
{
    json_t *root = json_object();
    json_object_set_new(root, t->name, table_json(t));
    char *text = json_dumps(root, JSON_REAL_PRECISION(9) | JSON_COMPACT);
    if (!text)
        panic("writing JSON: out of memory");
    strbuf_adds(out, text);
    strbuf_addc(out, '\n');
    free(text);
    json_decref(root);
}

static bool add_table(const struct table *t, const struct plot_options *plot, const char *path,
                      struct strbuf *out, struct error *e)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcasecmp(dot, ".csv") == 0)
        table_write_csv(t, out);
    else if (dot && strcasecmp(dot, ".json") == 0)
        add_json(t, out);
    else if (dot && strcasecmp(dot, ".svg") == 0)
        plot_svg(t, plot, 0, 0, out);
    else
        return error_set(e, ERROR_INPUT, "writing %s: expected a name in .svg, .json or .csv",
                         path);
    return true;
}

bool export_write(const struct shell *shell, const char *path, struct error *e)
{
    struct plot_options plot;
    struct table *own;
    const struct table *t = views_table(shell, &plot, &own);
    struct strbuf out;
    strbuf_init(&out);
    bool ok = t ? add_table(t, &plot, path, &out, e) && file_write(path, out.s, out.len, e)
                : error_set(e, ERROR_INPUT, "writing %s: there is nothing to write yet", path);
    strbuf_release(&out);
    table_free(own);
    return ok;
}

void export_command(const struct shell *shell, const struct options *o, struct strbuf *out)
{
    const struct views *v = &shell->views;
    struct request r;
    if (views_request(shell, &r)) {
        const struct workbench *wb = shell->sh.workbench;
        struct options said;
        request_options(&r, o, wb, &said);
        request_command(&r, &said, wb ? &wb->dicts : NULL, out);
        request_release(&r);
    } else if (v->table[HOME]->command_line) {
        v->table[HOME]->command_line(v->state[HOME], o, out);
    }
}
