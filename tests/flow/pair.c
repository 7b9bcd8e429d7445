#include "tests/flow/pair.h"

#include <stdio.h>
#include <utlist.h>

#include "common/net.h"

/* a=candidate:FOUNDATION COMPONENT PROTO PRIORITY ADDRESS PORT typ TYPE ... Does it name this address? A TCP candidate that is
 * active has port 9 (RFC 6544 4.5): any port of its address. */
static bool names(struct sv line, struct sv proto, const char *host, uint16_t port, struct sv *type)
{
    struct sv word[8];
    uint32_t p = 0;

    sv_cut(&line, ':');
    for (unsigned i = 0; i < ARRAY_LEN(word); i++)
        word[i] = sv_word(&line);
    *type = word[7];
    return sv_ieq(word[2], proto) && sv_is(word[4], host) && sv_is(word[6], "typ") && !sv_u32(word[5], UINT16_MAX, &p) &&
           (p == port || (p == 9 && sv_iis(proto, "tcp")));
}

static struct sv type_of(const struct retrace_msg *list, const struct retrace_msg *until, struct sv proto, const struct addr *far)
{
    struct sv type = SV("prflx"), found;
    const struct retrace_msg *m;
    char host[ADDR_STRLEN];

    addr_host(far, host);
    for (m = list; m && m != until; m = m->next) {
        struct sv rest = m->body;

        if (strcmp(m->from, "wic") || strcmp(m->proto, "sip"))
            continue;
        while (rest.n) {
            struct sv line = sv_line(&rest);

            if (sv_starts(line, "a=candidate:") && names(line, proto, host, addr_port(far), &found))
                type = found;
        }
    }
    return type;
}

bool pair_name(const struct retrace_msg *list, const struct retrace_msg *m, char *out, size_t size)
{
    struct sv rest = m->title, proto, local, peer;
    struct addr far;

    out[0] = 0;
    if (strcmp(m->proto, "ice") || !sv_is(sv_word(&rest), "pair"))
        return false;
    proto = sv_word(&rest);
    local = sv_word(&rest);
    peer = sv_word(&rest);
    if (addr_parse_hostport(&far, peer, 0))
        return false;
    snprintf(out, size, "%.*s: %s %.*s %.*s, agw host %.*s", SV_ARG(proto), m->to, SV_ARG(type_of(list, m, proto, &far)),
             SV_ARG(peer), SV_ARG(local));
    return true;
}
