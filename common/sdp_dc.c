/* a=dcmap and a=dcsa: data channels negotiated by SDP (RFC 8864 5.1, 5.2). */
#include <errno.h>

#include "common/enc.h"
#include "common/sdp_attr.h"

#define DCMAP_TEXT_MAX 1024
#define STREAM_ID_MAX 65534 /* 65535 is reserved, RFC 8864 5.1.2 */
#define PRIORITY_DEFAULT 256

/* %xx undone. NULL view: no memory, a bad escape, or no UTF-8. */
static struct sv unescape(struct arena *a, struct sv in)
{
    struct sv out = arena_sv(a, in);
    char *to = (char *)out.p;
    size_t n = 0;

    if (!to)
        return SV_NONE;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '%') {
            to[n++] = in.p[i];
            continue;
        }
        if (in.n - i < 3 || enc_unhex((struct sv){in.p + i + 1, 2}, to + n, 1) != 1)
            return SV_NONE;
        n++;
        i += 2;
    }
    to[n] = '\0';
    return enc_is_utf8(to, n) ? (struct sv){to, n} : SV_NONE;
}

/* The text up to the next ';' outside quotes leaves *rest. */
static struct sv cut_option(struct sv *rest)
{
    struct sv head = {rest->p, 0};
    bool quoted = false;

    while (head.n < rest->n && (quoted || rest->p[head.n] != ';')) {
        if (rest->p[head.n] == '"')
            quoted = !quoted;
        head.n++;
    }
    if (head.n == rest->n)
        *rest = SV_NONE;
    else
        *rest = (struct sv){rest->p + head.n + 1, rest->n - head.n - 1};
    return sv_trim(head);
}

/* A quoted string, or the bare word that charts draw. */
static int text_option(struct arena *a, struct sv value, struct sv *out)
{
    struct sv text;

    if (value.n > 0 && value.p[0] == '"') {
        if (value.n < 2 || value.p[value.n - 1] != '"')
            return -EBADMSG;
        value = (struct sv){value.p + 1, value.n - 2};
    }
    if (value.n > 0 && memchr(value.p, '"', value.n))
        return -EBADMSG;
    text = unescape(a, value);
    if (!text.p)
        return -EBADMSG;
    *out = text;
    return 0;
}

static int bool_option(struct sv value, bool *out)
{
    if (!sv_iis(value, "true") && !sv_iis(value, "false"))
        return -EBADMSG;
    *out = sv_iis(value, "true");
    return 0;
}

static int take_option(struct arena *a, struct sv name, struct sv value, struct sdp_dcmap *d)
{
    uint32_t number;

    if (sv_iis(name, "label"))
        return text_option(a, value, &d->label);
    if (sv_iis(name, "subprotocol"))
        return text_option(a, value, &d->subprotocol);
    if (sv_iis(name, "ordered"))
        return bool_option(value, &d->ordered);
    if (sv_iis(name, "max-retr")) {
        d->has_max_retr = true;
        return sv_u32(value, UINT32_MAX, &d->max_retr);
    }
    if (sv_iis(name, "max-time")) {
        d->has_max_time = true;
        return sv_u32(value, UINT32_MAX, &d->max_time);
    }
    if (sv_iis(name, "priority")) {
        if (sv_u32(value, UINT16_MAX, &number))
            return -EBADMSG;
        d->priority = (uint16_t)number;
    }
    return 0; /* an option of a later RFC says nothing to us */
}

int sdp_dcmap_parse(struct arena *a, struct sv value, struct sdp_dcmap *out)
{
    struct sdp_dcmap d = {.ordered = true, .priority = PRIORITY_DEFAULT};
    struct sv id = sv_word(&value);
    uint32_t number;

    if (sv_u32(id, STREAM_ID_MAX, &number))
        return -EBADMSG;
    d.id = (uint16_t)number;
    while (value.n > 0) {
        struct sv rest = cut_option(&value), name = sv_cut(&rest, '=');

        if (name.n == 0 || !rest.p || take_option(a, sv_trim(name), sv_trim(rest), &d))
            return -EBADMSG;
    }
    if (d.has_max_retr && d.has_max_time) /* RFC 8864 5.1.6: one or the other */
        return -EBADMSG;
    *out = d;
    return 0;
}

/* quoted-char of RFC 8864 5.1 is visible ASCII but '"' and '%'; all else travels as %XX. */
static void put_text(struct buf *b, const char *name, struct sv text)
{
    buf_printf(b, "%s=\"", name);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < ' ' || c > '~' || c == '"' || c == '%')
            buf_printf(b, "%%%02X", c);
        else
            buf_u8(b, c);
    }
    buf_str(b, "\";");
}

int sdp_dcmap_add(struct arena *a, struct sdp_attr **list, const struct sdp_dcmap *in)
{
    char text[DCMAP_TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);

    buf_printf(&b, "%u ", in->id);
    if (in->label.n)
        put_text(&b, "label", in->label);
    if (in->subprotocol.n)
        put_text(&b, "subprotocol", in->subprotocol);
    if (!in->ordered)
        buf_str(&b, "ordered=false;");
    if (in->has_max_retr)
        buf_printf(&b, "max-retr=%u;", in->max_retr);
    if (in->has_max_time)
        buf_printf(&b, "max-time=%u;", in->max_time);
    if (in->priority != PRIORITY_DEFAULT)
        buf_printf(&b, "priority=%u;", in->priority);
    if (buf_err(&b))
        return buf_err(&b);
    b.len--; /* the last ';', or the blank of a bare id */
    return sdp_attr_add(a, list, "dcmap", buf_sv(&b));
}

int sdp_dcsa_parse(struct sv value, uint16_t *id, struct sdp_attr *out)
{
    struct sv word = sv_word(&value);
    struct sdp_attr at;
    uint32_t number;

    if (sv_u32(word, STREAM_ID_MAX, &number) || sdp_attr_split(value, &at))
        return -EBADMSG;
    *id = (uint16_t)number;
    *out = at;
    return 0;
}
