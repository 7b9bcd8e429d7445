#include "tests/fake/relay.h"

#include <assert.h>
#include <stdlib.h>

static void side_init(struct relay_side *s, bus_id id, const char *host, uint16_t port)
{
    assert(addr_parse(&s->far, sv_from(host), port) == 0);
    s->far_rtcp = s->far;
    addr_set_port(&s->far_rtcp, (uint16_t)(port + 1));
    s->sep_spec = (struct bus_sep){.id = id, .fd = -1, .has_remote = true, .remote = s->far};
    s->sep_spec.rtp = (struct bus_rtp){.on = true, .rtcp_fd = 99};
    s->spec = (struct bus_flow){.id = id + 1, .sep = id, .in = true, .out = true, .has_rtcp = true, .counts = &s->counts};
}

void relay_init(struct relay *r)
{
    memset(r, 0, sizeof(*r));
    r->now = 1000000;
    side_init(&r->a, 10, "192.0.2.1", 20000);
    side_init(&r->b, 20, "198.51.100.2", 30000);
    r->wire.a = r->a.spec.id;
    r->wire.b = r->b.spec.id;
    for (unsigned i = 0; i < 128; i++)
        r->wire.a_to_b[i] = r->wire.b_to_a[i] = (uint8_t)i;
}

void relay_open(struct relay *r)
{
    assert(sep_new(&r->a.sep, &r->env, &r->a.sep_spec) == 0);
    assert(sep_new(&r->b.sep, &r->env, &r->b.sep_spec) == 0);
    assert(flow_new(&r->a.flow, r->a.sep, &r->a.spec, r->now) == 0);
    assert(flow_new(&r->b.flow, r->b.sep, &r->b.spec, r->now) == 0);
    flow_join(r->a.flow, r->b.flow, &r->wire);
}

void relay_close(struct relay *r)
{
    flow_free(r->a.flow);
    flow_free(r->b.flow);
    sep_free(r->a.sep);
    sep_free(r->b.sep);
}

void relay_spec(struct relay *r)
{
    flow_change(r->a.flow, &r->a.spec);
    flow_change(r->b.flow, &r->b.spec);
}

void relay_blank(struct relay *r)
{
    r->pkt = (struct pkt){.p = r->slot + PKT_HEAD, .end = r->slot + sizeof(r->slot)};
}

bool relay_send(struct relay *r, struct relay_side *in, const struct addr *from, const void *p, size_t n, bool rtcp)
{
    struct flow *f = NULL;

    assert(n <= MEDIA_RX_SIZE);
    relay_blank(r);
    memcpy(r->pkt.p, p, n);
    r->pkt.n = n;
    r->pkt.from = *from;
    r->pkt.rtcp = rtcp;
    r->verdict = sep_media(in->sep, &r->pkt, &f, r->now);
    if (r->verdict == SEP_MEDIA && flow_relay(f, &r->pkt, r->now) == 0)
        return true;
    r->pkt.n = 0;
    return false;
}

size_t relay_make(const struct relay_rtp *m, uint8_t *p)
{
    struct buf b = buf_over(p, MEDIA_RX_SIZE);

    buf_u8(&b, m->ext.n ? 0x90 : 0x80);
    buf_u8(&b, (uint8_t)(m->marker << 7 | m->pt));
    buf_u16(&b, m->seq);
    buf_u32(&b, m->ts);
    buf_u32(&b, m->ssrc);
    buf_sv_put(&b, m->ext);
    buf_sv_put(&b, m->payload);
    assert(!b.overflow);
    return b.len;
}

bool relay_rtp(struct relay *r, struct relay_side *in, const struct relay_rtp *m)
{
    uint8_t p[MEDIA_RX_SIZE];

    return relay_send(r, in, &in->far, p, relay_make(m, p), false);
}

struct srtp_key relay_key_of(enum srtp_profile profile, uint8_t seed)
{
    struct srtp_key k = {.profile = profile};

    memset(k.key, seed, srtp_key_len(profile));
    memset(k.salt, seed + 1, srtp_salt_len(profile));
    return k;
}

void relay_secure(struct relay_side *s, enum srtp_profile profile, uint8_t seed)
{
    s->sep_spec.rtp.sec = BUS_SEC_SDES;
    s->sep_spec.rtp.send = relay_key_of(profile, seed);
    s->sep_spec.rtp.recv = relay_key_of(profile, (uint8_t)(seed + 100));
}

struct srtp *relay_far_tx(const struct relay *r, const struct relay_side *s)
{
    struct srtp *srtp;

    assert(srtp_new(&srtp, r->env.srtp, &s->sep_spec.rtp.recv, false) == 0);
    return srtp;
}

struct srtp *relay_far_rx(const struct relay *r, const struct relay_side *s)
{
    struct srtp *srtp;

    assert(srtp_new(&srtp, r->env.srtp, &s->sep_spec.rtp.send, true) == 0);
    return srtp;
}

int relay_setup(void **state)
{
    struct relay *r = malloc(sizeof(*r));

    assert(r);
    relay_init(r);
    *state = r;
    return 0;
}

int relay_teardown(void **state)
{
    relay_close(*state);
    free(*state);
    return 0;
}
