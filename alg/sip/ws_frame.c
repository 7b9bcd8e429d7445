#include "alg/sip/ws_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/enc.h"

#define PROTOCOL_ERROR 1002
#define BAD_PAYLOAD 1007
#define TOO_BIG 1009
#define NO_MEMORY 1011

static int bad(struct ws_got *got, unsigned code, const char *why)
{
    got->code = code;
    got->why = why;
    return -EBADMSG;
}

static bool is_control(unsigned op)
{
    return op & 8;
}

static int first_octet(struct ws_rx *rx, unsigned char c, struct ws_got *got)
{
    rx->op = c & 0x0f;
    rx->fin = c & 0x80;
    if (c & 0x70)
        return bad(got, PROTOCOL_ERROR, "reserved bit set"); /* no extension is ever agreed upon */
    if (is_control(rx->op)) {
        if (rx->op > WS_PONG)
            return bad(got, PROTOCOL_ERROR, "reserved opcode");
        return rx->fin ? 0 : bad(got, PROTOCOL_ERROR, "fragmented control frame");
    }
    if (rx->op > WS_BINARY)
        return bad(got, PROTOCOL_ERROR, "reserved opcode");
    if ((rx->op == WS_CONT) != (rx->of != 0))
        return bad(got, PROTOCOL_ERROR, rx->of ? "message inside a message" : "continuation of nothing");
    if (rx->op)
        rx->of = rx->op;
    return 0;
}

static int second_octet(const struct ws_rx *rx, unsigned char c, struct ws_got *got)
{
    if (!(c & 0x80)) /* RFC 6455 5.1 */
        return bad(got, PROTOCOL_ERROR, "frame not masked");
    if (is_control(rx->op) && (c & 0x7f) > WS_CONTROL_MAX)
        return bad(got, PROTOCOL_ERROR, "control frame too long");
    return 0;
}

static unsigned length_octets(const struct ws_rx *rx)
{
    unsigned n = rx->head[1] & 0x7f;

    return n == 127 ? 8 : n == 126 ? 2 : 0;
}

static int head_done(struct ws_rx *rx, struct ws_got *got)
{
    unsigned octets = length_octets(rx);

    rx->left = octets ? 0 : rx->head[1] & 0x7f;
    for (unsigned i = 0; i < octets; i++)
        rx->left = rx->left << 8 | rx->head[2 + i];
    if (rx->left >> 63)
        return bad(got, PROTOCOL_ERROR, "length over 63 bits");
    memcpy(rx->mask, rx->head + 2 + octets, sizeof rx->mask);
    rx->at = 0;
    rx->n_head = 0;
    rx->in_payload = true;
    if (is_control(rx->op)) {
        rx->n_control = 0;
        return 0;
    }
    if (rx->left > rx->max - rx->n)
        return bad(got, TOO_BIG, "message too big");
    if (rx->n + rx->left > rx->size) {
        char *more = realloc(rx->p, rx->n + rx->left);

        if (!more)
            return bad(got, NO_MEMORY, "no memory");
        rx->p = more;
        rx->size = rx->n + rx->left;
    }
    return 0;
}

/* Judged octet by octet: what is wrong in the first two needs no waiting for the rest. */
static int head_octet(struct ws_rx *rx, unsigned char c, struct ws_got *got)
{
    rx->head[rx->n_head++] = c;
    if (rx->n_head == 1)
        return first_octet(rx, c, got);
    if (rx->n_head == 2)
        return second_octet(rx, c, got);
    return rx->n_head == 2 + length_octets(rx) + sizeof rx->mask ? head_done(rx, got) : 0;
}

static void unmask(struct ws_rx *rx, char *to, const char *from, size_t n)
{
    unsigned char mask[8];
    uint64_t word, key;
    size_t i = 0;

    for (unsigned k = 0; k < sizeof mask; k++)
        mask[k] = rx->mask[(rx->at + k) & 3];
    memcpy(&key, mask, sizeof key);
    for (; i + sizeof word <= n; i += sizeof word) { /* eight are a whole number of masks */
        memcpy(&word, from + i, sizeof word);
        word ^= key;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < n; i++)
        to[i] = (char)(from[i] ^ mask[i & 7]);
    rx->at += (unsigned)n;
}

static void take_payload(struct ws_rx *rx, struct sv *rest)
{
    size_t n = rest->n < rx->left ? rest->n : (size_t)rx->left;
    char *to = is_control(rx->op) ? rx->control + rx->n_control : rx->p + rx->n;

    unmask(rx, to, rest->p, n);
    if (is_control(rx->op))
        rx->n_control += (unsigned)n;
    else
        rx->n += n;
    rx->left -= n;
    rest->p += n;
    rest->n -= n;
}

/* RFC 6455 7.4: codes that may stand in a Close frame. */
static int check_close(const struct ws_rx *rx, struct ws_got *got)
{
    const unsigned char *p = (const unsigned char *)rx->control;
    unsigned code = rx->n_control >= 2 ? (unsigned)(p[0] << 8 | p[1]) : 1000;

    if (rx->n_control == 1)
        return bad(got, PROTOCOL_ERROR, "Close with half a code");
    if (code < 1000 || code > 4999 || (code > 1003 && code < 1007) || (code > 1014 && code < 3000))
        return bad(got, PROTOCOL_ERROR, "Close with a code that is none");
    if (rx->n_control > 2 && !enc_is_utf8(rx->control + 2, rx->n_control - 2))
        return bad(got, BAD_PAYLOAD, "not UTF-8");
    return 1;
}

static int frame_done(struct ws_rx *rx, struct ws_got *got)
{
    rx->in_payload = false;
    if (is_control(rx->op)) {
        *got = (struct ws_got){.op = rx->op, .data = {rx->control, rx->n_control}};
        return rx->op == WS_CLOSE ? check_close(rx, got) : 1;
    }
    if (!rx->fin)
        return 0;
    *got = (struct ws_got){.op = rx->of, .data = {rx->p, rx->n}};
    rx->of = 0;
    rx->n = 0;
    if (got->op == WS_TEXT && !enc_is_utf8(got->data.p, got->data.n)) /* RFC 6455 8.1 */
        return bad(got, BAD_PAYLOAD, "not UTF-8");
    return 1;
}

int ws_rx_input(struct ws_rx *rx, struct sv *rest, struct ws_got *got)
{
    while (rest->n) {
        int r;

        if (rx->in_payload) {
            take_payload(rx, rest);
        } else {
            r = head_octet(rx, (unsigned char)*rest->p, got);
            rest->p++;
            rest->n--;
            if (r)
                return r;
        }
        if (!rx->in_payload || rx->left)
            continue;
        r = frame_done(rx, got);
        if (r)
            return r;
    }
    return 0;
}

void ws_rx_fini(struct ws_rx *rx)
{
    free(rx->p);
    rx->p = NULL;
    rx->n = rx->size = 0;
}

size_t ws_head(unsigned char out[WS_HEAD_MAX], enum ws_op op, size_t n)
{
    unsigned octets = n > 0xffff ? 8 : n > WS_CONTROL_MAX ? 2 : 0;

    out[0] = (unsigned char)(0x80 | op);
    out[1] = (unsigned char)(octets == 8 ? 127 : octets == 2 ? 126 : n);
    for (unsigned i = 0; i < octets; i++)
        out[2 + i] = (unsigned char)((uint64_t)n >> 8 * (octets - 1 - i));
    return 2 + octets;
}
