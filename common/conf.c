#include "common/conf.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define NAME_MAX_LEN 64 /* of a key that is compared with the known ones */

struct load {
    const char *file; /* as told to the operator */
    yaml_document_t doc;
    char *err;
    size_t errsize;
};

static int fill(struct load *ld, const struct conf_key *keys, const yaml_node_t *map, void *out);

__attribute__((format(printf, 4, 5)))
static int complain(struct load *ld, const yaml_node_t *at, const char *key, const char *fmt, ...)
{
    struct buf b = buf_over(ld->err, ld->errsize ? ld->errsize - 1 : 0);
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    buf_printf(&b, "%s:%zu: %s: %s", ld->file, at ? at->start_mark.line + 1 : 1, key, why);
    if (ld->errsize)
        ld->err[b.len] = '\0';
    return -EINVAL;
}

static struct sv text_of(const yaml_node_t *node)
{
    return (struct sv){(const char *)node->data.scalar.value, node->data.scalar.length};
}

/* Edits from one word to the other (Levenshtein): how far a mistyped key is from a known one. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1], n_b = (unsigned)strlen(b);

    if (strlen(a) > NAME_MAX_LEN || n_b > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (unsigned j = 0; j <= n_b; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (unsigned j = 0; j < n_b; j++) {
            unsigned change = diagonal + (a[i] != b[j]);
            unsigned insert = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = change < insert ? change : insert;
        }
    }
    return row[n_b];
}

static int unknown_key(struct load *ld, const struct conf_key *keys, const yaml_node_t *name)
{
    const char *text = (const char *)name->data.scalar.value, *best = keys->name;
    unsigned least = UINT_MAX;

    for (const struct conf_key *k = keys; k->name; k++) {
        unsigned d = distance(text, k->name);

        if (d < least) {
            least = d;
            best = k->name;
        }
    }
    return complain(ld, name, text, "unknown key; write %s, or see --help-conf", best);
}

static bool parse_int(struct sv text, int64_t *out)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    uint64_t v;

    if (minus)
        text = (struct sv){text.p + 1, text.n - 1};
    if (sv_u64(text, INT64_MAX, &v))
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static int fill_int(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                    int64_t *out)
{
    bool bounded = key->min != 0 || key->max != 0;
    int64_t v;

    if (node->type == YAML_SCALAR_NODE && parse_int(text_of(node), &v) &&
        (!bounded || (v >= key->min && v <= key->max))) {
        *out = v;
        return 0;
    }
    if (!bounded)
        return complain(ld, node, key->name, "not a number; write a decimal number");
    return complain(ld, node, key->name,
                    "not a number in range; write one from %" PRId64 " to %" PRId64, key->min,
                    key->max);
}

static int fill_bool(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                     bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    for (unsigned i = 0; node->type == YAML_SCALAR_NODE && i < ARRAY_LEN(words); i++) {
        if (sv_iis(text_of(node), words[i])) {
            *out = i % 2;
            return 0;
        }
    }
    return complain(ld, node, key->name, "not a truth value; write true or false");
}

static int fill_str(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                    char **out)
{
    char why[160] = "";
    struct sv text;

    if (node->type != YAML_SCALAR_NODE)
        return complain(ld, node, key->name, "not a text; write one value behind the colon");
    text = text_of(node);
    if (text.n && memchr(text.p, '\0', text.n))
        return complain(ld, node, key->name, "holds a NUL; write text");
    if (key->check && key->check(text.p, why, sizeof why))
        return complain(ld, node, key->name, "\"%.80s\" does not do; write %s", text.p, why);
    *out = strdup(text.p);
    return *out ? 0 : -ENOMEM;
}

static size_t count_of(const yaml_node_t *list)
{
    return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

static yaml_node_t *item_of(struct load *ld, const yaml_node_t *list, size_t i)
{
    return yaml_document_get_node(&ld->doc, list->data.sequence.items.start[i]);
}

static int fill_strs(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                     struct conf_strs *out)
{
    int err = 0;

    if (node->type == YAML_SCALAR_NODE && key->max == CONF_OR_ONE) {
        out->v = calloc(1, sizeof *out->v);
        if (!out->v)
            return -ENOMEM;
        out->n = 1;
        return fill_str(ld, key, node, &out->v[0]);
    }
    if (node->type != YAML_SEQUENCE_NODE)
        return complain(ld, node, key->name, "not a list; write [first, second]");
    if (count_of(node) == 0)
        return 0;
    out->v = calloc(count_of(node), sizeof *out->v);
    if (!out->v)
        return -ENOMEM;
    for (size_t i = 0; i < count_of(node) && !err; i++, out->n++)
        err = fill_str(ld, key, item_of(ld, node, i), &out->v[i]);
    return err;
}

static int fill_table(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                      struct conf_rows *out)
{
    int err = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return complain(ld, node, key->name, "not a list of rows; write a line \"- %s: ...\"",
                        key->row->name);
    if (count_of(node) == 0)
        return 0;
    out->v = calloc(count_of(node), key->row_size);
    if (!out->v)
        return -ENOMEM;
    for (size_t i = 0; i < count_of(node) && !err; i++, out->n++) {
        const yaml_node_t *row = item_of(ld, node, i);

        if (row->type != YAML_MAPPING_NODE)
            return complain(ld, row, key->name, "a row that is no mapping; write \"- %s: ...\"",
                            key->row->name);
        err = fill(ld, key->row, row, (char *)out->v + i * key->row_size);
    }
    return err;
}

static int fill_value(struct load *ld, const struct conf_key *key, const yaml_node_t *node,
                      void *field)
{
    switch (key->type) {
    case CONF_STR:
        return fill_str(ld, key, node, field);
    case CONF_INT:
        return fill_int(ld, key, node, field);
    case CONF_BOOL:
        return fill_bool(ld, key, node, field);
    case CONF_STRS:
        return fill_strs(ld, key, node, field);
    case CONF_TABLE:
        return fill_table(ld, key, node, field);
    }
    return -EINVAL;
}

static int no_yaml(struct load *ld, const yaml_parser_t *parser)
{
    yaml_node_t at = {.start_mark = parser->problem_mark};

    return complain(ld, &at, "YAML", "%s; write KEY: VALUE lines",
                    parser->problem ? parser->problem : "no memory");
}

/* Loads the one document of the parser's input. 0, or complains with the line of the mistake. */
static int load_doc(struct load *ld, yaml_parser_t *parser)
{
    const yaml_node_t *root;
    yaml_document_t more;
    int err = 0;

    if (!yaml_parser_load(parser, &ld->doc))
        return no_yaml(ld, parser);
    if (!yaml_parser_load(parser, &more)) {
        yaml_document_delete(&ld->doc);
        return no_yaml(ld, parser);
    }
    root = yaml_document_get_root_node(&more); /* NULL: the end of the stream */
    if (root)
        err = complain(ld, root, "YAML", "a second document; write one");
    yaml_document_delete(&more);
    if (err)
        yaml_document_delete(&ld->doc);
    return err;
}

/* A CONF_STR default is the text itself unless it is quoted; the others are YAML. */
static int fill_default(const struct load *outer, const struct conf_key *key, void *field)
{
    struct load ld = {.file = "default", .err = outer->err, .errsize = outer->errsize};
    yaml_parser_t parser;
    int err;

    if (key->type == CONF_STR && key->def[0] != '"') {
        char **out = field;

        *out = strdup(key->def);
        return *out ? 0 : -ENOMEM;
    }
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)key->def, strlen(key->def));
    err = load_doc(&ld, &parser);
    if (!err) {
        const yaml_node_t *root = yaml_document_get_root_node(&ld.doc);

        err = root ? fill_value(&ld, key, root, field)
                   : complain(&ld, NULL, key->name, "empty default");
        yaml_document_delete(&ld.doc);
    }
    yaml_parser_delete(&parser);
    return err;
}

static const yaml_node_t *value_of(struct load *ld, const yaml_node_t *map, const char *name)
{
    const yaml_node_pair_t *p;

    for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        if (sv_is(text_of(yaml_document_get_node(&ld->doc, p->key)), name))
            return yaml_document_get_node(&ld->doc, p->value);
    }
    return NULL;
}

/* Every key of the mapping is known and stands there once. */
static int check_names(struct load *ld, const struct conf_key *keys, const yaml_node_t *map)
{
    const yaml_node_pair_t *p, *q;

    for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *name = yaml_document_get_node(&ld->doc, p->key);
        const struct conf_key *k = keys;

        if (name->type != YAML_SCALAR_NODE)
            return complain(ld, name, "YAML", "a key that is no word; write KEY: VALUE");
        while (k->name && !sv_is(text_of(name), k->name))
            k++;
        if (!k->name)
            return unknown_key(ld, keys, name);
        for (q = map->data.mapping.pairs.start; q < p; q++) {
            if (sv_is(text_of(yaml_document_get_node(&ld->doc, q->key)), k->name))
                return complain(ld, name, k->name, "stands here twice; write it once");
        }
    }
    return 0;
}

/* The depth of this recursion is that of the caller's table, never of the file. */
static int fill(struct load *ld, const struct conf_key *keys, const yaml_node_t *map, void *out)
{
    int err = map ? check_names(ld, keys, map) : 0;

    for (const struct conf_key *k = keys; k->name && !err; k++) {
        const yaml_node_t *value = map ? value_of(ld, map, k->name) : NULL;
        void *field = (char *)out + k->offset;

        if (value)
            err = fill_value(ld, k, value, field);
        else if (k->def)
            err = fill_default(ld, k, field);
    }
    return err;
}

static int fill_from_file(struct load *ld, const struct conf_key *keys, FILE *f, void *out)
{
    const yaml_node_t *root;
    yaml_parser_t parser;
    int err;

    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_file(&parser, f);
    err = load_doc(ld, &parser);
    if (!err) {
        root = yaml_document_get_root_node(&ld->doc); /* NULL: nothing but comments */
        if (root && root->type != YAML_MAPPING_NODE)
            err = complain(ld, root, "YAML", "not a mapping; write KEY: VALUE lines");
        else
            err = fill(ld, keys, root, out);
        yaml_document_delete(&ld->doc);
    }
    yaml_parser_delete(&parser);
    return err;
}

int conf_load(const struct conf_key *keys, const char *path, void *out, char *err, size_t errsize)
{
    struct load ld = {.file = path ? path : "default", .err = err, .errsize = errsize};
    int code;

    if (errsize)
        err[0] = '\0';
    if (path) {
        FILE *f = fopen(path, "re");

        if (!f) {
            code = -errno;
            snprintf(err, errsize, "%s: %s; write the name of a readable file", path,
                     strerror(errno));
            return code;
        }
        code = fill_from_file(&ld, keys, f, out);
        fclose(f);
    } else {
        code = fill(&ld, keys, NULL, out);
    }
    if (code == -ENOMEM)
        snprintf(err, errsize, "%s: no memory", ld.file);
    if (code)
        conf_free(keys, out);
    return code;
}

static void strs_free(struct conf_strs *s)
{
    for (unsigned i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct conf_strs){0};
}

void conf_free(const struct conf_key *keys, void *out)
{
    for (const struct conf_key *k = keys; k->name; k++) {
        void *field = (char *)out + k->offset;

        if (k->type == CONF_STR) {
            free(*(char **)field);
            *(char **)field = NULL;
        } else if (k->type == CONF_STRS) {
            strs_free(field);
        } else if (k->type == CONF_TABLE) {
            struct conf_rows *rows = field;

            for (unsigned i = 0; i < rows->n; i++)
                conf_free(k->row, (char *)rows->v + i * k->row_size);
            free(rows->v);
            *rows = (struct conf_rows){0};
        }
    }
}

static void help_range(const struct conf_key *k, struct buf *out)
{
    if (k->type == CONF_INT && (k->min != 0 || k->max != 0))
        buf_printf(out, " (%" PRId64 " to %" PRId64 ")", k->min, k->max);
}

static void help_default(const struct conf_key *k, struct buf *out)
{
    if (k->type != CONF_STR || k->def[0] == '"') {
        buf_str(out, k->def);
        return;
    }
    buf_u8(out, '"');
    for (const char *c = k->def; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_u8(out, '\\');
        buf_u8(out, (uint8_t)*c);
    }
    buf_u8(out, '"');
}

void conf_help(const struct conf_key *keys, struct buf *out)
{
    for (const struct conf_key *k = keys; k->name; k++) {
        buf_printf(out, "# %s", k->help);
        help_range(k, out);
        buf_u8(out, '\n');
        for (const struct conf_key *r = k->row; k->type == CONF_TABLE && r->name; r++) {
            buf_printf(out, "#   %s: %s", r->name, r->help);
            help_range(r, out);
            if (r->def) {
                buf_str(out, "; default ");
                help_default(r, out);
            }
            buf_u8(out, '\n');
        }
        buf_printf(out, k->def ? "%s: " : "# %s: ", k->name);
        if (k->def)
            help_default(k, out);
        buf_str(out, "\n\n");
    }
}
