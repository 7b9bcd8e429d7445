#include "alg/sip/self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <sofia-sip/tport_tag.h>

#include "alg/sip/agent.h"
#include "alg/sip/core_tls.h"
#include "common/log.h"

static const tport_t *newest(nta_agent_t *nta)
{
    const tport_t *tp = tport_primaries(nta_agent_tports(nta)), *next;

    while (tp && (next = tport_next(tp)))
        tp = next;
    return tp;
}

static int keep(struct sip *s, const struct addr *at, bool tls, const char *host)
{
    struct self *me = &s->selfs[s->n_selfs];
    const tport_t *tp = newest(s->agents[SIP_MW].nta);

    me->host = strdup(host);
    me->at = *at;
    addr_set_port(&me->at, tp ? (uint16_t)atoi(tport_name(tp)->tpn_port) : 0);
    me->tls = tls;
    s->n_selfs++;
    return me->host ? 0 : -ENOMEM;
}

static int listen_at(struct sip *s, struct agent *a, const struct sip_conf *conf, const struct addr *at, bool tls)
{
    char bind[ADDR_STRLEN], text[ADDR_STRLEN + 2], url[400], port[8] = "*";
    const char *host;
    int err;

    if (s->n_selfs == SIP_LISTEN_MAX)
        return -E2BIG;
    addr_host(at, bind);
    snprintf(text, sizeof text, addr_is_v6(at) ? "[%s]" : "%s", bind);
    host = conf->host && *conf->host ? conf->host : text;
    if (addr_port(at))
        snprintf(port, sizeof port, "%u", addr_port(at));
    snprintf(url, sizeof url, "%s:%s:%s;maddr=%s", tls ? "sips" : "sip", host, port, text);
    if (!a->nta)
        err = agent_start(a, s, SIP_MW, url, conf);
    else if (tls && !s->tls && (err = core_tls_new(&s->tls, s, conf->tls)))
        ;
    else if (tls)
        err = core_tls_listen(s->tls, a, url, conf->tls);
    else
        err = nta_agent_add_tport(a->nta, (url_string_t *)url, TPTAG_IDLE(MW_IDLE_MS), TAG_END()) ? -EADDRINUSE : 0;
    if (err)
        log_error("sip", "msg=\"cannot listen\" at=%s%s port=%s err=%d", tls ? "tls:" : "", text, port, err);
    return err ? err : keep(s, at, tls, host);
}

int self_open(struct sip *s, struct agent *a, const struct sip_conf *conf)
{
    int err = listen_at(s, a, conf, &conf->listen, false);

    if (!err && conf->n_more)
        err = listen_at(s, a, conf, &conf->more, false);
    for (unsigned i = 0; !err && conf->tls && i < conf->tls->n_listen; i++)
        err = listen_at(s, a, conf, &conf->tls->listen[i], true);
    return err;
}

void self_close(struct sip *s)
{
    for (unsigned i = 0; i < s->n_selfs; i++)
        free(s->selfs[i].host);
    s->n_selfs = 0;
}

const struct self *self_for(const struct sip *s, struct self_how how)
{
    const struct self *best = &s->selfs[0];

    for (unsigned i = 0; i < s->n_selfs; i++) {
        const struct self *me = &s->selfs[i];

        if (me->tls != (how.proto == SELF_TLS))
            continue;
        if (addr_is_v6(&me->at) == how.v6)
            return me;
        if (best->tls != me->tls)
            best = me;
    }
    return best;
}

const char *self_uri(char out[SELF_URI_MAX], const struct sip *s, const char *user, struct self_how how)
{
    static const char *const transports[] = {[SELF_UDP] = "", [SELF_TCP] = ";transport=tcp", [SELF_TLS] = ";transport=tls"};
    const struct self *me = self_for(s, how);

    if (how.proto == SELF_TLS && !me->tls)
        how.proto = SELF_TCP;
    snprintf(out, SELF_URI_MAX, "sip:%s%s%s:%u%s", user ? user : "", user ? "@" : "", me->host, addr_port(&me->at), transports[how.proto]);
    return out;
}

const struct self *self_at(const struct sip *s, const struct addr *own)
{
    for (unsigned i = 0; i < s->n_selfs; i++) {
        const struct addr *at = &s->selfs[i].at;

        if (addr_port(at) == addr_port(own) && addr_is_v6(at) == addr_is_v6(own) && (addr_is_any(at) || addr_eq_host(at, own)))
            return &s->selfs[i];
    }
    return NULL;
}

const char *self_host(const struct sip *s)
{
    return s->selfs[0].host;
}

bool self_is(const struct sip *s, const char *host, const char *port)
{
    for (unsigned i = 0; i < s->n_selfs; i++)
        if (!strcasecmp(s->selfs[i].host, host) && (!port || atoi(port) == addr_port(&s->selfs[i].at)))
            return true;
    return false;
}
