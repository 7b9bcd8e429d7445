/* JSON both ways: a walk over the rows of schema.h. */
#include "h248/h248_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/enc.h"
#include "h248/schema.h"

#define DEPTH_MAX 32 /* of nesting when reading; a message has no more than 12 */

/* --- to JSON --- */

static json_t *node_to_json(const struct sch *s, const void *node);

static json_t *text_to_json(struct sv text)
{
    json_t *j = json_stringn(text.n ? text.p : "", text.n);
    char *hex;

    if (j)
        return j;
    hex = malloc(2 * text.n + 1);
    if (!hex)
        return NULL;
    enc_hex(text.p, text.n, 0, hex);
    j = json_pack("{s:s}", "hex", hex);
    free(hex);
    return j;
}

static json_t *id_to_json(const struct sch_field *f, uint32_t id)
{
    if (f->type == SCH_CONTEXT && id == H248_CTX_NULL)
        return json_string("-");
    if (f->type == SCH_CONTEXT && id == H248_CTX_CHOOSE)
        return json_string("$");
    return id == H248_CTX_ALL ? json_string("*") : json_integer(id);
}

static json_t *flags_to_json(const struct sch_field *f, unsigned set)
{
    json_t *list = json_array();
    unsigned i;

    for (i = 0; i < f->n_names; i++)
        if (set & 1u << i)
            json_array_append_new(list, json_string(f->names[i]));
    return list;
}

static json_t *list_to_json(const struct sch *s, const void *head)
{
    json_t *list = json_array();
    const void *node;

    for (node = head; node && list; node = sch_next(s, node)) {
        if (json_array_append_new(list, node_to_json(s, node))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *field_to_json(const struct sch_field *f, const void *v)
{
    uint32_t e;

    switch (f->type) {
    case SCH_BOOL: return json_boolean(*(const bool *)v);
    case SCH_U16: return json_integer(*(const uint16_t *)v);
    case SCH_U32: return json_integer(*(const uint32_t *)v);
    case SCH_CONTEXT: case SCH_REQUEST: return id_to_json(f, *(const uint32_t *)v);
    case SCH_FLAGS: return flags_to_json(f, *(const unsigned *)v);
    case SCH_TEXT: case SCH_SDP: return text_to_json(*(const struct sv *)v);
    case SCH_BODY: return node_to_json(f->of, v);
    case SCH_PTR: return node_to_json(f->of, *(const void *const *)v);
    case SCH_LIST: return list_to_json(f->of, *(const void *const *)v);
    case SCH_ENUM: break;
    }
    e = *(const uint32_t *)v;
    return e < f->n_names ? json_string(f->names[e]) : NULL;
}

static bool fields_to_json(json_t *out, const struct sch *s, const void *node)
{
    unsigned i;

    for (i = 0; i < s->n; i++)
        if (sch_present(&s->fields[i], node) &&
            json_object_set_new(out, s->fields[i].name,
                                field_to_json(&s->fields[i], sch_at(node, &s->fields[i]))))
            return false;
    return true;
}

static json_t *node_to_json(const struct sch *s, const void *node)
{
    const struct sch *v = sch_variant(s, node);
    json_t *out = json_object();

    if (out && fields_to_json(out, s, node) && (!v || fields_to_json(out, v, node)))
        return out;
    json_decref(out);
    return NULL;
}

json_t *h248_to_json(const struct h248_msg *m)
{
    return node_to_json(&sch_msg, m);
}

/* --- from JSON --- */

struct reader {
    struct arena *a;
    char *err;
    size_t size;
    unsigned depth;
};

static int node_from_json(struct reader *r, const struct sch *s, const json_t *j, void *node);

static int refuse(struct reader *r, const char *name, const char *why)
{
    snprintf(r->err, r->size, "%s: %s", name, why);
    return -EINVAL;
}

static int text_from_json(struct reader *r, const struct sch_field *f, const json_t *j,
                          struct sv *out)
{
    const char *hex = json_string_value(json_object_get(j, "hex"));
    char *bytes;
    int n;

    if (json_is_string(j)) {
        *out = arena_sv(r->a, (struct sv){json_string_value(j), json_string_length(j)});
        return out->p ? 0 : -ENOMEM;
    }
    if (!hex)
        return refuse(r, f->name, "a string or {\"hex\": ...} is required");
    bytes = arena_alloc(r->a, strlen(hex) / 2 + 1);
    if (!bytes)
        return -ENOMEM;
    n = enc_unhex(sv_from(hex), bytes, strlen(hex) / 2);
    if (n < 0)
        return refuse(r, f->name, "no hex digits");
    *out = (struct sv){bytes, (size_t)n};
    return 0;
}

static int number_from_json(struct reader *r, const struct sch_field *f, const json_t *j,
                            uint32_t max, uint32_t *out)
{
    const char *word = json_string_value(j);
    json_int_t v = json_integer_value(j);

    if (word && f->type == SCH_CONTEXT && (!strcmp(word, "-") || !strcmp(word, "$"))) {
        *out = *word == '-' ? H248_CTX_NULL : H248_CTX_CHOOSE;
        return 0;
    }
    if (word && (f->type == SCH_CONTEXT || f->type == SCH_REQUEST) && !strcmp(word, "*")) {
        *out = H248_CTX_ALL;
        return 0;
    }
    if (!json_is_integer(j) || v < 0 || v > max)
        return refuse(r, f->name, "no number, or out of range");
    *out = (uint32_t)v;
    return 0;
}

static int name_from_json(struct reader *r, const struct sch_field *f, const json_t *j,
                          uint32_t *out)
{
    const char *word = json_string_value(j);
    unsigned i;

    for (i = 0; word && i < f->n_names; i++) {
        if (*f->names[i] && !strcmp(f->names[i], word)) {
            *out = i;
            return 0;
        }
    }
    return refuse(r, f->name, "no such name");
}

static int flags_from_json(struct reader *r, const struct sch_field *f, const json_t *j,
                           unsigned *out)
{
    uint32_t bit = 0;
    size_t i;
    int err = json_is_array(j) ? 0 : refuse(r, f->name, "an array of names is required");

    for (i = 0; !err && i < json_array_size(j); i++) {
        err = name_from_json(r, f, json_array_get(j, i), &bit);
        if (!err)
            *out |= 1u << bit;
    }
    return err;
}

static void **link_at(const struct sch *s, void *node, bool next)
{
    return (void **)((char *)node + s->prev + (next ? sizeof(void *) : 0));
}

static int list_from_json(struct reader *r, const struct sch_field *f, const json_t *j, void **head)
{
    void *node, *tail = NULL;
    size_t i;
    int err;

    if (!json_is_array(j))
        return refuse(r, f->name, "an array is required");
    for (i = 0; i < json_array_size(j); i++) {
        node = arena_alloc(r->a, f->of->size);
        if (!node)
            return -ENOMEM;
        err = node_from_json(r, f->of, json_array_get(j, i), node);
        if (err)
            return err;
        *link_at(f->of, node, false) = tail ? tail : node;
        if (tail)
            *link_at(f->of, tail, true) = node;
        else
            *head = node;
        tail = node;
        *link_at(f->of, *head, false) = tail; /* utlist: head->prev is the tail */
    }
    return 0;
}

static int field_from_json(struct reader *r, const struct sch_field *f, const json_t *j, void *node)
{
    void *v = (char *)node + f->at;
    uint32_t n;
    int err;

    if (f->has)
        *(bool *)((char *)node + f->has - 1) = true;
    switch (f->type) {
    case SCH_BOOL:
        *(bool *)v = json_is_true(j);
        return json_is_boolean(j) ? 0 : refuse(r, f->name, "true or false is required");
    case SCH_U16:
        err = number_from_json(r, f, j, UINT16_MAX, &n);
        if (!err)
            *(uint16_t *)v = (uint16_t)n;
        return err;
    case SCH_U32:
    case SCH_CONTEXT:
    case SCH_REQUEST:
        return number_from_json(r, f, j, UINT32_MAX, v);
    case SCH_ENUM: return name_from_json(r, f, j, v);
    case SCH_FLAGS: return flags_from_json(r, f, j, v);
    case SCH_TEXT: case SCH_SDP: return text_from_json(r, f, j, v);
    case SCH_BODY: return node_from_json(r, f->of, j, v);
    case SCH_LIST: return list_from_json(r, f, j, v);
    case SCH_PTR: break;
    }
    *(void **)v = arena_alloc(r->a, f->of->size);
    if (!*(void **)v)
        return -ENOMEM;
    if (f->of->prev) /* a list of one */
        *link_at(f->of, *(void **)v, false) = *(void **)v;
    return node_from_json(r, f->of, j, *(void **)v);
}

/* The fields of s that j has; *used counts them. */
static int fields_from_json(struct reader *r, const struct sch *s, const json_t *j, void *node,
                            size_t *used)
{
    unsigned i;
    int err = 0;

    for (i = 0; i < s->n && !err; i++) {
        const struct sch_field *f = &s->fields[i];
        const json_t *v = json_object_get(j, f->name);

        if (v) {
            ++*used;
            err = field_from_json(r, f, v, node);
        } else if (f->flags & SCH_ONE) {
            *(uint16_t *)((char *)node + f->at) = 1;
        } else if (s->variants && !i) {
            err = refuse(r, f->name, "is missing");
        }
    }
    return err;
}

static int unknown_member(struct reader *r, const struct sch *s, const struct sch *v, json_t *j)
{
    const char *key;
    json_t *value;
    unsigned i;
    bool known;

    json_object_foreach(j, key, value) {
        known = false;
        for (i = 0; i < s->n; i++)
            known |= !strcmp(key, s->fields[i].name);
        for (i = 0; v && i < v->n; i++)
            known |= !strcmp(key, v->fields[i].name);
        if (!known)
            return refuse(r, key, "no such member here");
    }
    return 0;
}

static int node_from_json(struct reader *r, const struct sch *s, const json_t *j, void *node)
{
    const struct sch *v = NULL;
    size_t used = 0;
    int err;

    if (!json_is_object(j))
        return refuse(r, s->name, "an object is required");
    if (++r->depth > DEPTH_MAX)
        return refuse(r, s->name, "nested too deep");
    err = fields_from_json(r, s, j, node, &used);
    if (!err) {
        v = sch_variant(s, node);
        err = v ? fields_from_json(r, v, j, node, &used) : 0;
    }
    if (!err && used != json_object_size(j))
        err = unknown_member(r, s, v, (json_t *)j);
    r->depth--;
    return err;
}

int h248_from_json(struct arena *a, const json_t *tree, struct h248_msg **out, char *err,
                   size_t size)
{
    struct reader r = {a, err, size, 0};
    struct h248_msg *m = ARENA_NEW(a, struct h248_msg);
    int res;

    if (!m)
        return -ENOMEM;
    res = node_from_json(&r, &sch_msg, tree, m);
    if (!res)
        *out = m;
    return res;
}
