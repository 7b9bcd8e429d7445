/* MSRP: a chunk frames the same whether it comes at once or octet by octet; what a relay makes of the same bytes is
 * whole chunks again, and so is what passes between two byte streams, whichever side is lost in between. */
#include <stdlib.h>

#include "agw/data/msrp.h"
#include "agw/data/msrp_relay.h"
#include "agw/data/pass.h"

#define MESSAGES_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_framing(const uint8_t *data, size_t size)
{
    struct msrp_frame whole = {0}, slow = {0}, again = {0};
    int got = msrp_frame_scan(&whole, data, size), step = 0;
    uint8_t *out = malloc(size + 64);
    struct buf b = buf_over(out, size + 64);

    for (size_t n = 1; n <= size && !step; n++)
        step = msrp_frame_scan(&slow, data, n);
    if (step != got && size)
        abort();
    if (got == 1) {
        if (whole.len != slow.len || whole.body_len != slow.body_len || whole.flag != slow.flag || whole.len > size)
            abort();
        msrp_retid(&whole, (struct sv){(const char *)data, whole.len}, SV("0123456789ab"), &b);
        /* a body may hold the end line of the new id by accident: then it is no more than shorter */
        if (b.overflow || msrp_frame_scan(&again, out, b.len) != 1 || again.len > b.len)
            abort();
    }
    free(out);
}

static void through_relay(const uint8_t *data, size_t size, uint64_t wic_max)
{
    struct relay_conf conf = {.wic_max = wic_max, .wic = "wic", .core = "core"};
    struct relay *r = NULL;
    struct msg *back;
    const uint8_t *all = data;
    size_t all_n = size;
    struct sv m;
    int got = 0;

    if (relay_new(&r, &conf))
        return;
    for (unsigned n = 0; n < MESSAGES_MAX; n++) {
        void *p = NULL;
        size_t room = relay_tcp_room(r, &p), k = size < room ? size : room;

        if (k)
            memcpy(p, data, k);
        relay_tcp_got(r, k);
        data += k;
        size -= k;
        for (unsigned i = 0; (got = relay_wic_next(r, &m)) == 1; i++) {
            struct msrp_frame f = {0};

            if (i > MESSAGES_MAX || msrp_frame_scan(&f, m.p, m.n) != 1 || f.len != m.n)
                abort();
            relay_wic_sent(r);
        }
        if (got < 0 || !k)
            break;
    }
    back = msg_new(all, all_n, 0);
    if (back)
        (void)relay_wic_got(r, back);
    while ((back = relay_core_next(r)))
        relay_core_wrote(r, back->n - back->off);
    relay_tcp_lost(r);
    relay_free(r);
}

/* Octets until the source is lost, then all of them from another. */
static void through_pass(const uint8_t *data, size_t size)
{
    const size_t lost = size ? data[size - 1] * size / 256 : 0;
    uint8_t *out = malloc(3 * size + 256);
    size_t n = 0, fed = 0;
    struct pass *p;
    struct sv v;
    void *to;

    if (pass_new(&p, &(struct pass_conf){NULL, "wic", "core"}))
        abort();
    for (int got = 0; got >= 0 && fed < lost + size;) {
        const size_t room = pass_room(p, &to), left = fed < lost ? lost - fed : lost + size - fed;
        const size_t k = left < room ? left : room;

        if (k)
            memcpy(to, data + (fed < lost ? fed : fed - lost), k);
        pass_got(p, k);
        fed += k;
        while ((got = pass_next(p, &v)) == 1) {
            memcpy(out + n, v.p, v.n);
            n += v.n;
            pass_wrote(p, v.n);
        }
        if (fed == lost)
            pass_source_lost(p);
        if (!k && fed != lost)
            break;
    }
    pass_source_lost(p);
    while (pass_next(p, &v) == 1) {
        memcpy(out + n, v.p, v.n);
        n += v.n;
        pass_wrote(p, v.n);
    }
    for (size_t at = 0; at < n;) {
        struct msrp_frame f = {0};

        if (msrp_frame_scan(&f, out + at, n - at) != 1)
            abort();
        at += f.len;
    }
    if (!pass_is_between(p))
        abort();
    pass_free(p);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    through_pass(data, size);
    same_framing(data, size);
    through_relay(data, size, 0);
    through_relay(data, size, 300);
    return 0;
}
