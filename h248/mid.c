/* Message identifiers: mId of H.248.1 annex B.2 and 6 of its clause 8.3. Read, print, compare. */
#include <arpa/inet.h>
#include <stdio.h>

#include "h248/dec.h"

static bool is_domain(struct sv w)
{
    size_t i;

    if (!w.n || w.n > 255 || !lex_is(w.p[0], LEX_ALPHA | LEX_DIGIT))
        return false;
    for (i = 1; i < w.n; i++)
        if (!lex_is(w.p[i], LEX_ALPHA | LEX_DIGIT) && w.p[i] != '-' && w.p[i] != '.')
            return false;
    return true;
}

/* Four decimal octets of one to three digits; leading zeros are borne. */
static bool ip4_bytes(struct sv w, uint8_t out[4])
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        uint32_t v;
        struct sv part = sv_cut(&w, '.');

        if (lex_uint(part, 3, 255, &v) || (i < 3) != (w.p != NULL))
            return false;
        out[i] = (uint8_t)v;
    }
    return true;
}

static bool ip6_bytes(struct sv w, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];

    return sv_copy(w, text, sizeof(text)) < sizeof(text) && inet_pton(AF_INET6, text, out) == 1;
}

static bool mid_is_ip(struct sv w, enum h248_mid_kind *kind)
{
    uint8_t bytes[16];

    *kind = H248_MID_IP4;
    if (ip4_bytes(w, bytes))
        return true;
    *kind = H248_MID_IP6;
    return ip6_bytes(w, bytes);
}

/* The text between an opening character, at the cursor, and its closing one; nothing but SafeChar
 * and `:` inside. */
static int mid_enclosed(struct dec *d, char close, struct sv *out)
{
    const char *start = ++d->lx.p;

    while (lex_is(*d->lx.p, LEX_SAFE) || *d->lx.p == ':')
        d->lx.p++;
    if (*d->lx.p != close)
        return dec_unexpected(d, close == ']' ? "an address and ]" : "a domain name and >");
    *out = (struct sv){start, (size_t)(d->lx.p - start)};
    d->lx.p++;
    return 0;
}

static int mid_port(struct dec *d, struct h248_mid *out)
{
    if (*d->lx.p != ':')
        return 0;
    d->lx.p++;
    out->has_port = true;
    if (!lex_is(*d->lx.p, LEX_DIGIT))
        return dec_unexpected(d, "a port");
    return dec_u16(d, "port", &out->port);
}

static int mid_word(struct dec *d, struct h248_mid *out)
{
    int err = dec_word(d, &out->name, "a message identifier");

    if (err)
        return err;
    if (tok_find(out->name) == TOK_MTP && dec_next_is(d, '{')) {
        lex_take(&d->lx, '{');
        out->kind = H248_MID_MTP;
        err = dec_word(d, &out->name, "an MTP address");
        if (!err && (out->name.n < 4 || out->name.n > 8 || !lex_all(out->name, LEX_HEX)))
            return dec_bad(d, out->name.p, 0, "an MTP address has 4 to 8 hex digits");
        return err ? err : dec_expect(d, '}');
    }
    out->kind = H248_MID_DEVICE;
    if (!lex_is_path(out->name))
        return dec_bad(d, out->name.p, 0, "%.*s is no message identifier",
                       DEC_SHOW(out->name));
    return 0;
}

int dec_mid(struct dec *d, struct h248_mid *out)
{
    int err;

    lex_ws(&d->lx);
    if (*d->lx.p == '[') {
        err = mid_enclosed(d, ']', &out->name);
        if (!err && !mid_is_ip(out->name, &out->kind))
            return dec_bad(d, out->name.p, 0, "no IP address in the brackets");
    } else if (*d->lx.p == '<') {
        out->kind = H248_MID_DOMAIN;
        err = mid_enclosed(d, '>', &out->name);
        if (!err && !is_domain(out->name))
            return dec_bad(d, out->name.p, 0, "no domain name in the angle brackets");
    } else {
        return mid_word(d, out);
    }
    return err ? err : mid_port(d, out);
}

int h248_mid_parse(struct arena *a, struct sv text, struct h248_mid *out)
{
    struct h248_fault fault;
    struct h248_mid mid = {0};
    struct sv copy = arena_sv(a, text);
    struct dec d = {.a = a, .fault = &fault, .lx = {copy.p, copy.p, copy.p + copy.n}};

    if (!copy.p)
        return text.n ? -ENOMEM : -EINVAL;
    if (lex_is(*copy.p, LEX_BLANK | LEX_EOL) || *copy.p == ';' || dec_mid(&d, &mid) ||
        d.lx.p != d.lx.end)
        return -EINVAL;
    *out = mid;
    return 0;
}

int h248_mid_print(const struct h248_mid *mid, struct buf *out)
{
    static const char *const around[][2] = {
        [H248_MID_IP4] = {"[", "]"}, [H248_MID_IP6] = {"[", "]"}, [H248_MID_DOMAIN] = {"<", ">"},
        [H248_MID_DEVICE] = {"", ""}, [H248_MID_MTP] = {"MTP{", "}"},
    };

    buf_str(out, around[mid->kind][0]);
    buf_sv_put(out, mid->name);
    buf_str(out, around[mid->kind][1]);
    if (mid->has_port && mid->kind != H248_MID_DEVICE && mid->kind != H248_MID_MTP)
        buf_printf(out, ":%u", mid->port);
    return buf_err(out);
}

bool h248_mid_equal(const struct h248_mid *a, const struct h248_mid *b)
{
    uint8_t x[16], y[16];

    if (a->kind != b->kind || (a->has_port && b->has_port && a->port != b->port))
        return false;
    if (a->kind == H248_MID_IP4 && ip4_bytes(a->name, x) && ip4_bytes(b->name, y))
        return !memcmp(x, y, 4);
    if (a->kind == H248_MID_IP6 && ip6_bytes(a->name, x) && ip6_bytes(b->name, y))
        return !memcmp(x, y, 16);
    return sv_ieq(a->name, b->name);
}
