/* One SIP message as a browser's WebSocket brings it and as the core does: what passes frame_in is one whole
 * message of a stream and goes back; Sofia's parser, behind our request line class, takes the text whole and in
 * two pieces. Seeds: tests/data/torture. */
#include <stdlib.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>

#include "alg/sip/frame.h"
#include "alg/sip/screen.h"
#include "common/log.h"

#define ROOM (SIP_MSG_MAX + SIP_FRAME_ROOM)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char out[ROOM], back[2 * ROOM];

static void from_browser(struct sv text)
{
    struct buf to = buf_over(out, sizeof out), reply = buf_over(back, sizeof back);
    struct frame_info info;

    if (frame_in(text, &info, &to)) {
        if (frame_reply(text, info.status, "x", &reply) == 0 && frame_length(buf_sv(&reply)) == 0)
            abort();
        return;
    }
    if (frame_mend(out, to.len))
        return; /* refused, too */
    if (frame_length(buf_sv(&to)) != (long)to.len || frame_out(buf_sv(&to), "WSS", &reply))
        abort();
}

static void take(msg_t *msg)
{
    sip_t *sip = msg ? sip_object(msg) : NULL;

    if (sip && sip->sip_request)
        screen_unmend(sip);
    if (sip && !(sip->sip_flags & MSG_FLG_ERROR))
        sip_sanity_check(sip);
    if (msg)
        msg_destroy(msg);
}

static void from_core(const struct screen *sc, const uint8_t *p, size_t n)
{
    size_t cut = n ? p[n - 1] * n / 256 : 0;
    msg_t *msg = msg_create(screen_mclass(sc), 0);
    char *room;

    take(msg_make(screen_mclass(sc), 0, p, (ssize_t)n));
    for (unsigned i = 0; msg && i < 2; i++) {
        const size_t some = i ? n - cut : cut;

        room = some ? msg_buf_alloc(msg, some + 1) : NULL;
        if (!room)
            continue;
        memcpy(room, p + (i ? cut : 0), some);
        msg_buf_commit(msg, some, i);
        if (msg_extract(msg) < 0)
            break;
    }
    take(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct screen *sc;

    if (n > SIP_MSG_MAX)
        return 0;
    log_init(LOG_ERROR);
    if (screen_new(&sc))
        abort();
    from_browser((struct sv){(const char *)p, n});
    from_core(sc, p, n);
    screen_free(sc);
    return 0;
}
