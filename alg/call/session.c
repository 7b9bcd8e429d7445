#include "alg/call/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/sv.h"

void session_init(struct session *s, bool asks)
{
    memset(s, 0, sizeof *s);
    s->asks = asks;
    s->ask = SESSION_EXPIRES;
    s->least = SESSION_MIN;
}

/* Is word an item of a comma list? */
static bool lists(const char *list, const char *word)
{
    struct sv rest = sv_from(list);

    while (rest.n > 0) {
        struct sv item = sv_trim(sv_cut(&rest, ','));

        if (item.n == strlen(word) && !strncasecmp(item.p, word, item.n))
            return true;
    }
    return false;
}

void session_see(struct session *s, const struct sip_msg *m)
{
    const char *allow = sip_msg_header(m, "Allow");

    if (allow)
        s->update = lists(allow, "UPDATE");
}

struct expires {
    uint32_t seconds;
    bool uac, uas; /* refresher */
};

static int read_expires(const struct sip_msg *m, struct expires *e)
{
    struct sv rest = sv_from(sip_msg_header(m, "Session-Expires")), number;

    memset(e, 0, sizeof *e);
    number = sv_trim(sv_cut(&rest, ';'));
    if (sv_u32(number, UINT32_MAX, &e->seconds))
        return -EPROTO;
    while (rest.n > 0) {
        struct sv value = sv_cut(&rest, ';'), name = sv_trim(sv_cut(&value, '='));

        value = sv_trim(value);
        if (name.n != 9 || strncasecmp(name.p, "refresher", 9) != 0)
            continue;
        e->uac = value.n == 3 && !strncasecmp(value.p, "uac", 3);
        e->uas = value.n == 3 && !strncasecmp(value.p, "uas", 3);
    }
    return 0;
}

static uint32_t read_min(const struct sip_msg *m)
{
    struct sv rest = sv_from(sip_msg_header(m, "Min-SE"));
    uint32_t min;

    return sv_u32(sv_trim(sv_cut(&rest, ';')), SESSION_MAX, &min) ? 0 : min;
}

/* RFC 4028 9. Who asks and says nothing about it refreshes itself, if it can. */
int session_asked(struct session *s, const struct sip_msg *m)
{
    bool knows = lists(sip_msg_header(m, "Supported"), "timer") || lists(sip_msg_header(m, "Require"), "timer");
    unsigned least = read_min(m);
    struct expires e;

    session_see(s, m);
    memset(&s->next, 0, sizeof s->next);
    if (read_expires(m, &e) || e.seconds > SESSION_MAX) { /* not asked for: where we ask ourselves, they may do it */
        if (s->asks && knows)
            s->next.interval = s->ask > least ? s->ask : least;
        s->next.required = s->next.interval > 0;
        return 0;
    }
    if (e.seconds < SESSION_MIN)
        return knows ? 422 : 0; /* RFC 4028 9: a proxy's; nobody there could try again, and we may not raise it */
    s->next.interval = e.seconds;
    s->next.ours = e.uas || (!e.uac && !knows);
    s->next.required = knows && !s->next.ours;
    return 0;
}

unsigned session_answer_hdrs(struct session *s, struct sip_hdr h[SESSION_HDRS])
{
    s->interval = s->next.interval;
    s->ours = s->next.ours;
    if (!s->interval)
        return 0;
    snprintf(s->expires, sizeof s->expires, "%u;refresher=%s", s->interval, s->ours ? "uas" : "uac");
    h[0] = (struct sip_hdr){"Session-Expires", s->expires};
    h[1] = (struct sip_hdr){"Require", "timer"};
    return s->next.required ? 2 : 1;
}

unsigned session_ask_hdrs(struct session *s, struct sip_hdr h[SESSION_HDRS])
{
    if (!s->asks && !s->interval)
        return 0;
    if (s->interval)
        snprintf(s->expires, sizeof s->expires, "%u;refresher=%s", s->interval > s->least ? s->interval : s->least,
                 s->ours ? "uac" : "uas");
    else
        snprintf(s->expires, sizeof s->expires, "%u", s->ask);
    snprintf(s->min, sizeof s->min, "%u", s->least);
    h[0] = (struct sip_hdr){"Session-Expires", s->expires};
    h[1] = (struct sip_hdr){"Min-SE", s->min};
    return 2;
}

void session_answered(struct session *s, const struct sip_msg *m)
{
    struct expires e;

    session_see(s, m);
    s->tries = 0;
    if (read_expires(m, &e) || e.seconds < SESSION_MIN || e.seconds > SESSION_MAX) {
        s->interval = 0; /* RFC 4028 7.2: no expiration */
        return;
    }
    s->interval = e.seconds;
    s->ours = !e.uas; /* of the 2xx "uac" is us; nothing said: who asked */
}

int session_too_small(struct session *s, const struct sip_msg *m)
{
    uint32_t min = read_min(m);
    unsigned asked = s->interval ? s->interval : s->ask;

    if (min <= asked || ++s->tries > SESSION_TRIES)
        return -EPROTO;
    s->least = min;
    s->ask = min;
    if (s->interval)
        s->interval = min;
    return 0;
}

uint64_t session_refresh_ms(const struct session *s)
{
    return s->ours ? (uint64_t)s->interval * 500 : 0;
}

/* RFC 4028 10: the lesser of 32 s and a third before it is over. */
uint64_t session_expiry_ms(const struct session *s)
{
    unsigned third = s->interval / 3;

    return (uint64_t)(s->interval - (third < 32 ? third : 32)) * 1000;
}
