/* Stream: what switching units off does to the residual stream that reaches the unembedding, taken
 * apart. Run a leaves the units as they are (`at`: holds them), run b has them at their values
 * `off-at` (engine/study/runs.h). Patch and effects are refused where an SAE is inserted in the
 * stream behind the units. A text is its first window; its positions are those whose next
 * token it has; numbers are means over texts of the mean over positions.
 *
 * A stream r says of the next token t: norm(r)·(U_t − Ū), norm the final norm without its bias (its
 * scale that of the run's own end, or with `frozen-scale` of run a's), U the unembedding and Ū its
 * mean over the vocabulary (0 with `no-tl-weights`); before a soft cap.
 *
 * - attribution: what the streams that enter each layer, and the last one, say (at the last: the
 *   token's logit less the mean logit and the norm's bias), run a minus run b.
 * - patch: the loss of run a with one component's output as in run b, which nothing but the final
 *   norm sees: attention and MLPs from where the units are on, and units' own points of the stream.
 * - effects: of units off on `metric` loss, or logit (what the last stream says): total (b − a);
 *   direct: run a's stream with what the units themselves write changed, all behind them as in a;
 *   indirect: run b's without that. Of logits at a frozen scale direct and indirect add up.
 *
 * study_ops: stream_study. tables "rows": by `measure`
 * attribution: point, class (SERIES), on, off, difference (Y), ci95.lo, ci95.hi, texts, layer (X);
 * patch: component (KEY), class, loss, difference (Y), ci95.lo, ci95.hi, percent, texts;
 * effects: class (KEY), total, direct, indirect, remainder, each of the last four but remainder
 * with its ci95 (total.ci95.lo …), plain, texts. Intervals: paired, bootstrap over texts. */
#ifndef GLIMT_STUDY_STREAM_H
#define GLIMT_STUDY_STREAM_H
#include "engine/study/study.h"

/* `measure`, `metric`: shared with the queries. */
enum { STREAM_ATTRIBUTION, STREAM_PATCH, STREAM_EFFECTS };
extern const char *const stream_measures[], *const stream_metrics[];
#define STREAM_FROZEN_ROW                                                                          \
    {                                                                                              \
        "frozen-scale", NULL, "the final norm's scale of the run with the units on", PARAM_FLAG,   \
            .in_key = true                                                                         \
    }
#define STREAM_METRIC_ROW                                                                          \
    {                                                                                              \
        "metric", "loss|logit", "what the effects are on", PARAM_CHOICE, "loss",                   \
            .choices = stream_metrics, .in_key = true                                              \
    }
extern const struct study_ops stream_study;
#endif
