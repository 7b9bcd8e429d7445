/* struct iq_stream as state, by a table of its optional fields: each of them begins with `bool
 * set`. */
#include "agw/ctl/spec.h"

#include <errno.h>

enum field_type { F_PLAIN, F_TEXT, F_TEXTS };

static const struct field {
    size_t offset, size;
    enum field_type type;
} fields[] = {
#define F(f, t)                                                                                    \
    {                                                                                              \
        offsetof(struct iq_stream, f), sizeof(((struct iq_stream *)0)->f), t                       \
    }
    F(realm, F_TEXT),
    F(strdeagg, F_PLAIN),
    F(sctpid, F_PLAIN),
    F(saf, F_PLAIN),
    F(sam, F_TEXTS),
    F(spf, F_PLAIN),
    F(spr, F_TEXT),
    F(esas, F_PLAIN),
    F(esps, F_PLAIN),
    F(lsa, F_TEXT),
    F(lsp, F_PLAIN),
    F(pol, F_PLAIN),
    F(sdr, F_PLAIN),
    F(pdr, F_PLAIN),
    F(mbs, F_PLAIN),
    F(dvt, F_PLAIN),
    F(dscp, F_PLAIN),
    F(tb, F_TEXT),
    F(rtcp_rsb, F_PLAIN),
    F(interlink, F_TEXT),
#undef F
};

static bool is_set(const struct iq_stream *s, const struct field *f)
{
    return *(const bool *)((const char *)s + f->offset);
}

void spec_clear_events(struct iq_stream *s)
{
    s->notify_dtls = s->notify_tcp = s->notify_sctp = s->notify_sctp_reset = s->notify_consent =
        s->notify_ice = s->notify_ice_peer = false;
}

static void clear_signals(struct iq_stream *s)
{
    s->dtls_establish = s->dtls_release = s->act_stun = s->tcp_establish = s->tcp_release = false;
    s->latch = IQ_LATCH_NONE;
    s->sctp_reset.set = s->consent_test.set = s->ice_check.set = s->ice_nomination.set = false;
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
    cur->ice_check = asked->ice_check;
    if (has_events) {
        cur->notify_dtls = asked->notify_dtls;
        cur->notify_tcp = asked->notify_tcp;
        cur->notify_sctp = asked->notify_sctp;
        cur->notify_sctp_reset = asked->notify_sctp_reset;
        cur->notify_consent = asked->notify_consent;
        cur->notify_ice = asked->notify_ice;
        cur->notify_ice_peer = asked->notify_ice_peer;
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
