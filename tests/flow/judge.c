#include "tests/flow/judge.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define TEXT_MAX 65536

int judge_sip_first(const struct chart_step *s, struct sv *method)
{
    struct sv rest = s->body, line = sv_line(&rest);
    uint32_t status;

    *method = sv_word(&line);
    return sv_u32(*method, 699, &status) ? 0 : (int)status;
}

static bool is_sdp(struct sv l)
{
    return l.n > 1 && l.p[1] == '=' && islower((unsigned char)l.p[0]);
}

/* The value of a header in a SIP message; all lines of that name are tried by `nth`. */
static bool header_nth(struct sv text, struct sv name, unsigned nth, struct sv *value)
{
    struct sv rest = text;

    sv_line(&rest);
    while (rest.n) {
        struct sv l = sv_line(&rest), v = l, n;

        if (!l.n)
            return false;
        n = sv_trim(sv_cut(&v, ':'));
        if (sv_ieq(n, name) && nth-- == 0) {
            *value = sv_trim(v);
            return true;
        }
    }
    return false;
}

static bool match_header(struct vars *vs, struct sv line, bool absent, struct sv text)
{
    struct sv want = line, name = sv_trim(sv_cut(&want, ':')), got;

    want = sv_trim(want);
    for (unsigned i = 0; header_nth(text, name, i, &got); i++) {
        if (absent && !want.n)
            return false;
        if (vars_match(vs, want, got, true))
            return !absent;
    }
    return absent;
}

/* The SDP of a message, as lines; sections start at m=. */
static struct sv sdp_of(struct sv text)
{
    const char *end = memmem(text.p, text.n, "\r\n\r\n", 4);

    return end ? (struct sv){end + 4, text.n - (size_t)(end + 4 - text.p)} : SV_NONE;
}

static struct sv section(struct sv *rest)
{
    struct sv start = *rest;
    bool first = true;

    while (rest->n) {
        struct sv peek = *rest, l = sv_line(&peek);

        if (!first && sv_starts(l, "m="))
            break;
        first = false;
        *rest = peek;
    }
    start.n = rest->n ? (size_t)(rest->p - start.p) : start.n;
    return start;
}

static bool line_in(struct vars *vs, struct sv want, struct sv sect, bool prefix)
{
    while (sect.n) {
        struct sv l = sv_line(&sect);

        if (prefix ? l.n >= want.n && !memcmp(l.p, want.p, want.n) : vars_match(vs, want, l, false))
            return true;
    }
    return false;
}

static bool match_sdp(struct vars *vs, struct sv want, bool absent, struct sv session, struct sv *cur,
                      struct sv *rest)
{
    if (!absent && sv_starts(want, "m=")) {
        while (rest->n) {
            struct sv lines;

            *cur = section(rest);
            lines = *cur;
            if (vars_match(vs, want, sv_line(&lines), false))
                return true;
        }
        return false;
    }
    if (absent)
        return !line_in(vs, want, *cur, true);
    return line_in(vs, want, *cur, false) || line_in(vs, want, session, false);
}

/* "MESSAGE <uri>": the Request-URI, too */
static bool fits_uri(struct vars *vs, const struct chart_step *s, struct sv first)
{
    struct sv rest = s->body, line = sv_line(&rest), want;

    sv_word(&line);
    want = sv_word(&line);
    sv_word(&first);
    return !want.n || vars_match(vs, want, sv_word(&first), false);
}

bool judge_sip(struct vars *vs, const struct chart_step *s, struct sv text, char *why, size_t size)
{
    struct sv rest = s->body, method, start = text, first, session, cur, sdp = sdp_of(text);
    int status = judge_sip_first(s, &method);

    first = sv_line(&start);
    if (status) {
        sv_word(&first);
        method = SV_NONE;
    } else if (!fits_uri(vs, s, first)) {
        snprintf(why, size, "got \"%.*s\"", SV_ARG(first));
        return false;
    }
    session = cur = section(&sdp);
    if (status ? atoi(sv_word(&first).p) != status : !sv_eq(sv_word(&first), method)) {
        struct sv all = text;

        first = sv_line(&all);
        snprintf(why, size, "got \"%.*s\"", SV_ARG(first));
        return false;
    }
    sv_line(&rest);
    while (rest.n) {
        struct sv l = sv_trim(sv_line(&rest));
        bool absent = l.n && l.p[0] == '!', ok;

        if (!l.n)
            continue;
        if (absent) {
            l.p++;
            l.n--;
        }
        if (l.p[0] == '|')
            ok = line_in(vs, (struct sv){l.p + 1, l.n - 1}, sdp_of(text), false);
        else
            ok = is_sdp(l) ? match_sdp(vs, l, absent, session, &cur, &sdp) : match_header(vs, l, absent, text);
        if (!ok) {
            snprintf(why, size, "%s \"%.*s\"", absent ? "there is" : "no match for", SV_ARG(l));
            return false;
        }
    }
    return true;
}

/* --- H.248 --- */

static bool leaf(void *arg, struct sv want, struct sv got)
{
    char text[2048];

    if (vars_unmask(arg, want, text, sizeof text))
        return false;
    return vars_match(arg, sv_from(text), got, true);
}

static bool octets(void *arg, struct sv want, struct sv got, char *why, size_t size)
{
    char text[8192];
    struct sv rest = SV_NONE, session, cur;

    if (vars_unmask(arg, want, text, sizeof text))
        return false;
    struct sv lines = sv_from(text);
    rest = got;
    session = cur = section(&rest);
    if (sv_starts(got, "m="))
        rest = got;
    while (lines.n) {
        struct sv l = sv_trim(sv_line(&lines));
        bool absent = l.n && l.p[0] == '!';

        if (!l.n)
            continue;
        if (absent) {
            l.p++;
            l.n--;
        }
        if (!match_sdp(arg, l, absent, session, &cur, &rest)) {
            snprintf(why, size, "SDP: %s \"%.*s\"", absent ? "there is" : "no match for", SV_ARG(l));
            return false;
        }
    }
    return true;
}

static int decode_body(struct sv body, struct arena *a, struct h248_txn **out, char *why, size_t size)
{
    struct h248_fault fault = {0};
    struct h248_msg *m = NULL;
    char *text = arena_printf(a, "MEGACO/2 chart\n%.*s", SV_ARG(body));
    int err = text ? h248_decode(a, sv_from(text), &m, &fault) : -ENOMEM;

    if (err || !m || !m->txns) {
        snprintf(why, size, "the chart's own message: %u:%u: %s", fault.line - 1, fault.column, fault.why);
        return -EBADMSG;
    }
    *out = m->txns;
    return 0;
}

bool judge_h248(struct vars *vs, const struct chart_step *s, const struct h248_txn *got, char *why, size_t size)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    char *masked = malloc(TEXT_MAX);
    struct vars *saved = malloc(sizeof *saved);
    struct h248_cmp c = {.exact = chart_flag(s, "exact"), .match = leaf, .octets = octets, .arg = vs};
    struct h248_txn *want, copy = *got;
    struct h248_mid mid = {.kind = H248_MID_DEVICE, .name = SV("chart")};
    bool ok = false;

    if (!a || !masked || !saved || vars_mask(vs, s->body, masked, TEXT_MAX) ||
        decode_body(sv_from(masked), a, &want, why, size))
        goto out;
    *saved = *vs;
    copy.prev = &copy;
    copy.next = NULL;
    want->tid = copy.tid; /* whose reply it is, the transaction layer has judged */
    struct h248_msg w = {.version = 2, .mid = mid, .txns = want}, g = {.version = 2, .mid = mid, .txns = &copy};
    ok = h248_compare(&w, &g, &c) == 1;
    if (!ok) {
        char text[256];

        *vs = *saved;
        vars_unmask(vs, sv_from(c.why), text, sizeof text);
        snprintf(why, size, "%s", text);
    }
out:
    arena_free(a);
    free(masked);
    free(saved);
    return ok;
}

/* "Transaction = <t1>": the id on the wire is the transaction layer's; the name only has to be one. */
static void name_tid(struct vars *vs, struct sv body)
{
    struct sv first = sv_line(&body), name;
    struct var *v;

    sv_cut(&first, '<');
    name = sv_cut(&first, '>');
    v = first.p && name.n ? vars_get(vs, name) : NULL;
    if (v && !v->bound)
        vars_set(vs, v->name, "1");
}

int judge_h248_build(struct vars *vs, const struct chart_step *s, struct arena *a, struct h248_txn **out, char *why,
                     size_t size)
{
    char *text = arena_alloc(a, TEXT_MAX), missing[VAR_NAME];
    int err;

    if (!text)
        return -ENOMEM;
    name_tid(vs, s->body);
    err = vars_fill(vs, s->body, text, TEXT_MAX, missing);
    if (err) {
        snprintf(why, size, "<%s> has no value here: add a `let`", missing);
        return err;
    }
    return decode_body(sv_from(text), a, out, why, size);
}
