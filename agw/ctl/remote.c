/* Remote descriptor: TS 29.334 5.15 lines c=, m=, a=setup, a=ice-*, a=fingerprint, a=sctp-port,
 * a=max-message-size. */
#include "agw/ctl/remote.h"

#include <errno.h>
#include <utlist.h>

#include "agw/ctl/limits.h"

#define SCTP_PORT_DEFAULT   5000u  /* RFC 8841 5.1 */
#define MAX_MESSAGE_DEFAULT 65536u /* RFC 8841 6 */

static int read_addr(const struct sdp *sdp, uint16_t stream, struct remote *out,
                     struct iq_fault *fault)
{
    const struct sdp_media *m = sdp->media;
    const struct sdp_conn *c = sdp_conn_of(sdp, m);

    if (!c)
        return iq_refuse(fault, 472, "Remote of stream %u: no c= line", stream);
    if (m->port == SDP_PORT_CHOOSE || sv_is(c->addr, "$"))
        return iq_refuse(fault, 449, "Remote of stream %u: $", stream);
    if (addr_parse(&out->addr, c->addr, (uint16_t)m->port))
        return iq_refuse(fault, 449, "Remote of stream %u: address %.*s", stream, SV_ARG(c->addr));
    return 0;
}

static int read_ice(const struct sdp *sdp, uint16_t stream, struct remote *out,
                    struct iq_fault *fault)
{
    const struct sdp_attr *ufrag = sdp_attr_of(sdp, sdp->media, "ice-ufrag");
    const struct sdp_attr *pwd = sdp_attr_of(sdp, sdp->media, "ice-pwd");

    if (!ufrag && !pwd)
        return 0;
    if (!ufrag || !pwd)
        return iq_refuse(fault, 472,
                         "Remote of stream %u: ice-ufrag without ice-pwd or the reverse", stream);
    /* RFC 8839 5.4: at least 4 and 22, at most 256 characters; what does not fit the bus is
     * refused, not cut */
    if (ufrag->value.n < 4 || ufrag->value.n >= sizeof out->ufrag)
        return iq_refuse(fault, 449, "Remote of stream %u: ice-ufrag", stream);
    if (pwd->value.n < 22 || pwd->value.n >= sizeof out->pwd)
        return iq_refuse(fault, 449, "Remote of stream %u: ice-pwd", stream);
    out->ice = true;
    sv_copy(ufrag->value, out->ufrag, sizeof out->ufrag);
    sv_copy(pwd->value, out->pwd, sizeof out->pwd);
    return 0;
}

/* Several are allowed (RFC 8122 5): SHA-256 if there, else the first of a hash that we can compute.
 */
static int read_fingerprint(const struct sdp *sdp, uint16_t stream, struct remote *out,
                            struct iq_fault *fault)
{
    static const char *const hashes[] = {"sha-256", "sha-384", "sha-512"};
    const struct sdp_attr *first = sdp_attr_of(sdp, sdp->media, "fingerprint");

    for (unsigned h = 0; h < ARRAY_LEN(hashes); h++) {
        for (const struct sdp_attr *at = first; at; at = sdp_attr_next(at, "fingerprint")) {
            struct sdp_fingerprint fp;

            if (sdp_fingerprint_parse(at->value, &fp))
                return iq_refuse(fault, 449, "Remote of stream %u: fingerprint %.*s", stream,
                                 SV_ARG(at->value));
            if (!sv_iis(fp.hash, hashes[h]) || fp.n > sizeof out->fp)
                continue;
            sv_copy(sv_from(hashes[h]), out->fp_hash, sizeof out->fp_hash);
            memcpy(out->fp, fp.bytes, fp.n);
            out->fp_len = fp.n;
            return 0;
        }
    }
    return first ? iq_refuse(fault, 449, "Remote of stream %u: fingerprint %.*s", stream,
                             SV_ARG(first->value))
                 : 0;
}

static int read_sctp(const struct sdp *sdp, uint16_t stream, struct remote *out,
                     struct iq_fault *fault)
{
    int err = sdp_sctp_port(sdp, sdp->media, &out->sctp_port);

    if (err == -ENOENT)
        out->sctp_port = SCTP_PORT_DEFAULT;
    else if (err || out->sctp_port == 0)
        return iq_refuse(fault, 449, "Remote of stream %u: sctp-port", stream);
    err = sdp_max_message_size(sdp, sdp->media, &out->max_message);
    if (err == -ENOENT)
        out->max_message = MAX_MESSAGE_DEFAULT;
    else if (err)
        return iq_refuse(fault, 449, "Remote of stream %u: max-message-size", stream);
    return 0;
}

/* a=rtcp:53020, a=rtcp:53020 IN IP4 126.16.64.4 */
static int read_rtcp(const struct sdp *sdp, uint16_t stream, struct remote *out,
                     struct iq_fault *fault)
{
    const struct sdp_attr *at = sdp_attr_of(sdp, sdp->media, "rtcp");
    struct sv rest = at ? at->value : SV_NONE, word;
    uint32_t port;

    out->mux = sdp_attr_of(sdp, sdp->media, "rtcp-mux") != NULL;
    if (!at) {
        out->rtcp = out->addr;
        addr_set_port(&out->rtcp, (uint16_t)(addr_port(&out->addr) + 1));
        if (addr_port(&out->addr) == 0 || addr_port(&out->addr) == UINT16_MAX)
            memset(&out->rtcp, 0, sizeof out->rtcp);
        return 0;
    }
    if (sv_u32(sv_word(&rest), UINT16_MAX, &port))
        return iq_refuse(fault, 449, "Remote of stream %u: rtcp %.*s", stream, SV_ARG(at->value));
    out->rtcp = out->addr;
    addr_set_port(&out->rtcp, (uint16_t)port);
    word = sv_word(&rest);
    if (!word.n)
        return 0;
    sv_word(&rest); /* IP4 or IP6: the address tells */
    if (!sv_iis(word, "IN") || addr_parse(&out->rtcp, sv_word(&rest), (uint16_t)port))
        return iq_refuse(fault, 449, "Remote of stream %u: rtcp %.*s", stream, SV_ARG(at->value));
    return 0;
}

static void read_bandwidth(const struct sdp *sdp, struct remote *out)
{
    const struct sdp_line *l;
    bool rs = false, rr = false;

    DL_FOREACH(sdp->media->lines, l)
    {
        struct sv rest = l->value, type = sv_cut(&rest, ':');

        if (l->type != 'b' || !sv_is(sv_trim(rest), "0"))
            continue;
        rs = rs || sv_iis(type, "RS");
        rr = rr || sv_iis(type, "RR");
    }
    out->no_rtcp = rs && rr;
}

int remote_read(const struct sdp *sdp, uint16_t stream, struct remote *out, struct iq_fault *fault)
{
    const struct sdp_attr *setup = sdp_attr_of(sdp, sdp->media, "setup");
    int err;

    memset(out, 0, sizeof *out);
    out->setup = setup ? sdp_setup_parse(setup->value) : SDP_SETUP_NONE;
    if (out->setup == SDP_SETUP_BAD || out->setup == SDP_SETUP_HOLDCONN)
        return iq_refuse(fault, 449, "Remote of stream %u: setup %.*s", stream,
                         SV_ARG(setup->value));
    err = read_addr(sdp, stream, out, fault);
    if (!err)
        err = read_ice(sdp, stream, out, fault);
    if (!err)
        err = read_fingerprint(sdp, stream, out, fault);
    if (!err)
        err = read_sctp(sdp, stream, out, fault);
    if (!err)
        err = read_rtcp(sdp, stream, out, fault);
    if (!err)
        read_bandwidth(sdp, out);
    return err;
}

static int reach_one(const struct addr *a, const struct reach *reach, uint16_t stream, struct iq_fault *fault)
{
    char text[ADDR_STRLEN];

    if (reach_may(reach, a))
        return 0;
    return iq_refuse(fault, CTL_PEER_REFUSED, "Remote of stream %u: address %s (%s) is not allowed in this realm", stream,
                     addr_host(a, text), reach_kind_name(reach_kind_of(a)));
}

int remote_reach(const struct remote *r, const struct reach *reach, bool is_tcp, uint16_t stream, struct iq_fault *fault)
{
    const struct addr *all[] = {&r->addr, &r->rtcp};
    int err = 0;

    if (r->ice)
        return 0;
    if (is_tcp)
        return reach_one(&r->addr, reach, stream, fault);
    for (unsigned i = 0; i < ARRAY_LEN(all) && !err; i++) {
        if (all[i]->u.sa.sa_family == AF_UNSPEC || addr_is_any(all[i]) || addr_port(all[i]) == 0)
            continue;
        err = reach_one(all[i], reach, stream, fault);
    }
    return err;
}

unsigned remote_reach_candidates(struct bus_ice *ice, const struct reach *reach)
{
    const unsigned all = ice->n;

    ice->n = 0;
    for (unsigned i = 0; i < all; i++) {
        if (reach_may(reach, &ice->cands[i].addr))
            ice->cands[ice->n++] = ice->cands[i];
    }
    return all - ice->n;
}

void remote_candidates(const struct sdp *sdp, struct bus_ice *out)
{
    const struct sdp_attr *at = sdp_attr_find(sdp->media->attrs, "candidate");

    if (sdp_attr_of(sdp, sdp->media, "ice-lite"))
        out->controlling = true;
    for (; at && out->n < BUS_ICE_CANDS; at = sdp_attr_next(at, "candidate")) {
        struct bus_cand *to = &out->cands[out->n];
        struct sdp_candidate c;

        if (sdp_candidate_parse(at->value, &c) || !sv_iis(c.transport, "udp") || c.component != 1 ||
            addr_parse(&to->addr, c.addr, c.port))
            continue;
        to->priority = c.priority;
        out->n++;
    }
}
