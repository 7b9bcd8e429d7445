/* RFC 8866 section 5 line by line into struct sdp. One pass, no recursion. */
#include "common/sdp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <utlist.h>

#include "common/sdp_attr.h"

struct parse {
    struct arena *arena;
    enum sdp_strict strict;
    struct sdp *sdp;
    struct sdp_media *media; /* the section being read; NULL: session level */
    struct sdp_err *err;
    struct sv line;
    unsigned line_no, n_attrs, n_lines; /* of this section */
};

__attribute__((format(printf, 4, 5)))
static int refuse(struct parse *ps, int code, const char *at, const char *fmt, ...)
{
    va_list ap;

    if (ps->err) {
        ps->err->line = ps->line_no;
        ps->err->column = at ? (unsigned)(at - ps->line.p) + 1 : 1;
        va_start(ap, fmt);
        vsnprintf(ps->err->why, sizeof ps->err->why, fmt, ap);
        va_end(ap);
    }
    return code;
}

static int no_memory(struct parse *ps)
{
    return refuse(ps, -ENOMEM, NULL, "no memory");
}

/* The next word of a line's value; none left: refused with the name of what is missing. */
static int need_word(struct parse *ps, struct sv *rest, const char *what, struct sv *out)
{
    *out = sv_word(rest);
    if (out->n > 0)
        return 0;
    return refuse(ps, -EBADMSG, ps->line.p + ps->line.n, "%c= without %s", ps->line.p[0], what);
}

static int no_choose(struct parse *ps, struct sv word)
{
    if (ps->strict == SDP_SIP && sv_is(word, "$"))
        return refuse(ps, -EBADMSG, word.p, "$ belongs to H.248 alone");
    return 0;
}

static int no_rest(struct parse *ps, struct sv rest)
{
    rest = sv_trim(rest);
    if (rest.n > 0)
        return refuse(ps, -EBADMSG, rest.p, "%c= has a word too many", ps->line.p[0]);
    return 0;
}

static int parse_version(struct parse *ps, struct sv value)
{
    if (ps->sdp->has_version)
        return refuse(ps, -EBADMSG, NULL, "a second v=");
    if (!sv_is(sv_trim(value), "0"))
        return refuse(ps, -EBADMSG, value.p, "v= must be 0");
    ps->sdp->has_version = true;
    return 0;
}

static int parse_origin(struct parse *ps, struct sv value)
{
    struct sv *fields[] = {&ps->sdp->origin.user,    &ps->sdp->origin.sess_id,
                           &ps->sdp->origin.version, &ps->sdp->origin.nettype,
                           &ps->sdp->origin.addrtype, &ps->sdp->origin.addr};
    static const char *const names[] = {"user", "session id", "version",
                                        "network type", "address type", "address"};
    int err = 0;

    if (ps->sdp->has_origin)
        return refuse(ps, -EBADMSG, NULL, "a second o=");
    ps->sdp->has_origin = true;
    for (unsigned i = 0; i < ARRAY_LEN(fields) && !err; i++) {
        if (ps->strict == SDP_H248) { /* 7.1.8: "-" or short is fine, nobody reads it */
            *fields[i] = sv_word(&value);
            if (fields[i]->n == 0)
                *fields[i] = SV("-");
            continue;
        }
        err = need_word(ps, &value, names[i], fields[i]);
        if (!err)
            err = no_choose(ps, *fields[i]);
    }
    return err ? err : no_rest(ps, value);
}

static int parse_name(struct parse *ps, struct sv value)
{
    if (ps->sdp->has_name)
        return refuse(ps, -EBADMSG, NULL, "a second s=");
    ps->sdp->has_name = true;
    /* RFC 8866 5.3: never empty; seen empty all the same, and "-" means just that */
    ps->sdp->name = sv_trim(value).n ? value : SV("-");
    return 0;
}

static int keep_line(struct parse *ps, char type, struct sv value)
{
    struct sdp_line **list = ps->media ? &ps->media->lines : &ps->sdp->lines;
    struct sdp_line *l;

    if (++ps->n_lines > SDP_ATTR_MAX)
        return refuse(ps, -E2BIG, NULL, "more than %d lines in a section", SDP_ATTR_MAX);
    l = ARENA_NEW(ps->arena, struct sdp_line);
    if (!l)
        return no_memory(ps);
    l->type = type;
    l->value = value;
    DL_APPEND(*list, l);
    return 0;
}

static int parse_times(struct parse *ps, struct sv value)
{
    struct sv rest = value, word;
    uint64_t number;

    for (int i = 0; ps->strict == SDP_SIP && i < 2; i++) {
        int err = need_word(ps, &rest, i ? "stop time" : "start time", &word);

        if (err)
            return err;
        if (sv_u64(word, UINT64_MAX, &number))
            return refuse(ps, -EBADMSG, word.p, "t= wants decimal numbers");
    }
    if (ps->strict == SDP_SIP && sv_trim(rest).n > 0)
        return no_rest(ps, rest);
    if (ps->sdp->has_time)
        return keep_line(ps, 't', value);
    ps->sdp->has_time = true;
    ps->sdp->times = sv_trim(value).n ? value : SV("0 0");
    return 0;
}

static int parse_conn(struct parse *ps, struct sv value)
{
    struct sdp_conn *c = ps->media ? &ps->media->conn : &ps->sdp->conn;
    struct sdp_conn made = {.present = true};
    struct sv rest = value;
    int err;

    err = need_word(ps, &rest, "network type", &made.nettype);
    if (!err)
        err = need_word(ps, &rest, "address type", &made.addrtype);
    if (!err)
        err = need_word(ps, &rest, "address", &made.addr);
    if (!err)
        err = no_choose(ps, made.addr);
    if (!err)
        err = no_rest(ps, rest);
    if (err)
        return err;
    if (!c->present)
        *c = made;
    else if (ps->media) /* layered multicast, RFC 8866 5.7 */
        return keep_line(ps, 'c', value);
    else
        return refuse(ps, -EBADMSG, NULL, "a second c= for the session");
    return 0;
}

static int parse_bandwidth(struct parse *ps, struct sv value)
{
    struct sv rest = value, type = sv_cut(&rest, ':');
    uint64_t number;

    if (type.n == 0 || !rest.p)
        return refuse(ps, -EBADMSG, value.p, "b= wants TYPE:NUMBER");
    if (!(ps->strict == SDP_H248 && sv_is(sv_trim(rest), "$")) &&
        sv_u64(sv_trim(rest), UINT64_MAX, &number))
        return refuse(ps, -EBADMSG, rest.p, "b= wants a decimal number behind the colon");
    return keep_line(ps, 'b', value);
}

static int parse_attr(struct parse *ps, struct sv value)
{
    struct sdp_attr **list = ps->media ? &ps->media->attrs : &ps->sdp->attrs;
    struct sdp_attr split, *at;
    struct sv rest;
    int err = 0;

    if (++ps->n_attrs > SDP_ATTR_MAX)
        return refuse(ps, -E2BIG, NULL, "more than %d attributes in a section", SDP_ATTR_MAX);
    if (sdp_attr_split(value, &split))
        return refuse(ps, -EBADMSG, value.p, "a= without a name");
    for (rest = split.value; rest.n > 0 && !err;)
        err = no_choose(ps, sv_word(&rest));
    if (err)
        return err;
    at = ARENA_NEW(ps->arena, struct sdp_attr);
    if (!at)
        return no_memory(ps);
    *at = split;
    DL_APPEND(*list, at);
    return 0;
}

static int parse_port(struct parse *ps, struct sv word, struct sdp_media *m)
{
    struct sv count = word, port = sv_cut(&count, '/');
    uint32_t number;

    m->n_ports = 1;
    if (ps->strict == SDP_H248 && sv_is(port, "$"))
        m->port = SDP_PORT_CHOOSE;
    else if (sv_u32(port, UINT16_MAX, &number) == 0)
        m->port = (int)number;
    else
        return refuse(ps, -EBADMSG, word.p, "m= wants a port of 0 to 65535");
    if (count.p) {
        if (sv_u32(count, UINT16_MAX, &number) || number == 0)
            return refuse(ps, -EBADMSG, count.p, "m= wants a number of ports behind the slash");
        m->n_ports = (int)number;
    }
    return 0;
}

/* v= o= s= t= are there when the session part of a SIP body ends. */
static int session_complete(struct parse *ps)
{
    const struct sdp *s = ps->sdp;
    const char *missing = !s->has_version ? "v=" : !s->has_origin ? "o=" : !s->has_name ? "s="
                          : !s->has_time  ? "t=" : NULL;

    if (ps->strict == SDP_SIP && missing)
        return refuse(ps, -EBADMSG, NULL, "%s is missing", missing);
    return 0;
}

static int parse_media(struct parse *ps, struct sv value)
{
    struct sdp_media *m;
    struct sv port;
    int err = ps->media ? 0 : session_complete(ps);

    if (err)
        return err;
    if (ps->sdp->n_media == SDP_MEDIA_MAX)
        return refuse(ps, -E2BIG, NULL, "more than %d m= lines", SDP_MEDIA_MAX);
    m = ARENA_NEW(ps->arena, struct sdp_media);
    if (!m)
        return no_memory(ps);
    err = need_word(ps, &value, "media", &m->media);
    if (!err)
        err = need_word(ps, &value, "port", &port);
    if (!err)
        err = parse_port(ps, port, m);
    if (!err)
        err = need_word(ps, &value, "transport", &m->proto);
    if (err)
        return err;
    m->fmts = sv_trim(value);
    if (m->fmts.n == 0 && ps->strict == SDP_SIP)
        return need_word(ps, &value, "format", &m->fmts);
    DL_APPEND(ps->sdp->media, m);
    ps->sdp->n_media++;
    ps->media = m;
    ps->n_attrs = ps->n_lines = 0;
    return 0;
}

/* RFC 8866 section 5: v, o, s and t stand in this order; the rest is taken in any. */
static int check_place(struct parse *ps, char type)
{
    const struct sdp *s = ps->sdp;
    bool bad = false;

    if (ps->media && strchr("vostruepz", type))
        return refuse(ps, -EBADMSG, NULL, "%c= behind m=", type);
    if (ps->strict == SDP_H248)
        return 0;
    if (type != 'v' && !s->has_version)
        return refuse(ps, -EBADMSG, NULL, "v= must come first");
    if (type == 's')
        bad = !s->has_origin;
    else if (type != 'v' && type != 'o')
        bad = !s->has_origin || !s->has_name;
    if (bad)
        return refuse(ps, -EBADMSG, NULL, "%c= before %s", type, s->has_origin ? "s=" : "o=");
    return 0;
}

static int check_text(struct parse *ps)
{
    for (size_t i = 0; i < ps->line.n; i++) {
        unsigned char c = (unsigned char)ps->line.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return refuse(ps, -EBADMSG, ps->line.p + i, "control character 0x%02x", c);
    }
    if (ps->line.n < 2 || ps->line.p[1] != '=' || ps->line.p[0] < 'a' || ps->line.p[0] > 'z')
        return refuse(ps, -EBADMSG, NULL, "a line must look like x=value");
    return 0;
}

static int parse_line(struct parse *ps)
{
    struct sv value;
    char type;
    int err = check_text(ps);

    if (err)
        return err;
    type = ps->line.p[0];
    value = (struct sv){ps->line.p + 2, ps->line.n - 2};
    err = check_place(ps, type);
    if (err)
        return err;
    switch (type) {
    case 'v':
        return parse_version(ps, value);
    case 'o':
        return parse_origin(ps, value);
    case 's':
        return parse_name(ps, value);
    case 't':
        return parse_times(ps, value);
    case 'c':
        return parse_conn(ps, value);
    case 'b':
        return parse_bandwidth(ps, value);
    case 'a':
        return parse_attr(ps, value);
    case 'm':
        return parse_media(ps, value);
    case 'i': case 'k': case 'e': case 'p': case 'u': case 'r': case 'z':
        return keep_line(ps, type, value);
    default:
        /* RFC 8866 section 5: reject what has a type letter that is not understood */
        if (ps->strict == SDP_SIP)
            return refuse(ps, -EBADMSG, NULL, "unknown line type %c=", type);
        return keep_line(ps, type, value);
    }
}

/* The next line without its LF or CR LF; a CR elsewhere stays, to be refused. */
static struct sv next_line(struct sv *text)
{
    struct sv line = sv_cut(text, '\n');

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

int sdp_parse(struct arena *a, struct sv text, enum sdp_strict strict, struct sdp **out,
              struct sdp_err *err)
{
    struct parse ps = {.arena = a, .strict = strict, .err = err};
    int code;

    if (err)
        memset(err, 0, sizeof *err);
    ps.sdp = ARENA_NEW(a, struct sdp);
    if (!ps.sdp)
        return no_memory(&ps);
    while (text.n > 0) {
        ps.line = next_line(&text);
        ps.line_no++;
        /* the braces of H.248 text hold layout too; behind a SIP body there are empty lines */
        if (strict == SDP_H248) {
            while (ps.line.n > 0 && (ps.line.p[0] == ' ' || ps.line.p[0] == '\t'))
                ps.line = (struct sv){ps.line.p + 1, ps.line.n - 1};
            if (ps.line.n == 0)
                continue;
        } else if (ps.line.n == 0 && sv_trim(text).n == 0) {
            break;
        }
        code = parse_line(&ps);
        if (code)
            return code;
    }
    code = ps.media ? 0 : session_complete(&ps);
    if (!code)
        *out = ps.sdp;
    return code;
}
