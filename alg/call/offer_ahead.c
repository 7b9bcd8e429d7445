/* An answer to the core before the WIC is asked: its preconditions (RFC 3312) let nobody be rung until it has one. Ours then is
 * what every browser can (RFC 7874 3, RFC 7742 5) of what the core offers. */
#include <errno.h>
#include <string.h>

#include "alg/call/offer.h"

static const char *const known[RTP_KINDS][4] = {{"opus", "G722", "PCMU", "PCMA"}, {"VP8", "H264"}};

static bool is_known(enum rtp_kind kind, const struct codec *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(known[kind]) && known[kind][i]; i++) {
        if (sv_iis(c->name, known[kind][i]))
            return true;
    }
    return codec_is_aux(c);
}

static struct codec_list common_of(enum rtp_kind kind, const struct codec_list *offered, const struct codec_list *agreed)
{
    struct codec_list some = {0}, mine, theirs;

    for (unsigned i = 0; i < offered->n; i++) {
        if (is_known(kind, &offered->c[i]))
            some.c[some.n++] = offered->c[i];
    }
    codec_agree(offered, agreed ? agreed : &some, kind, &mine, &theirs);
    return mine;
}

int exch_ahead_line(struct exch *x, const struct rtp_line **said, const struct codec_list *agreed)
{
    struct rtp_line *l = *said ? ARENA_NEW(x->a, struct rtp_line) : NULL;

    if (!*said)
        return 0;
    if (!l)
        return -ENOMEM;
    *l = **said;
    l->codecs = common_of(l->kind, &(*said)->codecs, agreed);
    *said = codec_is_media(&l->codecs) && (!agreed || codec_covers(&l->codecs, agreed)) ? l : NULL;
    return 0;
}

int exch_write_ahead(struct exch *x, const struct media *m, struct sdp_own *own)
{
    static const struct sdp_media none = {0};
    static const struct rtp_line nobody = {.m = &none};
    int err;

    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        struct rline *r = &x->lay.rtp[i];

        if (r->state == CHAN_GONE)
            continue;
        x->web_rtp[i] = &nobody;
        r->dir[SIP_W2] = rtp_dir_answer(r->dir[SIP_MW], SDP_SENDRECV);
    }
    err = exch_write_answer(x, m, own);
    for (unsigned i = 0; i < x->lay.n_rtp; i++)
        x->web_rtp[i] = NULL;
    return err;
}

/* What may change until the WIC is asked: directions, addresses, and once less lines and codecs. */
int exch_read_ahead(struct exch *x, struct sv body, bool rung)
{
    unsigned open = exch_open(x), lines = x->lay.n_ims, n = x->lay.n_rtp;
    const struct rtp_line *said[RTP_LINE_MAX];
    struct ims_desc *ims = x->ims;
    int err = exch_save(x);

    if (err)
        return err == -EPROTO ? exch_refuse(x, 488, 399, "too many descriptions before the answer") : err;
    memcpy(said, x->ims_rtp, sizeof said);
    err = exch_read_offer(x, body);
    if (!err && (x->lay.n_ims != lines || x->lay.n_rtp != n || exch_open(x) == 0 || (rung && exch_open(x) != open)))
        err = exch_refuse(x, 488, 399, "not before the answer");
    if (!err)
        return 0;
    exch_restore(x);
    x->ims = ims;
    memcpy(x->ims_rtp, said, sizeof said);
    return err;
}
