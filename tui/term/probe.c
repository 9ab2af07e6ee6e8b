#include "tui/term/probe.h"
#include "tui/term/palette.h"
#include "tui/term/tty.h"
#include <string.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void probe_reply(struct probe *p, const struct event *ev)
{
    switch (ev->reply) {
    case REPLY_SYNC: p->sync = (int)ev->value; break;
    case REPLY_DARK_LIGHT:
        p->background = ev->value == 1 || ev->value == 2 ? (int)ev->value : p->background;
        break;
    case REPLY_BACKGROUND:
        p->background_rgb = (int32_t)ev->value;
        p->background = oklab_of(ev->value).L < 0.6 ? 1 : 2;
        break;
    case REPLY_MOUSE_DRAG: p->mouse_drag = (int)ev->value; break;
    case REPLY_MOUSE_SGR: p->mouse_sgr = (int)ev->value; break;
    case REPLY_DIRECT_COLOR: p->direct_color = true; break;
    case REPLY_DA1:
    case REPLY_STATUS_OK: break;
    }
}

void probe_terminal(struct decoder *d, unsigned ask, int timeout_ms, struct probe *out,
                    uint64_t *n_input)
{
    static const char always[] = "\033[?2026$p\033]11;?\033\\\033[?996n";
    static const char mouse[] = "\033[?1002$p\033[?1006$p";
    /* Sets a background, asks what the rendition is now (DECRQSS), sets it back. */
    static const char color[] = "\033[48;2;1;2;3m\033P$qm\033\\\033[m";
    static const char fence[] = "\033[c";
    *out = (struct probe){
        .rtt_ms = -1, .sync = -1, .mouse_drag = -1, .mouse_sgr = -1, .background_rgb = -1};
    tty_write(always, strlen(always));
    if (ask & PROBE_MOUSE)
        tty_write(mouse, strlen(mouse));
    if (ask & PROBE_COLOR)
        tty_write(color, strlen(color));
    tty_write(fence, strlen(fence));
    int64_t begin = now_ms(), left;
    unsigned long signals = 0;
    while (!out->answered && (left = begin + timeout_ms - now_ms()) > 0) {
        struct tty_news news;
        char bytes[1024];
        long n = 0;
        bool there = tty_wait(-1, (int)left, &news);
        signals |= news.signals;
        if (!there || (news.input && (n = tty_read(bytes, sizeof bytes)) < 0))
            break; /* the loop will see the same and end */
        if (n == 0)
            continue;
        *n_input += (uint64_t)n;
        decoder_feed(d, bytes, (size_t)n, now_ms());
        for (struct event ev; decoder_next(d, &ev);) {
            if (ev.kind == EVENT_REPLY)
                probe_reply(out, &ev);
            else if (ev.kind != EVENT_PASTE && out->n_early < PROBE_EARLY_MAX)
                out->early[out->n_early++] = ev;
            out->answered |= ev.kind == EVENT_REPLY && ev.reply == REPLY_DA1;
        }
    }
    tty_signal_again(signals); /* they are the loop's */
    if (out->answered)
        out->rtt_ms = (int)(now_ms() - begin);
}
