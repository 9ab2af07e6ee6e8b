#include "engine/formats/pickle.h"
#include "engine/base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct pickle {
    struct pickle_value **value; /* all that were made */
    size_t n_values, values_cap;
    char **text;
    size_t n_texts, texts_cap;
    struct pickle_value none, truth[2];
    struct pickle_value *root;
};

/* The machine: bytes left to read, stack, positions of open marks, memo. */
struct machine {
    struct pickle *own;
    const uint8_t *start, *p, *end;
    const char *path;
    struct error *e;
    struct pickle_value **stack;
    size_t n_stack, stack_cap;
    size_t *mark;
    size_t n_marks, marks_cap;
    struct pickle_value **memo;
    size_t memo_cap, n_memo;
    bool stopped;
};

enum callable { CALL_NONE, CALL_DICT, CALL_TENSOR, CALL_PARAMETER, CALL_SIZE };

/* The only names that may occur. */
static const struct {
    const char *module, *name;
    enum callable call;
    struct storage_type storage;
} globals[] = {
    {"collections", "OrderedDict", CALL_DICT, {0}},
    {"torch._utils", "_rebuild_tensor_v2", CALL_TENSOR, {0}},
    {"torch._utils", "_rebuild_parameter", CALL_PARAMETER, {0}},
    {"torch", "Size", CALL_SIZE, {0}},
    {"torch", "FloatStorage", CALL_NONE, {"FloatStorage", "F32"}},
    {"torch", "HalfStorage", CALL_NONE, {"HalfStorage", "F16"}},
    {"torch", "BFloat16Storage", CALL_NONE, {"BFloat16Storage", "BF16"}},
    {"torch", "DoubleStorage", CALL_NONE, {"DoubleStorage", "F64"}},
    {"torch", "LongStorage", CALL_NONE, {"LongStorage", "I64"}},
    {"torch", "IntStorage", CALL_NONE, {"IntStorage", "I32"}},
    {"torch", "ShortStorage", CALL_NONE, {"ShortStorage", "I16"}},
    {"torch", "CharStorage", CALL_NONE, {"CharStorage", "I8"}},
    {"torch", "ByteStorage", CALL_NONE, {"ByteStorage", "U8"}},
    {"torch", "BoolStorage", CALL_NONE, {"BoolStorage", "BOOL"}},
    {"torch", "ComplexFloatStorage", CALL_NONE, {"ComplexFloatStorage", "C64"}},
    {"torch", "ComplexDoubleStorage", CALL_NONE, {"ComplexDoubleStorage", "C128"}},
};

static bool refuse(struct machine *m, const char *why)
{
    error_set(m->e, ERROR_INPUT, "%s: byte %td of the pickle: %s", m->path, m->p - m->start, why);
    return false;
}

/* ---- values and the stack */

static struct pickle_value *value_new(struct machine *m, enum pickle_kind kind)
{
    struct pickle *own = m->own;
    struct pickle_value *v = xcalloc(1, sizeof *v);
    v->kind = kind;
    own->value =
        grow(own->value, &own->values_cap, own->n_values + 1, sizeof(struct pickle_value *));
    own->value[own->n_values++] = v;
    return v;
}

static bool push(struct machine *m, struct pickle_value *v)
{
    m->stack = grow(m->stack, &m->stack_cap, m->n_stack + 1, sizeof(struct pickle_value *));
    m->stack[m->n_stack++] = v;
    return true;
}

/* The top n values above the last mark as *v, still on the stack. */
static bool top(struct machine *m, size_t n, struct pickle_value ***v)
{
    const size_t floor = m->n_marks > 0 ? m->mark[m->n_marks - 1] : 0;
    if (m->n_stack - floor < n)
        return refuse(m, "too few values on the stack");
    *v = m->stack + (m->n_stack - n);
    return true;
}

/* The values above the last mark, which goes: *v and *n, taken from the stack but valid until the
 * next push. */
static bool since_mark(struct machine *m, struct pickle_value ***v, size_t *n)
{
    if (m->n_marks == 0)
        return refuse(m, "no mark on the stack");
    const size_t floor = m->mark[--m->n_marks];
    *n = m->n_stack - floor;
    *v = m->stack + floor;
    m->n_stack = floor;
    return true;
}

static void items_add(struct pickle_value *to, struct pickle_value *const *v, size_t n)
{
    if (n == 0)
        return;
    to->items.v = grow(to->items.v, &to->items.cap, to->items.n + n, sizeof(struct pickle_value *));
    memcpy(to->items.v + to->items.n, v, n * sizeof(struct pickle_value *));
    to->items.n += n;
}

/* ---- bytes */

static bool take(struct machine *m, size_t n, const uint8_t **p)
{
    if ((size_t)(m->end - m->p) < n)
        return refuse(m, "the pickle ends in the middle of an opcode");
    *p = m->p;
    m->p += n;
    return true;
}

static bool take_le(struct machine *m, size_t n_bytes, uint64_t *out)
{
    const uint8_t *p = NULL;
    if (!take(m, n_bytes, &p))
        return false;
    *out = 0;
    for (size_t i = n_bytes; i > 0; i--)
        *out = *out << 8 | p[i - 1];
    return true;
}

/* ---- opcodes: constants */

static bool push_int(struct machine *m, int64_t x)
{
    struct pickle_value *v = value_new(m, PICKLE_INT);
    v->integer = x;
    return push(m, v);
}

static bool op_proto(struct machine *m)
{
    uint64_t version = 0;
    if (!take_le(m, 1, &version))
        return false;
    return (version >= 2 && version <= 5) ||
           error_set(m->e, ERROR_INPUT, "%s: pickle protocol %" PRIu64 ", expected 2 to 5", m->path,
                     version);
}
/* So many bytes are read at a time: that says nothing of what they mean. */
static bool op_frame(struct machine *m)
{
    uint64_t n = 0;
    return take_le(m, 8, &n) &&
           (n <= (uint64_t)(m->end - m->p) || refuse(m, "a frame beyond the pickle's end"));
}
static bool op_none(struct machine *m)
{
    return push(m, &m->own->none);
}
static bool op_true(struct machine *m)
{
    return push(m, &m->own->truth[1]);
}
static bool op_false(struct machine *m)
{
    return push(m, &m->own->truth[0]);
}

static bool op_binint(struct machine *m)
{
    uint64_t x = 0;
    return take_le(m, 4, &x) && push_int(m, (int32_t)(uint32_t)x);
}
static bool op_binint1(struct machine *m)
{
    uint64_t x = 0;
    return take_le(m, 1, &x) && push_int(m, (int64_t)x);
}
static bool op_binint2(struct machine *m)
{
    uint64_t x = 0;
    return take_le(m, 2, &x) && push_int(m, (int64_t)x);
}

static bool op_long1(struct machine *m)
{
    uint64_t n = 0, x = 0;
    if (!take_le(m, 1, &n))
        return false;
    if (n > 8)
        return refuse(m, "an integer of more than 64 bits");
    if (!take_le(m, (size_t)n, &x))
        return false;
    if (n > 0 && n < 8 && (x >> (8 * n - 1)) != 0)
        x |= UINT64_MAX << 8 * n;
    return push_int(m, (int64_t)x);
}

static bool op_binfloat(struct machine *m)
{
    const uint8_t *p = NULL;
    if (!take(m, 8, &p))
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    struct pickle_value *v = value_new(m, PICKLE_FLOAT);
    memcpy(&v->number, &bits, sizeof bits);
    return push(m, v);
}

static bool text(struct machine *m, size_t n_bytes)
{
    uint64_t n = 0;
    const uint8_t *p = NULL;
    if (!take_le(m, n_bytes, &n) || !take(m, (size_t)n, &p))
        return false;
    if (n > 0 && memchr(p, 0, (size_t)n) != NULL)
        return refuse(m, "a string with a NUL inside");
    struct pickle *own = m->own;
    own->text = grow(own->text, &own->texts_cap, own->n_texts + 1, sizeof *own->text);
    char *s = own->text[own->n_texts++] = xstrndup((const char *)p, (size_t)n);
    struct pickle_value *v = value_new(m, PICKLE_STRING);
    v->string.s = s;
    return push(m, v);
}
static bool op_binunicode(struct machine *m)
{
    return text(m, 4);
}
static bool op_short_binunicode(struct machine *m)
{
    return text(m, 1);
}
static bool op_binunicode8(struct machine *m)
{
    return text(m, 8);
}

/* ---- opcodes: containers */

static bool op_mark(struct machine *m)
{
    m->mark = grow(m->mark, &m->marks_cap, m->n_marks + 1, sizeof *m->mark);
    m->mark[m->n_marks++] = m->n_stack;
    return true;
}
static bool op_empty_dict(struct machine *m)
{
    return push(m, value_new(m, PICKLE_DICT));
}
static bool op_empty_list(struct machine *m)
{
    return push(m, value_new(m, PICKLE_LIST));
}
static bool op_empty_tuple(struct machine *m)
{
    return push(m, value_new(m, PICKLE_TUPLE));
}

static bool push_tuple(struct machine *m, struct pickle_value **v, size_t n)
{
    struct pickle_value *t = value_new(m, PICKLE_TUPLE);
    items_add(t, v, n);
    return push(m, t);
}

static bool op_tuple(struct machine *m)
{
    struct pickle_value **v = NULL;
    size_t n = 0;
    return since_mark(m, &v, &n) && push_tuple(m, v, n);
}

static bool tuple_of(struct machine *m, size_t n)
{
    struct pickle_value **v = NULL;
    if (!top(m, n, &v))
        return false;
    m->n_stack -= n;
    return push_tuple(m, v, n);
}
static bool op_tuple1(struct machine *m)
{
    return tuple_of(m, 1);
}
static bool op_tuple2(struct machine *m)
{
    return tuple_of(m, 2);
}
static bool op_tuple3(struct machine *m)
{
    return tuple_of(m, 3);
}

/* Adds to the container on top of the stack, of which nothing but the container is taken for
 * granted. */
static bool extend(struct machine *m, enum pickle_kind kind, struct pickle_value *const *v,
                   size_t n)
{
    struct pickle_value **to = NULL;
    if (!top(m, 1, &to))
        return false;
    if ((*to)->kind != kind)
        return refuse(m, kind == PICKLE_DICT ? "an item is set in what is no dict"
                                             : "a value is added to no list");
    if (kind == PICKLE_DICT && n % 2 != 0)
        return refuse(m, "a dict with a key and no value");
    items_add(*to, v, n);
    return true;
}

static bool extend_by(struct machine *m, enum pickle_kind kind, size_t n)
{
    struct pickle_value **v = NULL;
    if (!top(m, n, &v))
        return false;
    m->n_stack -= n;
    return extend(m, kind, v, n);
}
static bool op_setitem(struct machine *m)
{
    return extend_by(m, PICKLE_DICT, 2);
}
static bool op_append(struct machine *m)
{
    return extend_by(m, PICKLE_LIST, 1);
}

static bool extend_since_mark(struct machine *m, enum pickle_kind kind)
{
    struct pickle_value **v = NULL;
    size_t n = 0;
    return since_mark(m, &v, &n) && extend(m, kind, v, n);
}
static bool op_setitems(struct machine *m)
{
    return extend_since_mark(m, PICKLE_DICT);
}
static bool op_appends(struct machine *m)
{
    return extend_since_mark(m, PICKLE_LIST);
}

/* ---- opcodes: memo */

static bool put(struct machine *m, uint64_t i)
{
    struct pickle_value **v = NULL;
    if (!top(m, 1, &v))
        return false;
    /* Python counts from 0, one for each put: a larger index would only cost memory. */
    if (i > (uint64_t)(m->end - m->start))
        return refuse(m, "a memo index beyond the pickle's length");
    const size_t old = m->memo_cap;
    m->memo = grow(m->memo, &m->memo_cap, (size_t)i + 1, sizeof(struct pickle_value *));
    for (size_t k = old; k < m->memo_cap; k++)
        m->memo[k] = NULL;
    m->n_memo += m->memo[i] == NULL;
    m->memo[i] = *v;
    return true;
}
static bool op_memoize(struct machine *m)
{
    return put(m, m->n_memo);
}
static bool get(struct machine *m, uint64_t i)
{
    if (i >= m->memo_cap || m->memo[i] == NULL)
        return refuse(m, "a memo entry that was never put");
    return push(m, m->memo[i]);
}
static bool op_binput(struct machine *m)
{
    uint64_t i = 0;
    return take_le(m, 1, &i) && put(m, i);
}
static bool op_long_binput(struct machine *m)
{
    uint64_t i = 0;
    return take_le(m, 4, &i) && put(m, i);
}
static bool op_binget(struct machine *m)
{
    uint64_t i = 0;
    return take_le(m, 1, &i) && get(m, i);
}
static bool op_long_binget(struct machine *m)
{
    uint64_t i = 0;
    return take_le(m, 4, &i) && get(m, i);
}

/* ---- opcodes: names and calls */

static bool take_line(struct machine *m, const char **s, size_t *n)
{
    const uint8_t *end = memchr(m->p, '\n', (size_t)(m->end - m->p));
    if (end == NULL)
        return refuse(m, "a name without an end");
    *s = (const char *)m->p;
    *n = (size_t)(end - m->p);
    m->p = end + 1;
    return true;
}

static bool is_text(const char *s, size_t n, const char *text)
{
    return strlen(text) == n && memcmp(s, text, n) == 0;
}

static bool global(struct machine *m, const char *module, size_t n_module, const char *name,
                   size_t n_name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (is_text(module, n_module, globals[i].module) &&
            is_text(name, n_name, globals[i].name)) {
            struct pickle_value *v = value_new(m, PICKLE_GLOBAL);
            v->global = (int)i;
            return push(m, v);
        }
    return error_set(m->e, ERROR_INPUT,
                     "%s: the pickle names '%.*s.%.*s', which is no part of a state dict of "
                     "tensors (nothing was "
                     "executed)",
                     m->path, n_module < 100 ? (int)n_module : 100, module,
                     n_name < 100 ? (int)n_name : 100, name);
}

static bool op_global(struct machine *m)
{
    const char *module = NULL, *name = NULL;
    size_t n_module = 0, n_name = 0;
    return take_line(m, &module, &n_module) && take_line(m, &name, &n_name) &&
           global(m, module, n_module, name, n_name);
}
static bool op_stack_global(struct machine *m)
{
    struct pickle_value **v = NULL;
    if (!top(m, 2, &v))
        return false;
    m->n_stack -= 2;
    if (v[0]->kind != PICKLE_STRING || v[1]->kind != PICKLE_STRING)
        return refuse(m, "a name that is no string");
    return global(m, v[0]->string.s, strlen(v[0]->string.s), v[1]->string.s,
                  strlen(v[1]->string.s));
}

static bool op_binpersid(struct machine *m)
{
    struct pickle_value **v = NULL;
    if (!top(m, 1, &v))
        return false;
    m->n_stack--;
    const struct pickle_value *id = *v;
    struct pickle_value *const *a = id->items.v;
    if (id->kind != PICKLE_TUPLE || id->items.n != 5 || a[0]->kind != PICKLE_STRING ||
        a[1]->kind != PICKLE_GLOBAL || a[2]->kind != PICKLE_STRING || a[3]->kind != PICKLE_STRING ||
        a[4]->kind != PICKLE_INT || strcmp(a[0]->string.s, "storage") != 0)
        return refuse(m, "a persistent id that is no storage");
    const struct storage_type *type = &globals[a[1]->global].storage;
    if (type->name == NULL || a[4]->integer < 0)
        return refuse(m, "a storage without a type or with a negative size");
    struct pickle_value *s = value_new(m, PICKLE_STORAGE);
    s->storage.type = type;
    s->storage.key = a[2]->string.s;
    s->storage.n = a[4]->integer;
    return push(m, s);
}

static bool is_ints(const struct pickle_value *v)
{
    if (v->kind != PICKLE_TUPLE)
        return false;
    for (size_t i = 0; i < v->items.n; i++)
        if (v->items.v[i]->kind != PICKLE_INT)
            return false;
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static bool call_tensor(struct machine *m, const struct pickle_value *args)
{
    struct pickle_value *const *a = args->items.v;
    const size_t n = args->items.n;
    if ((n != 6 && n != 7) || a[0]->kind != PICKLE_STORAGE || a[1]->kind != PICKLE_INT ||
        !is_ints(a[2]) || !is_ints(a[3]) || a[2]->items.n != a[3]->items.n)
        return refuse(
            m, "_rebuild_tensor_v2 with other arguments than storage, offset, size and stride");
    /* Metadata say that the bytes are to be read conjugated or negated. */
    if (n == 7 && a[6]->kind != PICKLE_NONE && !(a[6]->kind == PICKLE_DICT && a[6]->items.n == 0))
        return refuse(m, "_rebuild_tensor_v2 with metadata");
    struct pickle_value *t = value_new(m, PICKLE_TENSOR);
    t->tensor.storage = a[0];
    t->tensor.offset = a[1]->integer;
    t->tensor.size = a[2];
    t->tensor.stride = a[3];
    return push(m, t);
}

static bool op_reduce(struct machine *m)
{
    struct pickle_value **v = NULL;
    if (!top(m, 2, &v))
        return false;
    m->n_stack -= 2;
    const struct pickle_value *f = v[0], *args = v[1];
    if (f->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return refuse(m, "a call of what is no name");
    struct pickle_value *const *a = args->items.v;
    switch (globals[f->global].call) {
    case CALL_DICT:
        if (args->items.n != 0)
            return refuse(m, "OrderedDict with arguments");
        return push(m, value_new(m, PICKLE_DICT));
    case CALL_SIZE:
        if (args->items.n != 1 || !is_ints(a[0]))
            return refuse(m, "torch.Size of what are no integers");
        return push(m, a[0]);
    case CALL_PARAMETER:
        if (args->items.n != 3 || a[0]->kind != PICKLE_TENSOR)
            return refuse(m, "_rebuild_parameter of what is no tensor");
        return push(m, a[0]);
    case CALL_TENSOR: return call_tensor(m, args);
    case CALL_NONE: break;
    }
    return refuse(m, "a call of a storage type");
}

/* The attributes of an OrderedDict (a state dict's _metadata: versions of its modules) say nothing
 * of its tensors. */
static bool op_build(struct machine *m)
{
    struct pickle_value **v = NULL;
    if (!top(m, 2, &v))
        return false;
    if (v[0]->kind != PICKLE_DICT || v[1]->kind != PICKLE_DICT)
        return refuse(m, "attributes of what is no dict");
    m->n_stack--;
    return true;
}

static bool op_stop(struct machine *m)
{
    if (m->n_stack != 1 || m->n_marks != 0)
        return refuse(m, "the pickle stops with other than one value");
    m->own->root = m->stack[0];
    m->stopped = true;
    return true;
}

/* pickletools' names; those without a function are refused by name. */
static const struct {
    const char *name;
    bool (*run)(struct machine *);
} opcodes[256] = {
    [0x80] = {"PROTO", op_proto},
    ['.'] = {"STOP", op_stop},
    ['('] = {"MARK", op_mark},
    ['N'] = {"NONE", op_none},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    ['J'] = {"BININT", op_binint},
    ['K'] = {"BININT1", op_binint1},
    ['M'] = {"BININT2", op_binint2},
    [0x8a] = {"LONG1", op_long1},
    ['G'] = {"BINFLOAT", op_binfloat},
    ['X'] = {"BINUNICODE", op_binunicode},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    [']'] = {"EMPTY_LIST", op_empty_list},
    [')'] = {"EMPTY_TUPLE", op_empty_tuple},
    ['t'] = {"TUPLE", op_tuple},
    [0x85] = {"TUPLE1", op_tuple1},
    [0x86] = {"TUPLE2", op_tuple2},
    [0x87] = {"TUPLE3", op_tuple3},
    ['s'] = {"SETITEM", op_setitem},
    ['u'] = {"SETITEMS", op_setitems},
    ['a'] = {"APPEND", op_append},
    ['e'] = {"APPENDS", op_appends},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    ['h'] = {"BINGET", op_binget},
    ['j'] = {"LONG_BINGET", op_long_binget},
    ['c'] = {"GLOBAL", op_global},
    ['Q'] = {"BINPERSID", op_binpersid},
    ['R'] = {"REDUCE", op_reduce},
    ['b'] = {"BUILD", op_build},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['F'] = {"FLOAT", NULL},
    ['I'] = {"INT", NULL},
    ['L'] = {"LONG", NULL},
    ['P'] = {"PERSID", NULL},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", NULL},
    ['U'] = {"SHORT_BINSTRING", NULL},
    ['V'] = {"UNICODE", NULL},
    ['d'] = {"DICT", NULL},
    ['g'] = {"GET", NULL},
    ['i'] = {"INST", NULL},
    ['l'] = {"LIST", NULL},
    ['o'] = {"OBJ", NULL},
    ['p'] = {"PUT", NULL},
    [0x81] = {"NEWOBJ", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    [0x8b] = {"LONG4", NULL},
    ['B'] = {"BINBYTES", NULL},
    ['C'] = {"SHORT_BINBYTES", NULL},
    [0x8c] = {"SHORT_BINUNICODE", op_short_binunicode},
    [0x8d] = {"BINUNICODE8", op_binunicode8},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", op_stack_global},
    [0x94] = {"MEMOIZE", op_memoize},
    [0x95] = {"FRAME", op_frame},
};

static bool step(struct machine *m)
{
    const uint8_t *op = NULL;
    if (!take(m, 1, &op))
        return false;
    if (opcodes[*op].run != NULL)
        return opcodes[*op].run(m);
    return error_set(m->e, ERROR_INPUT,
                     "%s: byte %td of the pickle: opcode 0x%02x (%s), which a state dict of "
                     "tensors does not need",
                     m->path, op - m->start, *op,
                     opcodes[*op].name != NULL ? opcodes[*op].name : "unknown");
}

struct pickle *pickle_read(const uint8_t *p, size_t n, const char *path, struct error *e)
{
    if (n > PICKLE_MAX) {
        error_set(e, ERROR_INPUT, "%s: a pickle of %zu bytes, expected at most %zu", path, n,
                  PICKLE_MAX);
        return NULL;
    }
    struct machine m = {
        .own = xcalloc(1, sizeof *m.own), .start = p, .p = p, .end = p + n, .path = path, .e = e};
    m.own->truth[0].kind = m.own->truth[1].kind = PICKLE_BOOL;
    m.own->truth[1].truth = true;
    m.stack = grow(NULL, &m.stack_cap, 16,
                   sizeof(struct pickle_value *)); /* never NULL, even while empty */
    bool ok = true;
    while (ok && !m.stopped)
        ok = step(&m);
    free(m.stack);
    free(m.mark);
    free(m.memo);
    if (ok)
        return m.own;
    pickle_free(m.own);
    return NULL;
}

void pickle_free(struct pickle *own)
{
    if (own == NULL)
        return;
    for (size_t i = 0; i < own->n_values; i++) {
        const enum pickle_kind kind = own->value[i]->kind;
        if (kind == PICKLE_TUPLE || kind == PICKLE_LIST || kind == PICKLE_DICT)
            free(own->value[i]->items.v);
        free(own->value[i]);
    }
    for (size_t i = 0; i < own->n_texts; i++)
        free(own->text[i]);
    free(own->value);
    free(own->text);
    free(own);
}

const struct pickle_value *pickle_root(const struct pickle *own)
{
    return own->root;
}
