/* Steps of calls with audio and video, for the programs that test them. */
#pragma once

#include "tests/fake/call_media.h"
#include "tests/fake/call_world.h"

static inline void expect_text(const char *text, const char *const *parts)
{
    assert_non_null(text);
    for (; *parts; parts++) {
        bool no = **parts == '!';

        if (!strstr(text, *parts + no) != no)
            fail_msg("%s in:\n%s", *parts, text);
    }
}
#define TEXT(t, ...) expect_text(t, (const char *const[]){__VA_ARGS__, NULL})
#define OP(...) (assert_non_null(op_pending()), TEXT(op_pending()->text, __VA_ARGS__))

static inline void has(const char *text, const char *part)
{
    TEXT(text, part);
}

/* With other ICE credentials. */
static inline const char *restarted(const char *body)
{
    static char text[8192];
    char *p = text;

    snprintf(text, sizeof text, "%s", body);
    while ((p = strstr(p, "a=ice-ufrag:")))
        memcpy(p += strlen("a=ice-ufrag:"), "NEWW", 4);
    for (p = text; (p = strstr(p, "a=ice-pwd:"));)
        memcpy(p += strlen("a=ice-pwd:"), "new", 3);
    return text;
}

static inline struct sip_in *originate(const char *body)
{
    return request((struct sip_msg){.method = "INVITE", .uri = "sip:bob@home.net;transport=ws", .body = body, .side = SIP_W2,
                                    .flow = WIC_FLOW, .header = {{"Max-Forwards", "69"}}});
}

static inline struct sip_in *terminate(const char *body)
{
    return request((struct sip_msg){.method = "INVITE", .uri = "sip:alice@home.net", .body = body, .side = SIP_MW});
}

/* A world with a call of audio from the WIC; the core has its INVITE. */
static inline struct sip_in *originate_audio(void)
{
    struct sip_in *in;

    world_open(1);
    in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = AUDIO_ONLY("sendrecv"), .side = SIP_W2,
                                  .flow = WIC_FLOW});
    op_ok(op_pending());
    return in;
}

/* A response with a header of its own, from a side that takes UPDATE. */
static inline void answer(struct sip_out *o, int status, const char *body, const char *name, const char *value)
{
    struct sip_msg m = {.method = o->method, .status = status, .body = body, .side = o->dlg->side, .flow = o->dlg->flow,
                        .header = {{name, value}, {"Allow", "INVITE, ACK, UPDATE"}}};

    o->done = true;
    if (status / 100 == 2)
        o->dlg->up = true;
    o->cb(o->arg, o, status, &m);
}

static inline void ended(void)
{
    world_drain(false, NULL);
    world_close();
}

static inline void hang_up(enum sip_side side)
{
    assert_int_equal(inside(dlg_of(side), "BYE", NULL)->status, 200);
    assert_string_equal(out_pending("BYE")->method, "BYE");
    ended();
}

static inline struct sip_in *establish(const char *offer, const char *answer)
{
    struct sip_in *in = originate(offer);

    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, answer);
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    return in;
}

static inline void all_ok(void)
{
    while (op_pending())
        op_ok(op_pending());
}
