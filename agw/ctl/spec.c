/* struct iq_stream as state, by a table of its optional fields: each of them begins with `bool
 * set`. */
#include "agw/ctl/spec.h"

#include <errno.h>

enum field_type { F_PLAIN, F_TEXT, F_TEXTS };

static const struct field {
    const char *name;
    size_t offset, size;
    enum field_type type;
    bool unsupported; /* known to the profile, not to this gateway: TS 29.334 5.2, an optional
                         element may be refused */
} fields[] = {
#define F(n, f, t, un)                                                                             \
    {                                                                                              \
        n, offsetof(struct iq_stream, f), sizeof(((struct iq_stream *)0)->f), t, un                \
    }
    F("ipdc/realm", realm, F_TEXT, false),
    F("mgroup/strdeagg", strdeagg, F_PLAIN, false),
    F("sctpbcc/sctpid", sctpid, F_PLAIN, false),
    F("gm/saf", saf, F_PLAIN, false),
    F("gm/sam", sam, F_TEXTS, true),
    F("gm/spf", spf, F_PLAIN, true),
    F("gm/spr", spr, F_TEXT, true),
    F("gm/esas", esas, F_PLAIN, true),
    F("gm/esps", esps, F_PLAIN, true),
    F("gm/lsa", lsa, F_TEXT, true),
    F("gm/lsp", lsp, F_PLAIN, true),
    F("tman/pol", pol, F_PLAIN, true),
    F("tman/sdr", sdr, F_PLAIN, true),
    F("tman/pdr", pdr, F_PLAIN, true),
    F("tman/mbs", mbs, F_PLAIN, true),
    F("tman/dvt", dvt, F_PLAIN, true),
    F("ds/dscp", dscp, F_PLAIN, false),
    F("ds/tb", tb, F_TEXT, false),
    F("rtcph/rsb", rtcp_rsb, F_PLAIN, false), /* says nothing about a stream without RTP */
    F("seplink/topology", interlink, F_TEXT, true),
#undef F
};

static bool is_set(const struct iq_stream *s, const struct field *f)
{
    return *(const bool *)((const char *)s + f->offset);
}

/* gm/spf = OFF and the like ask for nothing. */
static bool is_off(const struct iq_stream *s, const struct field *f)
{
    return f->size == sizeof(struct iq_bool) &&
           !((const struct iq_bool *)((const char *)s + f->offset))->v;
}

void spec_clear_events(struct iq_stream *s)
{
    s->notify_dtls = s->notify_tcp = s->notify_sctp = s->notify_sctp_reset = s->notify_consent =
        false;
}

static void clear_signals(struct iq_stream *s)
{
    s->dtls_establish = s->dtls_release = s->act_stun = s->tcp_establish = s->tcp_release = false;
    s->latch = IQ_LATCH_NONE;
    s->sctp_reset.set = s->consent_test.set = false;
}

void spec_merge(struct iq_stream *cur, const struct iq_stream *asked, bool has_events)
{
    cur->id = asked->id;
    if (asked->mode != H248_MODE_NONE)
        cur->mode = asked->mode;
    if (asked->reserved_value != H248_UNSET)
        cur->reserved_value = asked->reserved_value;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (is_set(asked, &fields[i]))
            memcpy((char *)cur + fields[i].offset, (const char *)asked + fields[i].offset,
                   fields[i].size);
    }
    if (asked->local || asked->local_empty) {
        cur->local = asked->local;
        cur->local_empty = asked->local_empty;
    }
    if (asked->remote || asked->remote_empty) {
        cur->remote = asked->remote;
        cur->remote_empty = asked->remote_empty;
    }
    cur->dtls_establish = asked->dtls_establish;
    cur->dtls_release = asked->dtls_release;
    cur->act_stun = asked->act_stun;
    cur->tcp_establish = asked->tcp_establish;
    cur->tcp_release = asked->tcp_release;
    cur->latch = asked->latch;
    cur->sctp_reset = asked->sctp_reset;
    cur->consent_test = asked->consent_test;
    if (has_events) {
        cur->notify_dtls = asked->notify_dtls;
        cur->notify_tcp = asked->notify_tcp;
        cur->notify_sctp = asked->notify_sctp;
        cur->notify_sctp_reset = asked->notify_sctp_reset;
        cur->notify_consent = asked->notify_consent;
    }
}

static int text_copy(struct arena *a, struct sv *v)
{
    *v = arena_sv(a, *v);
    return v->p ? 0 : -ENOMEM;
}

int spec_copy_texts(struct arena *a, struct iq_texts *dst, const struct iq_texts *src)
{
    int err = 0;

    *dst = *src;
    for (unsigned i = 0; i < dst->n && dst->set && !err; i++)
        err = text_copy(a, &dst->v[i]);
    return err;
}

int spec_copy(struct arena *a, struct iq_stream *dst, const struct iq_stream *src)
{
    int err = 0;

    *dst = *src;
    clear_signals(dst);
    for (size_t i = 0; i < ARRAY_LEN(fields) && !err; i++) {
        char *at = (char *)dst + fields[i].offset;

        if (!is_set(dst, &fields[i]))
            continue;
        if (fields[i].type == F_TEXT)
            err = text_copy(a, &((struct iq_text *)at)->v);
        else if (fields[i].type == F_TEXTS)
            err = spec_copy_texts(a, (struct iq_texts *)at,
                                  (const struct iq_texts *)((const char *)src + fields[i].offset));
    }
    if (!err && src->local && !(dst->local = sdp_copy(a, src->local)))
        err = -ENOMEM;
    if (!err && src->remote && !(dst->remote = sdp_copy(a, src->remote)))
        err = -ENOMEM;
    return err;
}

const char *spec_unsupported(const struct iq_stream *s)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].unsupported && is_set(s, &fields[i]) && !is_off(s, &fields[i]))
            return fields[i].name;
    }
    if (s->dtls_release)
        return "tlsbsc/RelBNC";
    if (s->tcp_release)
        return "tcpbcc/RelBNC";
    return NULL;
}
