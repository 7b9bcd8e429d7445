/* A WebSocket's octets: the opening request, then frames, whole and in pieces. However they are cut, what is heard
 * is the same; no message is longer than allowed. Seeds: a first octet that says how long the pieces are. */
#include <stdlib.h>

#include "alg/sip/ws_frame.h"
#include "alg/sip/ws_http.h"

#define MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct heard {
    size_t messages, octets, sum;
    unsigned code;
};

static void hear(struct heard *h, const uint8_t *p, size_t n, size_t step)
{
    struct ws_rx rx = {.max = MAX};
    struct ws_got got = {0};
    int r = 0;

    *h = (struct heard){0};
    for (size_t at = 0; at < n && r >= 0; at += step) {
        const size_t some = n - at < step ? n - at : step;
        char *piece = malloc(some); /* a look beyond it is seen */
        struct sv rest = {piece, some};

        memcpy(piece, p + at, some);
        while ((r = ws_rx_input(&rx, &rest, &got)) > 0) {
            if (got.data.n > MAX)
                abort();
            h->messages++;
            h->octets += got.data.n;
            for (size_t i = 0; i < got.data.n; i++)
                h->sum = h->sum * 31 + (unsigned char)got.data.p[i];
        }
        free(piece);
    }
    if (r < 0)
        h->code = got.code;
    ws_rx_fini(&rx);
}

static size_t handshake(const uint8_t *p, size_t n)
{
    long length = ws_http_length((struct sv){(const char *)p, n});
    char answer[WS_ANSWER_MAX];
    struct ws_request req;

    if (length <= 0)
        return 0;
    if ((size_t)length > n)
        abort();
    ws_http_read((struct sv){(const char *)p, (size_t)length}, &req);
    if (req.status)
        ws_http_refusal(req.status, answer);
    else
        ws_http_welcome(req.key, answer);
    return (size_t)length;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct heard whole, pieces;
    size_t step, at;

    if (!n)
        return 0;
    step = p[0] % 64 + 1;
    p++, n--;
    at = handshake(p, n);
    hear(&whole, p + at, n - at, n + 1);
    hear(&pieces, p + at, n - at, step);
    if (memcmp(&whole, &pieces, sizeof whole) != 0)
        abort();
    return 0;
}
