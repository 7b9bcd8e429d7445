/* Look-up in the package tables; values between text and field with type and range check (H.248.1 12.2). */
#include "h248/pkg.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

static_assert(sizeof(enum iq_latch) == sizeof(int), "PKG_CHOICE reads and writes the enum as int");

const struct pkg *pkg_at(unsigned i)
{
    const struct pkg *const *const lists[] = {pkg_base, pkg_ip, pkg_sec, pkg_web, pkg_stat};

    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (const struct pkg *const *p = lists[l]; *p; p++) {
            if (i-- == 0)
                return *p;
        }
    }
    return NULL;
}

const struct pkg *pkg_find(struct sv name)
{
    const struct pkg *p;

    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        if (sv_iis(name, p->name))
            return p;
    }
    return NULL;
}

unsigned pkg_lookup(struct sv name, enum pkg_kind kind, const struct pkg **pkg, const struct pkg_item **item)
{
    static const unsigned unknown[] = {
        [PKG_PROPERTY] = 450, [PKG_EVENT] = 451, [PKG_SIGNAL] = 452, [PKG_STATISTIC] = 453,
    };
    struct sv rest = name, id = sv_cut(&rest, '/');
    const struct pkg *p = pkg_find(id);

    if (!p)
        return 440;
    for (unsigned i = 0; i < p->n_items; i++) {
        if (p->items[i].kind == kind && sv_iis(rest, p->items[i].name)) {
            *pkg = p;
            *item = &p->items[i];
            return 0;
        }
    }
    return unknown[kind];
}

const struct pkg_param *pkg_param_find(const struct pkg_item *item, struct sv name)
{
    for (unsigned i = 0; i < item->n_params; i++) {
        if (sv_iis(name, item->params[i].name))
            return &item->params[i];
    }
    return NULL;
}

enum pkg_scope pkg_scope_of(const struct pkg_item *item)
{
    if (item->field.scope)
        return item->field.scope;
    for (unsigned i = 0; i < item->n_params; i++) {
        enum pkg_scope s = item->params[i].field.scope;

        if (s == PKG_OF_STREAM || s == PKG_OF_TERM)
            return s;
    }
    return PKG_UNBOUND;
}

bool pkg_is_set(const struct pkg_def *def, const void *field)
{
    switch (def->type) {
    case PKG_FLAG:
        return *(const bool *)field;
    case PKG_BOOL:
        return ((const struct iq_bool *)field)->set;
    case PKG_FIXED:
        return ((const struct iq_int *)field)->set;
    case PKG_INT:
        return def->list ? ((const struct iq_ids *)field)->set : ((const struct iq_int *)field)->set;
    case PKG_STR:
        return def->list ? ((const struct iq_texts *)field)->set : ((const struct iq_text *)field)->set;
    case PKG_ENUM:
        return ((const struct iq_text *)field)->set;
    case PKG_CHOICE:
        return *(const int *)field != 0;
    }
    return false;
}

/* --- text to field --- */

/* H.248.1 B.2: decimal, or hexadecimal behind 0x; negatives decimal. */
static int int_read(const struct pkg_def *def, struct sv text, int64_t *out)
{
    bool minus = text.n > 1 && text.p[0] == '-';
    uint64_t v = 0;
    int64_t n;

    if (minus)
        text = (struct sv){text.p + 1, text.n - 1};
    if (!minus && text.n > 2 && text.n <= 2 + 15 && sv_istarts(text, "0x")) {
        for (size_t i = 2; i < text.n; i++) {
            const char *digits = "0123456789abcdef";
            const char *d = strchr(digits, text.p[i] | 0x20);

            if (!d || !*d)
                return -EBADMSG;
            v = v << 4 | (uint64_t)(d - digits);
        }
    } else if (sv_u64(text, INT64_MAX, &v)) {
        return -EBADMSG;
    }
    n = minus ? -(int64_t)v : (int64_t)v;
    if (n < def->min || n > def->max)
        return -EBADMSG;
    *out = n;
    return 0;
}

/* "4", "4.2", "4.21": hundredths; further decimals are cut. */
static int fixed_read(const struct pkg_def *def, struct sv text, int64_t *out)
{
    struct sv rest = text, whole = sv_cut(&rest, '.');
    uint64_t v, cents = 0;

    if (sv_u64(whole, INT64_MAX / 100 - 1, &v) || (rest.p && !rest.n))
        return -EBADMSG;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return -EBADMSG;
        if (i < 2)
            cents += (uint64_t)(rest.p[i] - '0') * (i == 0 ? 10 : 1);
    }
    *out = (int64_t)(v * 100 + cents);
    return *out < def->min || *out > def->max ? -EBADMSG : 0;
}

static int bool_read(struct sv text, bool *out)
{
    if (sv_iis(text, "ON") || sv_iis(text, "true"))
        *out = true;
    else if (sv_iis(text, "OFF") || sv_iis(text, "false"))
        *out = false;
    else
        return -EBADMSG;
    return 0;
}

/* An unquoted `$` asks us to choose, which no item of the profile allows. */
static int str_read(struct arena *a, const struct pkg_def *def, const struct h248_value *v, struct sv *out)
{
    struct sv copy;

    if ((int64_t)v->text.n < def->min || (int64_t)v->text.n > def->max || (!v->quoted && sv_is(v->text, "$")))
        return -EBADMSG;
    copy = arena_sv(a, v->text);
    if (!copy.p)
        return -ENOMEM;
    *out = copy;
    return 0;
}

static int word_read(const struct pkg_def *def, struct sv text)
{
    for (int i = 0; def->values[i]; i++) {
        if (sv_iis(text, def->values[i]))
            return i;
    }
    return -EBADMSG;
}

static int ids_read(const struct pkg_def *def, const struct h248_parm *p, struct iq_ids *out)
{
    struct iq_ids ids = {.set = true};
    const struct h248_value *v;
    int64_t n;

    DL_FOREACH(p->values, v) {
        if (ids.n == IQ_LIST_MAX || int_read(def, v->text, &n))
            return -EBADMSG;
        ids.v[ids.n++] = (uint16_t)n;
    }
    *out = ids;
    return 0;
}

static int texts_read(struct arena *a, const struct pkg_def *def, const struct h248_parm *p, struct iq_texts *out)
{
    struct iq_texts texts = {.set = true};
    const struct h248_value *v;
    int err;

    DL_FOREACH(p->values, v) {
        if (texts.n == IQ_LIST_MAX)
            return -EBADMSG;
        err = str_read(a, def, v, &texts.v[texts.n]);
        if (err)
            return err;
        texts.n++;
    }
    *out = texts;
    return 0;
}

static int one_read(struct arena *a, const struct pkg_def *def, const struct h248_value *v, void *field)
{
    struct iq_int n = {.set = true};
    struct iq_bool b = {.set = true};
    struct iq_text t = {.set = true};
    int word, err;

    switch (def->type) {
    case PKG_FIXED:
        err = fixed_read(def, v->text, &n.v);
        if (!err)
            *(struct iq_int *)field = n;
        return err;
    case PKG_INT:
        err = int_read(def, v->text, &n.v);
        if (!err)
            *(struct iq_int *)field = n;
        return err;
    case PKG_BOOL:
        err = bool_read(v->text, &b.v);
        if (!err)
            *(struct iq_bool *)field = b;
        return err;
    case PKG_STR:
        err = str_read(a, def, v, &t.v);
        if (!err)
            *(struct iq_text *)field = t;
        return err;
    case PKG_ENUM:
        word = word_read(def, v->text);
        if (word < 0)
            return word;
        t.v = sv_from(def->values[word]);
        *(struct iq_text *)field = t;
        return 0;
    case PKG_CHOICE:
        word = word_read(def, v->text);
        if (word < 0)
            return word;
        *(int *)field = word + 1;
        return 0;
    case PKG_FLAG:
        break;
    }
    return -EBADMSG;
}

int pkg_read(struct arena *a, const struct pkg_def *def, const struct h248_parm *p, void *field)
{
    bool single = p->values && !p->values->next;

    if (!p->values)
        return -EBADMSG;
    if (def->list) {
        /* a sub-list is an AND list; `= v` is taken as a list of one */
        if (p->rel != H248_REL_AND && !(p->rel == H248_REL_EQ && single))
            return -EBADMSG;
        return def->type == PKG_INT ? ids_read(def, p, field) : texts_read(a, def, p, field);
    }
    if (!single || (p->rel != H248_REL_EQ && p->rel != H248_REL_OR))
        return -EBADMSG;
    return one_read(a, def, p->values, field);
}

/* --- field to text --- */

/* H.248.1 B.2: a quoted string holds no quote and no control character. */
static bool str_is_fit(const struct pkg_def *def, struct sv s)
{
    if ((int64_t)s.n < def->min || (int64_t)s.n > def->max)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || (s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] > '~')
            return false;
    }
    return true;
}

static int str_write(struct arena *a, const struct pkg_def *def, struct sv text, struct h248_parm *p)
{
    struct sv copy;

    if (!str_is_fit(def, text))
        return -EINVAL;
    copy = arena_sv(a, text);
    return copy.p ? h248_value_add(a, p, copy, true) : -ENOMEM;
}

static int int_write(struct arena *a, const struct pkg_def *def, int64_t n, struct h248_parm *p)
{
    const char *text;

    if (n < def->min || n > def->max)
        return -EINVAL;
    text = arena_printf(a, "%" PRId64, n);
    return text ? h248_value_add(a, p, sv_from(text), false) : -ENOMEM;
}

static int fixed_write(struct arena *a, const struct pkg_def *def, int64_t n, struct h248_parm *p)
{
    const char *text;

    if (n < def->min || n > def->max)
        return -EINVAL;
    text = n % 100 ? arena_printf(a, "%" PRId64 ".%02d", n / 100, (int)(n % 100)) : arena_printf(a, "%" PRId64, n / 100);
    return text ? h248_value_add(a, p, sv_from(text), false) : -ENOMEM;
}

static int list_write(struct arena *a, const struct pkg_def *def, const void *field, struct h248_parm *p)
{
    const struct iq_ids *ids = field;
    const struct iq_texts *texts = field;
    unsigned n = def->type == PKG_INT ? ids->n : texts->n;
    int err = 0;

    if (n == 0 || n > IQ_LIST_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < n && !err; i++) {
        if (def->type == PKG_INT)
            err = int_write(a, def, ids->v[i], p);
        else
            err = str_write(a, def, texts->v[i], p);
    }
    return err;
}

static int one_write(struct arena *a, const struct pkg_def *def, const void *field, struct h248_parm *p)
{
    const struct iq_text *t = field;
    int word;

    switch (def->type) {
    case PKG_FIXED:
        return fixed_write(a, def, ((const struct iq_int *)field)->v, p);
    case PKG_INT:
        return int_write(a, def, ((const struct iq_int *)field)->v, p);
    case PKG_BOOL:
        return h248_value_add(a, p, ((const struct iq_bool *)field)->v ? SV("ON") : SV("OFF"), false);
    case PKG_STR:
        return str_write(a, def, t->v, p);
    case PKG_ENUM:
        word = word_read(def, t->v);
        return word < 0 ? -EINVAL : h248_value_add(a, p, sv_from(def->values[word]), false);
    case PKG_CHOICE:
        word = *(const int *)field - 1;
        for (int i = 0; def->values[i]; i++) {
            if (i == word)
                return h248_value_add(a, p, sv_from(def->values[i]), false);
        }
        return -EINVAL;
    case PKG_FLAG:
        break;
    }
    return -EINVAL;
}

int pkg_write(struct arena *a, const struct pkg_def *def, const void *field, const char *name, struct h248_parm **list)
{
    struct h248_parm *p = h248_parm_new(a, list, sv_from(name));

    if (!p)
        return -ENOMEM;
    p->rel = def->list ? H248_REL_AND : H248_REL_EQ;
    return def->list ? list_write(a, def, field, p) : one_write(a, def, field, p);
}
