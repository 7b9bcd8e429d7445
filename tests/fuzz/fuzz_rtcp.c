/* RTP and RTCP through a bundle: nothing is read outside, what leaves is a compound by the book with no XR and no APP, and no
 * packet grows beyond its slot. Seeds: a first octet that chooses RTP or RTCP and the far end's abilities, then a packet. */
#include <stdlib.h>

#include "tests/fake/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(const struct relay *r)
{
    struct rtcp part;

    if (rtcp_check(r->pkt.p, r->pkt.n, false) || r->pkt.p + r->pkt.n > r->pkt.end)
        abort();
    for (size_t at = 0; rtcp_next(&part, r->pkt.p, r->pkt.n, &at);)
        if (part.type > RTCP_PSFB || part.type == RTCP_APP)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct relay r;
    const struct relay_rtp from_b = {.pt = 8, .ssrc = 2, .payload = SV("x")};
    struct bus_flow second;
    struct flow *f, *next;

    if (n < 2 || n > MEDIA_RX_SIZE)
        return 0;
    relay_init(&r);
    r.a.spec.feedback = true;
    r.a.spec.mid_ext = 9;
    strcpy(r.a.spec.mid, "0");
    r.b.spec.feedback = p[0] & 2;
    r.b.spec.tell_mid = p[0] & 8; /* what leaves grows into the head of its slot */
    r.b.spec.mid_ext = 14;
    strcpy(r.b.spec.mid, "0123456789abcdef");
    r.a.spec.opaque = r.b.spec.opaque = r.a.sep_spec.rtp.opaque = r.b.sep_spec.rtp.opaque = p[0] & 16;
    r.a.spec.keep_ext = r.b.spec.keep_ext = p[0] & 4;
    relay_open(&r);
    second = r.a.spec;
    second.mid[0] = '1';
    second.counts = NULL;
    if (flow_new(&f, r.a.sep, &second, r.now))
        abort();
    (void)relay_rtp(&r, &r.b, &from_b);
    for (int i = 0; i < 2; i++) {
        const bool left = relay_send(&r, &r.a, p[0] & 1 ? &r.a.far_rtcp : &r.a.far, p + 1, n - 1, p[0] & 1);

        if (left && r.pkt.p < r.slot)
            abort();
        if (left && (p[0] & 17) == 1)
            check(&r);
        for (relay_blank(&r); (p[0] & 17) == 1 && sep_more(r.a.sep, &r.pkt, &next); relay_blank(&r))
            if (flow_relay(next, &r.pkt, r.now) == 0)
                abort(); /* it is connected with nothing */
    }
    flow_free(f);
    relay_close(&r);
    return 0;
}
