/* Results to standard output or a file, progress to standard error. */
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "engine/text/utf8.h"
#include "tui/cli/cli.h"
#include "tui/cli/command.h"
#include "tui/term/grid.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool output_flush(struct error *e)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return error_set(e, ERROR_SYSTEM, "writing to standard output: %s", strerror(errno));
}

bool output_write(const struct cli *cli, struct error *e)
{
    if (cli->opt.output_file)
        return file_write(cli->opt.output_file, cli->out.s, cli->out.len, e);
    if (fwrite(cli->out.s, 1, cli->out.len, stdout) != cli->out.len)
        return error_set(e, ERROR_SYSTEM, "writing to standard output: %s", strerror(errno));
    return output_flush(e);
}

bool output_svg(struct cli *cli, const struct strbuf *svg, struct error *e)
{
    const struct options *o = &cli->opt;
    if (strcmp(o->svg, "-") != 0)
        return file_write(o->svg, svg->s, svg->len, e);
    if (o->output_file) { /* the table goes there */
        fwrite(svg->s, 1, svg->len, stdout);
        return output_flush(e);
    }
    if (o->output != OUTPUT_TEXT)
        return error_set(e, ERROR_INPUT,
                         "--svg -: found another result for standard output, expected --output "
                         "FILE with it");
    strbuf_clear(&cli->out);
    strbuf_add(&cli->out, svg->s, svg->len);
    return true;
}

int output_columns(const struct cli *cli)
{
    struct winsize size;
    if (!cli->opt.output_file && isatty(STDOUT_FILENO) &&
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *given = getenv("COLUMNS");
    const long columns = given && *given >= '0' && *given <= '9' ? strtol(given, NULL, 10) : 0;
    return columns > 0 && columns <= 10000 ? (int)columns : 0;
}

struct table_text output_table(const struct cli *cli)
{
    static const char *const least[] = {"t",         "p",      "loss_token_mean", "words",
                                        "sentences", "tokens", "density",         "mean_pre.*",
                                        "higher",    "dict",   "bytes",           NULL};
    return (struct table_text){.columns = output_columns(cli),
                               .least = least,
                               .elsewhere = " (wider terminal, --csv or --json)"};
}

static int add_chunk(const char *s, size_t n, void *out)
{
    strbuf_add(out, s, n);
    return 0;
}

void output_json(struct cli *cli, json_t *root)
{
    /* Nine significant digits give back every float32. */
    if (!root ||
        json_dump_callback(root, add_chunk, &cli->out, JSON_REAL_PRECISION(9) | JSON_COMPACT) != 0)
        panic("writing JSON: out of memory");
    strbuf_addc(&cli->out, '\n');
    json_decref(root);
}

json_t *json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

json_t *json_text(const char *s)
{
    if (!s)
        return json_null();
    char *text = utf8_repair(s, strlen(s), NULL, NULL);
    json_t *j = json_string(text);
    free(text);
    return j;
}

json_t *json_token(const struct tokenizer *t, int32_t id)
{
    size_t n;
    const char *bytes = tokenizer_bytes(t, id, &n);
    bool valid = n > 0 && utf8_is_valid(bytes, n);
    struct strbuf hex;
    strbuf_init(&hex);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&hex, "%02x", (unsigned char)bytes[i]);
    json_t *text = valid ? json_stringn(bytes, n) : json_null();
    json_t *token = json_pack("{s:i, s:o, s:s}", "id", (int)id, "text", text, "bytes", hex.s);
    strbuf_release(&hex);
    if (!token)
        panic("writing JSON: out of memory");
    return token;
}

void text_add(struct strbuf *out, const char *s, size_t n, int columns)
{
    int used = 0;
    bool cut = columns > 0 && text_columns(s, n) > columns;
    int room = cut ? columns - 1 : columns;
    for (size_t at = 0; at < n;) {
        int width;
        char glyph[GRID_GLYPH_MAX];
        at += text_cluster(s + at, n - at, &width, glyph);
        if (columns > 0 && used + width > room)
            break;
        strbuf_adds(out, glyph);
        used += width;
    }
    if (cut) {
        strbuf_adds(out, "…");
        used++;
    }
    for (; used < columns; used++)
        strbuf_addc(out, ' ');
}

/* ---- progress */

#define PROGRESS_EVERY 0.5 /* seconds: a percent of a long run takes minutes, its rate moves on */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool is_news(const struct progress *p, int percent, double at)
{
    if (!p->shown)
        return true;
    return p->terminal ? percent != p->percent || at - p->at >= PROGRESS_EVERY
                       : percent / 10 != p->percent / 10;
}

void progress_show(struct progress *p, double share, const char *what)
{
    int percent = (int)(share * 100);
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    const double at = seconds();
    if (!p->on || !is_news(p, percent, at))
        return;
    fprintf(stderr, p->terminal ? "\r\033[K%s %d %%" : "%s %d %%\n", what, percent);
    fflush(stderr);
    p->percent = percent;
    p->at = at;
    p->shown = true;
}

void progress_study(struct progress *p, const struct study_progress *s, const char *what)
{
    char line[160];
    int n = snprintf(line, sizeof line, "%s", what);
    if (p->on && p->terminal && s->tokens_per_s > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, " · %.0f tokens/s", s->tokens_per_s);
    if (p->on && p->terminal && s->bytes_per_s > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, " · %.0f MB/s", s->bytes_per_s / 1e6);
    if (p->on && p->terminal && isfinite(s->left))
        snprintf(line + n, sizeof line - (size_t)n, " · %.0f s left ·", s->left);
    progress_show(p, s->share, line);
}

void progress_clear(struct progress *p)
{
    if (p->shown && p->terminal) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->shown = false;
}

/* ---- colours */

static bool says(const char *variable, const char *part)
{
    const char *v = getenv(variable);
    return v && strstr(v, part);
}

static enum depth terminal_depth(void)
{
    const char *term = getenv("TERM");
    if (!term || !*term || strcmp(term, "dumb") == 0)
        return DEPTH_MONO;
    if (says("COLORTERM", "truecolor") || says("COLORTERM", "24bit") || says("TERM", "direct"))
        return DEPTH_DIRECT;
    return says("TERM", "256color") ? DEPTH_256 : DEPTH_16;
}

enum depth color_depth(const struct options *o, bool to_terminal)
{
    const char *no_color = getenv("NO_COLOR");
    switch (o->color) {
    case COLOR_NEVER: return DEPTH_MONO;
    case COLOR_16: return DEPTH_16;
    case COLOR_256: return DEPTH_256;
    case COLOR_DIRECT: return DEPTH_DIRECT;
    case COLOR_ALWAYS:
        return !to_terminal || terminal_depth() == DEPTH_MONO ? DEPTH_256 : terminal_depth();
    case COLOR_AUTO: break;
    }
    return !to_terminal || (no_color && *no_color) ? DEPTH_MONO : terminal_depth();
}

bool color_theme(const struct cli *cli, struct theme **out, struct error *e)
{
    *out = NULL;
    enum depth depth = color_depth(&cli->opt, !cli->opt.output_file && isatty(STDOUT_FILENO));
    if (depth == DEPTH_MONO)
        return true;
    if (theme_open(cli->opt.theme, depth, false, out, e))
        return true;
    /* Colours are a help, not the result: only a theme that was asked for by name must be there. */
    if (cli->opt.theme)
        return false;
    *e = (struct error){0};
    return true;
}

bool cli_check_theme(const struct options *o, struct error *e)
{
    struct theme *theme = NULL;
    if (o->theme && !theme_open(o->theme, DEPTH_DIRECT, false, &theme, e)) {
        e->kind = ERROR_INPUT; /* whatever is wrong with its file: it is what was asked for */
        return false;
    }
    theme_free(theme);
    return true;
}

static void sgr_color(struct strbuf *b, int32_t color, bool background)
{
    if (color == COLOR_DEFAULT)
        return;
    if (color & 0x1000000)
        strbuf_addf(b, ";%d;2;%d;%d;%d", background ? 48 : 38, color >> 16 & 255, color >> 8 & 255,
                    color & 255);
    else if (color < 16)
        strbuf_addf(b, ";%d", (color < 8 ? 30 : 82) + color + (background ? 10 : 0));
    else
        strbuf_addf(b, ";%d;5;%d", background ? 48 : 38, color);
}

void color_add(struct strbuf *b, const struct theme *theme, struct style s, const char *text)
{
    bool plain = !theme || (s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT && s.attr == 0);
    if (!plain) {
        static const struct {
            uint8_t attr;
            char code;
        } codes[] = {{ATTR_BOLD, '1'},
                     {ATTR_DIM, '2'},
                     {ATTR_ITALIC, '3'},
                     {ATTR_UNDERLINE, '4'},
                     {ATTR_REVERSE, '7'}};
        strbuf_adds(b, "\033[0");
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            if (s.attr & codes[i].attr)
                strbuf_addf(b, ";%c", codes[i].code);
        sgr_color(b, s.fg, false);
        sgr_color(b, s.bg, true);
        strbuf_addc(b, 'm');
    }
    strbuf_adds(b, text);
    if (!plain)
        strbuf_adds(b, "\033[0m");
}
