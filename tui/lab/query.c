#include "tui/lab/query.h"
#include "engine/study/ablate.h"
#include "engine/study/activity.h"
#include "engine/study/chains.h"
#include "engine/study/harvest.h"
#include "engine/study/position.h"
#include "engine/study/stream.h"
#include "tui/lab/query_private.h"

#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define UNITS                                                                                      \
    {                                                                                              \
        "units", "ID…", "the latents; default: the chosen ones", .type = PARAM_UNITS               \
    }
#define DICT                                                                                       \
    {                                                                                              \
        "dict", "NAME", "which of several dictionaries: mlp_3", .type = PARAM_TEXT                 \
    }
#define TARGET                                                                                     \
    {                                                                                              \
        "target", "NAME", "the class asked about; default: the first", .type = PARAM_CLASS         \
    }
#define ROWS_PRINTED                                                                               \
    {                                                                                              \
        "rows", "N", "rows printed", .type = PARAM_INT, .min = 1, .max = INT32_MAX, .prints = true \
    }
#define MIN_SHARE(default_)                                                                        \
    {                                                                                              \
        "min-share", "SHARE", "more than this share of the target's tokens",                       \
            .type = PARAM_REAL, .preset = (default_), .min = 0, .max = 1                           \
    }
#define MAX_OTHER(default_)                                                                        \
    {                                                                                              \
        "max-other", "SHARE", "less than this share of the others'",                               \
            .type = PARAM_REAL, .preset = (default_), .min = 0, .max = 1                           \
    }

static const struct param dict_params[] = {DICT, END};
const struct query harvest_query = {.command = "harvest",
                                    .name = "harvest",
                                    .study = &harvest_study,
                                    .params = dict_params,
                                    .corpus = true,
                                    .view = VIEW_LATENTS,
                                    .answer = answer_harvest};

const struct query usual_query = {.command = "bundle new",
                                  .name = "statistics",
                                  .params = dict_params,
                                  .corpus = true,
                                  .view = VIEW_JOBS,
                                  .answer = answer_usual};

/* Of any corpus: what completion can know. */
static const char *const latents_columns[] = {"latent", "difference", "overlap",
                                              "higher", "density",    NULL};
static const struct param latents_params[] = {
    TARGET,
    {"sort", "COLUMN", "a column of the table; default: difference", .type = PARAM_TEXT,
     .choices = latents_columns},
    ROWS_PRINTED,
    MIN_SHARE(NULL),
    MAX_OTHER(NULL),
    DICT,
    END,
};
const struct query latents_query = {.command = "latents",
                                    .name = "latents",
                                    .params = latents_params,
                                    .corpus = true,
                                    .view = VIEW_LATENTS,
                                    .answer = answer_latents};

static const struct param find_params[] = {
    TARGET, ROWS_PRINTED, MIN_SHARE(".5"), MAX_OTHER(".01"), DICT, END,
};
const struct query find_query = {.command = "find",
                                 .name = "find",
                                 .params = find_params,
                                 .corpus = true,
                                 .view = VIEW_LATENTS,
                                 .answer = answer_find};

static const struct param histogram_params[] = {
    TARGET,
    {"as-published", NULL, "30 bins over each class's own range", .type = PARAM_FLAG},
    ROWS_PRINTED,
    END,
};
#define HISTOGRAM                                                                                  \
    {                                                                                              \
        "rows", MARK_HIST,                                                                         \
        {                                                                                          \
            "class", "lo", "hi", "density"                                                         \
        }                                                                                          \
    }
const struct query histogram_query = {.command = "histogram",
                                      .name = "histograms",
                                      .study = &values_study,
                                      .params = histogram_params,
                                      .corpus = true,
                                      .view = VIEW_HISTOGRAMS,
                                      .promise = {HISTOGRAM},
                                      .answer = answer_histogram};

const struct query tokens_query = {
    .command = "histogram",
    .also = "--tokens",
    .name = "running text",
    .study = &values_study,
    .params = histogram_params,
    .corpus = true,
    .view = VIEW_CORPUS,
    .promise = {{"tokens", MARK_LIST, {"class", "doc", "start", "text"}}},
    .answer = answer_tokens};

static const struct param bins_params[] = {UNITS, END};
const struct query bins_query = {.command = "histogram",
                                 .name = "histogram",
                                 .params = bins_params,
                                 .corpus = true,
                                 .quick = true,
                                 .view = VIEW_LATENTS,
                                 .promise = {HISTOGRAM},
                                 .answer = answer_bins};

static const struct param examples_params[] = {
    UNITS,
    {"rows", "N", "examples of each class", .type = PARAM_INT, .preset = "10", .min = 1,
     .max = 2 * HARVEST_TOP},
    {"all", NULL, "every activation, as --keep-activations keeps them", .type = PARAM_FLAG},
    END,
};
const struct query examples_query = {
    .command = "examples",
    .name = "examples",
    .params = examples_params,
    .corpus = true,
    .quick = true,
    .view = VIEW_LATENTS,
    .promise = {{"rows", MARK_LIST, {"class", "quantile", "value", "text"}}},
    .answer = answer_examples};

const struct query lens_query = {.command = "logit-lens",
                                 .name = "logit lens",
                                 .study = &lens_study,
                                 .quick = true,
                                 .view = VIEW_LATENTS,
                                 .answer = answer_lens};

const struct query coactive_query = {.command = "coactive",
                                     .name = "co-active",
                                     .study = &coactive_study,
                                     .corpus = true,
                                     .view = VIEW_LATENTS,
                                     .promise = {{"rows", MARK_LIST, {"latent", "other"}}},
                                     .answer = answer_coactive};

static const struct param sweep_params[] = {ROWS_PRINTED, END};
const struct query sweep_query = {
    .command = "sweep",
    .name = "sweep",
    .study = &sweep_study,
    .params = sweep_params,
    .corpus = true,
    .view = VIEW_SWEEP,
    .promise = {{"rows", MARK_LINE, {"value", "insert", "class", "loss_sentence_mean"}},
                {"differences", MARK_LINE, {"value", "insert", "class", "difference"}},
                {"pairs", MARK_LINE, {"value", "insert", "difference"}}},
    .answer = answer_sweep};

const struct query words_query = {.command = "contrast words",
                                  .name = "words",
                                  .study = &words_study,
                                  .params = dict_params,
                                  .corpus = true,
                                  .words = true,
                                  .view = VIEW_CONTRAST,
                                  .answer = answer_words};

#define T_TEST                                                                                     \
    {"alpha",       "P",     "significant below it", .type = PARAM_REAL, .preset = "1e-05",        \
     .min = 1e-300, .max = 1},                                                                     \
    {                                                                                              \
        "welch", NULL, "Welch's t; default: the pooled variance", .type = PARAM_FLAG               \
    }
static const struct param ttest_params[] = {
    TARGET, {"against", "NAME", "of the others this one alone", .type = PARAM_CLASS},
    T_TEST, ROWS_PRINTED,
    DICT,   END,
};
const struct query ttest_query = {
    .command = "contrast ttest",
    .name = "t-tests",
    .study = &words_study,
    .params = ttest_params,
    .corpus = true,
    .words = true,
    .view = VIEW_CONTRAST,
    .promise = {{"rows", MARK_LIST, {"unit", "t", "p"}},
                {"neurons", MARK_LIST, {"unit", "t", "p"}},
                {"histogram", MARK_HIST, {"units", "lo", "hi", "share"}}},
    .answer = answer_ttest};

static const struct param points_params[] = {
    {"x", "ID", "the unit across; default: the best by p", .type = PARAM_INT, .min = 0,
     .max = INT32_MAX},
    {"y", "ID", "the unit upwards; default: the next best", .type = PARAM_INT, .min = 0,
     .max = INT32_MAX},
    {"hooked", NULL, "coordinates of the hooked activation in place of latents",
     .type = PARAM_FLAG},
    {"word", "TEXT", "one more word, placed among them", .type = PARAM_TEXT},
    DICT,
    ROWS_PRINTED,
    END,
};
const struct query points_query = {.command = "contrast points",
                                   .name = "points",
                                   .study = &words_study,
                                   .params = points_params,
                                   .corpus = true,
                                   .words = true,
                                   .quick = true,
                                   .view = VIEW_CONTRAST,
                                   .promise = {{"rows", MARK_SCATTER, {"word", "class"}}},
                                   .answer = answer_points};

static const struct param rows_params[] = {DICT, ROWS_PRINTED, END};
const struct query probe_query = {.command = "contrast probe",
                                  .name = "probes",
                                  .study = &probe_study,
                                  .params = rows_params,
                                  .corpus = true,
                                  .words = true,
                                  .view = VIEW_CONTRAST,
                                  .answer = answer_probe};

const struct query regress_query = {.command = "contrast regress",
                                    .name = "regression",
                                    .study = &regress_study,
                                    .params = rows_params,
                                    .corpus = true,
                                    .words = true,
                                    .view = VIEW_CONTRAST,
                                    .answer = answer_regress};

const struct query kept_query = {.command = "contrast kept",
                                 .name = "kept",
                                 .study = &kept_study,
                                 .params = rows_params,
                                 .corpus = true,
                                 .words = true,
                                 .view = VIEW_CONTRAST,
                                 .promise = {{"rows", MARK_LINE, {"units", "s", "accuracy"}}},
                                 .answer = answer_kept};

static const struct param compare_params[] = {
    DICT,
    T_TEST,
    {"controls", "N", "control tasks", .type = PARAM_INT, .preset = "10", .min = 1, .max = 100},
    END,
};
const struct query compare_query = {.command = "contrast compare",
                                    .name = "neurons against latents",
                                    .study = &kept_study,
                                    .params = compare_params,
                                    .corpus = true,
                                    .words = true,
                                    .view = VIEW_CONTRAST,
                                    .promise = {{"rows", MARK_LIST, {"units", "accuracy"}}},
                                    .answer = answer_compare};

const struct query proof_query = {
    .command = "verify",
    .name = "proof",
    .study = &proof_study,
    .params = dict_params,
    .corpus = true,
    .view = VIEW_EXPLORE,
    .promise = {{"facts", MARK_LIST, {"fact", "value", "source"}},
                {"readings", MARK_LIST, {"reading", "says", "fvu"}},
                {"numbers", MARK_LIST, {"tokens", "fvu", "l0", "loss_recovered"}}},
    .answer = answer_proof};

/* ---- context neurons */
#define OFF                                                                                        \
    {                                                                                              \
        "off", "UNITS", "units, commas between them, held at the other classes' mean",             \
            .type = PARAM_TEXT, .names_units = true                                                \
    }
#define INSERT                                                                                     \
    {                                                                                              \
        "insert", "none|sae|error|NAME=MODE[,…]", "SAEs in the activation's place in every run",   \
            .type = PARAM_INSERT, .choices = insert_name                                           \
    }
static const struct param means_params[] = {
    UNITS, TARGET, ACTIVITY_FROM_ROW, ACTIVITY_TO_ROW, OFF, INSERT, ROWS_PRINTED, END,
};
const struct query means_query = {.command = "neuron means",
                                  .name = "means",
                                  .params = means_params,
                                  .corpus = true,
                                  .limit = 200,
                                  .first_window = true,
                                  .view = VIEW_JOBS,
                                  .promise = {{"rows", MARK_LIST, {"unit", "class", "mean"}}},
                                  .answer = answer_means};

static const struct param classify_params[] = {
    UNITS,
    TARGET,
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    {"tokens", "N", "tokens of each class", .type = PARAM_INT, .preset = "5000", .min = 5,
     .max = INT32_MAX},
    {"layer", "L", "all neurons of this layer in place of some", .type = PARAM_INT, .min = 0,
     .max = INT16_MAX},
    {"histograms", NULL, "of all of them, also of a layer's", .type = PARAM_FLAG},
    OFF,
    INSERT,
    ROWS_PRINTED,
    END,
};
const struct query classify_query = {
    .command = "neuron classify",
    .name = "classification",
    .params = classify_params,
    .corpus = true,
    .limit = 200,
    .first_window = true,
    .view = VIEW_NEURONS,
    .promise = {{"rows", MARK_LIST, {"unit", "f1", "test_accuracy"}},
                {"histogram", MARK_HIST, {"class", "lo", "hi", "share"}}},
    .answer = answer_classify};

static const struct param ablate_params[] = {
    UNITS,
    TARGET,
    ABLATE_SETS_ROW,
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    {"texts", "N", "texts of each class that the means are of", .type = PARAM_INT, .preset = "200",
     .min = 1, .max = INT32_MAX},
    OFF,
    INSERT,
    {"as-published", NULL, "sets take all indices at each of their layers, at one value",
     .type = PARAM_FLAG},
    ROWS_PRINTED,
    END,
};
const struct query ablate_query = {
    .command = "neuron ablate",
    .name = "ablation",
    .params = ablate_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_NEURONS,
    .promise = {{"rows", MARK_BAR, {"units", "class", "difference", "percent"}},
                {"backup", MARK_LIST, {"unit", "by", "class", "backup"}}},
    .answer = answer_ablate};

#define TEXTS                                                                                      \
    {                                                                                              \
        "texts", "N", "texts of each class that the means are of",                                 \
            .type = PARAM_INT, .preset = "200", .min = 1, .max = INT32_MAX                         \
    }
#define TOP                                                                                        \
    {                                                                                              \
        "top", "N", "tokens of a list", .type = PARAM_INT, .preset = "100", .min = 1,              \
                                        .max = 100000                                              \
    }
static const char *const boosts_by[] = {"direct", "lens", NULL};
static const struct param boosts_params[] = {
    UNITS,
    TARGET,
    {"by", "direct|lens", "what the units write, or what their layer would say", .type = PARAM_SET,
     .preset = "direct", .choices = boosts_by},
    {"later", "UNITS", "units behind these, by how they change with them", .type = PARAM_TEXT,
     .names_units = true},
    {"layer", "L", "of the lens, in place of the units'", .type = PARAM_INT, .preset = "-1",
     .min = -1, .max = INT16_MAX},
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    TEXTS,
    INSERT,
    NORM_BOUNDS_ROWS,
    TOP,
    {"as-published", NULL, "of the lens off minus on, of later neurons the pre-activation",
     .type = PARAM_FLAG},
    END,
};
const struct query boosts_query = {.command = "neuron boosts",
                                   .name = "boosted tokens",
                                   .params = boosts_params,
                                   .corpus = true,
                                   .limit = 1000,
                                   .first_window = true,
                                   .view = VIEW_NEURONS,
                                   .promise = {{"boosted", MARK_LIST, {"id", "text", "boost"}},
                                               {"inhibited", MARK_LIST, {"id", "text", "boost"}},
                                               {"histogram", MARK_HIST, {"lo", "hi", "tokens"}}},
                                   .answer = answer_boosts};

static const struct param unigrams_params[] = {
    UNITS,
    TARGET,
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    TEXTS,
    INSERT,
    TOP,
    {"by-tokens", NULL, "by how often they occur, not in how many texts", .type = PARAM_FLAG},
    END,
};
const struct query unigrams_query = {
    .command = "neuron unigrams",
    .name = "frequent tokens",
    .params = unigrams_params,
    .corpus = true,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_LIST, {"class", "id", "texts", "boost"}},
                {"classes", MARK_BAR, {"class", "boost"}}},
    .answer = answer_unigrams};

/* ---- two runs: the units on and off, or later ones shifted */
#define ON_OFF_ROWS                                                                                \
    UNITS, TARGET, ACTIVITY_FROM_ROW, ACTIVITY_TO_ROW, TEXTS,                                      \
        {"on-at", "LIST", "what the units are at when on; default: the target's mean",             \
         .type = PARAM_VALUES},                                                                    \
        {"off-at", "LIST", "and when off; default: the other classes' mean",                       \
         .type = PARAM_VALUES},                                                                    \
        OFF, INSERT
#define LATER_ROWS                                                                                 \
    {"later", "UNITS", "shift these in place of switching the units", .type = PARAM_TEXT,          \
     .names_units = true},                                                                         \
        {"shift", "LIST", "by so much; default: by what they change with the units off",           \
         .type = PARAM_VALUES},                                                                    \
    {                                                                                              \
        "later-at", "LIST", "from these values on; default: from where they are",                  \
            .type = PARAM_VALUES                                                                   \
    }
static const struct param position_params[] = {
    ON_OFF_ROWS, LATER_ROWS, POSITION_ROWS("at"), NORM_BOUNDS_ROWS, END,
};
const struct query position_query = {
    .command = "neuron position",
    .name = "position",
    .params = position_params,
    .corpus = true,
    .text = true,
    .limit = 1000,
    .first_window = true,
    .quick = true,
    .view = VIEW_NEURONS,
    .promise = {{"rows", MARK_LIST, {"list", "id", "text", "difference"}},
                {"tokens", MARK_TEXT, {"start", "end", "loss_a", "difference"}}},
    .answer = answer_position};

/* The units as they are, and off. */
#define OFF_ROWS                                                                                   \
    UNITS, TARGET, ACTIVITY_FROM_ROW, ACTIVITY_TO_ROW, TEXTS,                                      \
        {"off-at", "LIST", "what the units are at when off; default: the other classes' mean",     \
         .type = PARAM_VALUES},                                                                    \
        OFF, INSERT, ROWS_PRINTED
static const struct param attribution_params[] = {
    OFF_ROWS,
    STREAM_FROZEN_ROW,
    END,
};
const struct query attribution_query = {
    .command = "neuron attribution",
    .name = "attribution",
    .params = attribution_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_LINE, {"point", "layer", "class", "difference"}}},
    .answer = answer_attribution};

static const struct param patch_params[] = {OFF_ROWS, END};
const struct query patch_query = {
    .command = "neuron patch",
    .name = "patched components",
    .params = patch_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_BAR, {"component", "class", "difference", "percent"}}},
    .answer = answer_patch};

static const struct param effects_params[] = {
    OFF_ROWS,
    STREAM_METRIC_ROW,
    STREAM_FROZEN_ROW,
    END,
};
const struct query effects_query = {
    .command = "neuron effects",
    .name = "effects",
    .params = effects_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_BAR, {"class", "total", "direct", "indirect"}}},
    .answer = answer_effects};

#define LAYERS                                                                                     \
    {                                                                                              \
        "layers", "LIST", "neurons of these layers", .type = PARAM_VALUES                          \
    }
static const struct param downstream_params[] = {
    ON_OFF_ROWS,
    LAYERS,
    DICT,
    {"top", "N", "units of the list", .type = PARAM_INT, .preset = "100", .min = 1,
     .max = INT32_MAX},
    END,
};
const struct query downstream_query = {
    .command = "neuron downstream",
    .name = "later units",
    .params = downstream_params,
    .corpus = true,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_BAR, {"unit", "mean", "sd", "score"}}},
    .answer = answer_downstream};

static const struct param shift_params[] = {
    ON_OFF_ROWS,
    {"later", "UNITS", "the units that are shifted, commas between them", .type = PARAM_TEXT,
     .names_units = true},
    {"tokens", "N", "tokens of each class in the histograms", .type = PARAM_INT, .preset = "1000",
     .min = 1, .max = INT32_MAX},
    {"losses", NULL, "also the losses with each of them shifted", .type = PARAM_FLAG},
    ROWS_PRINTED,
    END,
};
const struct query shift_query = {
    .command = "neuron shift",
    .name = "shift",
    .params = shift_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_BAR, {"unit", "class", "shift"}},
                {"histogram", MARK_HIST, {"run", "lo", "hi", "share"}},
                {"losses", MARK_BAR, {"unit", "class", "difference"}}},
    .answer = answer_shift};

static const struct param neuron_examples_params[] = {
    ON_OFF_ROWS,
    LATER_ROWS,
    {"weight", "W", "of the better log-probability in a token's score", .type = PARAM_REAL,
     .preset = "0.5", .min = 0, .max = 1e9},
    {"top", "N", "texts", .type = PARAM_INT, .preset = "10", .min = 1, .max = 1000},
    END,
};
const struct query neuron_examples_query = {
    .command = "neuron examples",
    .name = "examples in two runs",
    .params = neuron_examples_params,
    .corpus = true,
    .limit = 1000,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"examples", MARK_LIST, {"doc", "score", "text", "difference"}},
                {"rows", MARK_TEXT, {"doc", "position", "text", "difference"}}},
    .answer = answer_neuron_examples};

static const struct param chains_params[] = {
    ON_OFF_ROWS,
    {"later", "UNITS", "through these, commas between them; default: those that change most",
     .type = PARAM_TEXT, .names_units = true},
    {"best", "N", "so many of those that change most", .type = PARAM_INT, .preset = "6", .min = 1,
     .max = CHAINS_MOST},
    LAYERS,
    DICT,
    CHAINS_TOP_ROW,
    END,
};
const struct query chains_query = {
    .command = "neuron chains",
    .name = "chains",
    .params = chains_params,
    .corpus = true,
    .limit = 200,
    .first_window = true,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_BAR, {"chain", "class", "on", "off"}},
                {"links", MARK_BAR, {"link", "on", "off", "whole"}},
                {"losses", MARK_BAR, {"unit", "class", "on", "off"}}},
    .answer = answer_chains};

static const struct param similar_params[] = {
    UNITS,
    LAYERS,
    DICT,
    {"top", "N", "others of a unit", .type = PARAM_INT, .preset = "20", .min = 1, .max = 100000},
    END,
};
const struct query similar_query = {.command = "neuron similar",
                                    .name = "similar units",
                                    .params = similar_params,
                                    .view = VIEW_JOBS,
                                    .promise = {{"rows", MARK_LIST, {"unit", "other", "cosine"}},
                                                {"pairs", MARK_LIST, {"unit", "other", "cosine"}}},
                                    .answer = answer_similar};

static const struct param groups_params[] = {
    UNITS,
    LAYERS,
    DICT,
    {"min-cosine", "X", "what two of a group have in common at least", .type = PARAM_REAL,
     .preset = "0.5", .min = 0.05, .max = 1},
    ROWS_PRINTED,
    END,
};
const struct query groups_query = {
    .command = "neuron groups",
    .name = "groups of units",
    .params = groups_params,
    .view = VIEW_JOBS,
    .promise = {{"rows", MARK_LIST, {"group", "unit", "other", "cosine"}},
                {"groups", MARK_LIST, {"group", "units", "cosine"}}},
    .answer = answer_groups};

const struct query *const queries[N_QUERIES] = {
    &harvest_query,         &latents_query,    &find_query,
    &histogram_query,       &tokens_query,     &bins_query,
    &examples_query,        &lens_query,       &coactive_query,
    &sweep_query,           &proof_query,      &words_query,
    &ttest_query,           &means_query,      &classify_query,
    &ablate_query,          &boosts_query,     &unigrams_query,
    &probe_query,           &regress_query,    &kept_query,
    &compare_query,         &position_query,   &attribution_query,
    &patch_query,           &effects_query,    &points_query,
    &usual_query,           &downstream_query, &shift_query,
    &neuron_examples_query, &similar_query,    &chains_query,
    &groups_query,
};

void query_params(const struct query *q, struct params *p)
{
    params_init(p, q->study ? q->study->params : NULL);
    params_add(p, q->params);
}
