/* Translation memories (TMX 1.4): <tu> holds a <tuv xml:lang="…"> a language, that a <seg>.
 *
 * Nothing outside the file is read, no entity but XML's own five is taken: their declaration is
 * refused, so that nothing can expand. */
#include "engine/formats/corpus_private.h"
#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum { LANGUAGE_MAX = 64, PIECE = 64 << 20 /* XML_Parse takes an int */ };

struct tmx {
    struct corpus_builder *b;
    XML_Parser xml;
    int64_t depth;
    int64_t unit;     /* depth of the open <tu>; 0: none */
    int64_t n_units;  /* <tu> met */
    int64_t unit_doc; /* first document of the unit */
    bool empty_side;  /* of the unit */
    uint32_t classes; /* bits of those in the file */
    int32_t cls;      /* of the <tuv>; −1: outside of one */
    int64_t seg;      /* depth of the open <seg>; 0: none */
    int64_t code;     /* depth of the open inline element whose content is no text; 0: none */
    bool text;        /* the segment has more than white space */
    bool failed;
};

static void stop(struct tmx *t)
{
    t->failed = true;
    XML_StopParser(t->xml, XML_FALSE);
}

static void refuse(struct tmx *t, const char *what, const char *name, const char *expected)
{
    t->b->line = (int64_t)XML_GetCurrentLineNumber(t->xml);
    corpus_refuse(t->b, "found %s%.80s, expected %s", what, name, expected);
    stop(t);
}

/* The language subtag, lower case. */
static void set_language(struct tmx *t, const char *const *attribute)
{
    const char *tag = NULL;
    for (; *attribute != NULL; attribute += 2)
        if (strcmp(attribute[0], "xml:lang") == 0 ||
            (tag == NULL && strcmp(attribute[0], "lang") == 0))
            tag = attribute[1];
    if (tag == NULL) {
        refuse(t, "a <tuv> without a language", "", "xml:lang");
        return;
    }
    char name[LANGUAGE_MAX + 2];
    size_t n = 0;
    for (; n < sizeof name - 1 && tag[n] != '\0' && tag[n] != '-' && tag[n] != '_'; n++)
        name[n] = tag[n] >= 'A' && tag[n] <= 'Z' ? (char)(tag[n] - 'A' + 'a') : tag[n];
    t->b->line = (int64_t)XML_GetCurrentLineNumber(t->xml);
    t->cls = corpus_class_of(t->b, name, n);
    if (t->cls < 0)
        stop(t);
    else
        t->classes |= UINT32_C(1) << t->cls;
}

/* Formatting codes of the program the text came from; a <hi> marks text. */
static bool is_code(const char *name)
{
    static const char *const code[] = {"bpt", "ept", "it", "ph", "ut"};
    for (size_t i = 0; i < sizeof code / sizeof *code; i++)
        if (strcmp(name, code[i]) == 0)
            return true;
    return false;
}

static void open_element(void *arg, const char *name, const char **attribute)
{
    struct tmx *t = arg;
    t->depth++;
    if (t->failed)
        return;
    if (t->depth == 1 && strcmp(name, "tmx") != 0) {
        refuse(t, "an XML file of type ", name, "tmx");
    } else if (t->seg > 0) {
        if (t->code == 0 && is_code(name))
            t->code = t->depth;
    } else if (t->unit == 0 && strcmp(name, "tu") == 0) {
        t->unit = t->depth;
        t->n_units++;
        t->unit_doc = t->b->c->n_docs;
        t->empty_side = false;
        t->cls = -1;
    } else if (t->unit > 0 && strcmp(name, "tuv") == 0) {
        set_language(t, attribute);
    } else if (strcmp(name, "seg") == 0 && t->cls >= 0) {
        t->seg = t->depth;
        t->text = false;
    }
}

static void close_segment(struct tmx *t)
{
    struct corpus_builder *b = t->b;
    t->seg = t->code = 0;
    if (!t->text) {
        t->empty_side = true;
        corpus_forget_docs(b, b->c->n_docs);
        return;
    }
    b->line = (int64_t)XML_GetCurrentLineNumber(t->xml);
    if (t->n_units > INT32_MAX) {
        corpus_refuse(b, "found more than %d translation units", INT32_MAX);
        stop(t);
    } else if (!corpus_end_doc(b, t->cls, (int32_t)(t->n_units - 1), t->n_units)) {
        stop(t);
    }
}

static void close_element(void *arg, const char *name)
{
    struct tmx *t = arg;
    if (t->failed)
        return;
    if (t->code == t->depth) {
        t->code = 0;
    } else if (t->seg == t->depth) {
        close_segment(t);
    } else if (t->unit == t->depth) {
        t->unit = 0;
        t->cls = -1;
        if (t->empty_side)
            corpus_forget_docs(t->b, t->unit_doc);
    } else if (t->seg == 0 && strcmp(name, "tuv") == 0) {
        t->cls = -1;
    }
    t->depth--;
}

static void add_text(void *arg, const char *p, int n)
{
    struct tmx *t = arg;
    if (t->failed || t->seg == 0 || t->code > 0)
        return;
    for (int i = 0; !t->text && i < n; i++)
        t->text = memchr(" \t\r\n", p[i], 4) == NULL;
    if (!corpus_add_bytes(t->b, p, (size_t)n))
        stop(t);
}

static void declare_entity(void *arg, const char *name, int is_parameter, const char *value, int n,
                           const char *base, const char *system_id, const char *public_id,
                           const char *notation)
{
    (void)is_parameter, (void)value, (void)n, (void)base;
    (void)system_id, (void)public_id, (void)notation;
    struct tmx *t = arg;
    if (!t->failed)
        refuse(t, "a declaration of the entity ", name, "none");
}

static void skip_entity(void *arg, const char *name, int is_parameter)
{
    struct tmx *t = arg;
    if (!t->failed && !is_parameter)
        refuse(t, "the entity ", name, "amp, lt, gt, apos or quot");
}

static bool parse(struct tmx *t, const struct text_file *m)
{
    enum XML_Status status = XML_STATUS_OK;
    size_t at = 0;
    do {
        const size_t left = m->n - at, n = left < PIECE ? left : PIECE;
        const char *piece = m->p + at;
        at += n;
        status = XML_Parse(t->xml, piece, (int)n, at == m->n);
    } while (status == XML_STATUS_OK && at < m->n && corpus_step(t->b, at, m->n));
    if (t->b->stopped || t->failed)
        return false;
    if (status == XML_STATUS_OK)
        return true;
    t->b->line = (int64_t)XML_GetCurrentLineNumber(t->xml);
    return corpus_refuse(t->b, "not valid XML (%s)", XML_ErrorString(XML_GetErrorCode(t->xml)));
}

bool corpus_read_tmx(struct corpus_builder *b, const struct text_file *m)
{
    struct tmx t = {.b = b, .cls = -1};
    const int64_t first = b->c->n_docs;
    t.xml = XML_ParserCreate("UTF-8"); /* whatever it was */
    if (t.xml == NULL)
        return error_set(b->e, ERROR_SYSTEM, "reading %s: no memory for the XML reader", b->path);
    XML_SetUserData(t.xml, &t);
    XML_SetElementHandler(t.xml, open_element, close_element);
    XML_SetCharacterDataHandler(t.xml, add_text);
    XML_SetEntityDeclHandler(t.xml, declare_entity);
    XML_SetSkippedEntityHandler(t.xml, skip_entity);
    XML_SetParamEntityParsing(t.xml, XML_PARAM_ENTITY_PARSING_NEVER);
    const bool ok = parse(&t, m);
    XML_ParserFree(t.xml);
    return ok && corpus_end_units(b, first, t.classes);
}
