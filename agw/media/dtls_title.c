#include "agw/media/dtls_title.h"

static const char *message_name(uint8_t type)
{
    static const char *const names[] = {
        [0] = "HelloRequest", [1] = "ClientHello", [2] = "ServerHello", [3] = "HelloVerifyRequest",
        [11] = "Certificate", [12] = "ServerKeyExchange", [13] = "CertificateRequest",
        [14] = "ServerHelloDone", [15] = "CertificateVerify", [16] = "ClientKeyExchange", [20] = "Finished",
    };

    return type < ARRAY_LEN(names) && names[type] ? names[type] : "Handshake";
}

struct title {
    struct buf *out;
    bool any, again;
};

static void add(struct title *t, const char *name, const char *suffix)
{
    buf_printf(t->out, "%s%s%s", t->any ? ", " : "", name, suffix);
    t->any = true;
}

/* RFC 6347 4.2.2: messages and fragments of messages in one cleartext record */
static void add_messages(struct title *t, struct dtls_seen *seen, struct rd r)
{
    while (r.n >= 12 && !r.fault) {
        const uint8_t type = rd_u8(&r);
        uint32_t seq, offset, length, at;

        rd_bytes(&r, 3);
        seq = rd_u16(&r);
        offset = (uint32_t)rd_u8(&r) << 16;
        offset |= rd_u16(&r);
        length = (uint32_t)rd_u8(&r) << 16;
        length |= rd_u16(&r);
        rd_bytes(&r, length);
        at = seq << 24 | offset;
        if (at < seen->next)
            t->again = true;
        else
            seen->next = at + 1;
        add(t, message_name(type), offset ? " (fragment)" : "");
    }
}

bool dtls_title(struct dtls_seen *seen, const uint8_t *p, size_t n, struct buf *out)
{
    struct title t = {.out = out};
    struct rd r = rd_over(p, n);

    while (r.n >= 13 && !r.fault) {
        const uint8_t type = rd_u8(&r);
        uint16_t epoch;
        struct sv body;

        rd_u16(&r);
        epoch = rd_u16(&r);
        rd_bytes(&r, 6);
        body = rd_bytes(&r, rd_u16(&r));
        if (type == 22 && epoch == 0) {
            add_messages(&t, seen, rd_over(body.p, body.n));
        } else if (type == 22) {
            t.again |= seen->finished;
            seen->finished = true;
            add(&t, "Finished", "");
        } else if (type == 20) {
            add(&t, "ChangeCipherSpec", "");
        } else if (type == 21) {
            add(&t, epoch ? "Alert (encrypted)" : "Alert", "");
        }
    }
    if (t.again)
        buf_str(out, " (again)");
    return t.any;
}
