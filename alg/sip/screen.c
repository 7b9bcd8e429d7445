#include "alg/sip/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/tport_plugins.h>
#include <sofia-sip/tport.h>

#include "alg/sip/core_conns.h"
#include "alg/sip/frame.h"
#include "alg/sip/hop_peers.h"
#include "common/log.h"

struct screen {
    struct msg_hclass_s request; /* first: a header's class leads back to us */
    msg_mclass_t *mclass;
    const struct reach *peers;
    const struct hop_peers *hops;
    struct core_conns *conns;
    unsigned logged, strangers;
};

#define METHOD_MAX 64

static struct addr peer_of(const msg_t *msg)
{
    const su_sockaddr_t *from = msg_addr((msg_t *)msg);
    struct addr peer = {0};

    if (from->su_family == AF_INET)
        peer.u.in4 = from->su_sin;
    else if (from->su_family == AF_INET6)
        peer.u.in6 = from->su_sin6;
    return peer;
}

/* false: its sender is nobody to talk to; said, not more often than the log takes. */
static bool is_peer(struct screen *sc, msg_t *msg)
{
    const su_addrinfo_t *ai = msg_addrinfo(msg);
    const struct addr peer = peer_of(msg);
    char text[ADDR_STRLEN];

    if (!sc->peers || !peer.u.sa.sa_family || (ai && ai->ai_flags & TP_AI_SECURE) || reach_may(sc->peers, &peer) ||
        hop_peers_may(sc->hops, &peer))
        return true;
    sc->strangers++;
    sc->logged++;
    log_warn("sip", "side=mw peer=%s msg=\"request of a stranger, not answered\" why=\"not in sip_peers, no next hop\"",
             addr_str(&peer, text));
    return false;
}

static void complain(struct screen *sc, const msg_t *msg, const char *why, const char *method, bool counted)
{
    const struct addr peer = peer_of(msg);
    char text[ADDR_STRLEN] = "?";

    if (peer.u.sa.sa_family)
        addr_host(&peer, text);
    sc->logged += counted; /* by Sofia, too: see count_bad() */
    log_warn("sip", "side=mw peer=%s msg=\"malformed message from the core\" why=\"%s\" method=%s", text, why, method);
}

/* The request line is read first: what was received is in the message's buffer from there on, and still as it came. The whole of
 * it when it was a datagram, on a stream as much as has arrived. */
static const char *mend(msg_t *msg, char *line, size_t n)
{
    char *end = (char *)msg_buf_committed_data(msg) + msg_buf_committed(msg);
    const char *why;

    if (!msg_buf_committed_data(msg) || line + n >= end)
        return NULL;
    line[n] = line + n + 1 < end && line[n + 1] == '\n' ? '\r' : '\n'; /* Sofia's terminator */
    why = frame_mend(line, (size_t)(end - line));
    line[n] = 0;
    return why;
}

static issize_t request_d(su_home_t *home, msg_header_t *h, char *s, isize_t n)
{
    struct screen *sc = (struct screen *)(uintptr_t)h->sh_class;
    msg_t *msg = (msg_t *)home; /* undoes msg_home() */
    const char *why = mend(msg, s, n);
    char method[METHOD_MAX], *instead;
    struct sv rest = {s, n};

    if (!is_peer(sc, msg))
        return -1;
    sv_copy(sv_word(&rest), method, sizeof method);
    if (sip_request_d(home, h, s, n) < 0) {
        why = why ? why : "bad request line";
        instead = su_sprintf(home, "%s sip:malformed.invalid SIP/2.0", method);
        if (!instead || sip_request_d(home, h, instead, strlen(instead)) < 0)
            return -1;
    }
    /* Sofia's own 505 goes to the Via's host by name, not to where the request came from (RFC 3261 18.2.2): ours does not */
    if (!why && strcasecmp(((sip_header_t *)h)->sh_request->rq_version, "SIP/2.0") != 0) {
        instead = su_sprintf(home, "%s " SCREEN_OTHER_VERSION ":x SIP/2.0", method);
        if (!instead || sip_request_d(home, h, instead, strlen(instead)) < 0)
            return -1;
    }
    if (why) {
        complain(sc, msg, why, method, true);
        msg_set_flags(msg, MSG_FLG_ERROR);
    }
    return 0;
}

/* --- STUN on the SIP port --- */

static tport_stun_server_t *stun_create(su_root_t *root, tagi_t const *tags)
{
    (void)root;
    (void)tags;
    return malloc(1);
}

static void stun_destroy(tport_stun_server_t *server)
{
    free(server);
}

static int stun_socket(tport_stun_server_t *server, su_socket_t socket)
{
    (void)server;
    (void)socket;
    return 0;
}

static void stun_request(tport_stun_server_t *server, su_socket_t socket, void *p, ssize_t n, void *from, socklen_t from_n)
{
    (void)server, (void)socket, (void)p, (void)n, (void)from, (void)from_n;
}

/* Sofia's own answers any stranger with more octets than he sent, even when it is switched off. Once a process. */
static void stun_plug(void)
{
    static const tport_stun_server_vtable_t mute = {
        .vst_size = sizeof mute + 1, /* it wants more than the size */
        .vst_create = stun_create,
        .vst_destroy = stun_destroy,
        .vst_add_socket = stun_socket,
        .vst_remove_socket = stun_socket,
        .vst_request = stun_request,
    };

    tport_plug_in_stun_server(&mute); /* EEXIST: it is there already */
}

/* --- after the headers --- */

/* Sofia answers 413 to what is longer than NTATAG_MAXSIZE without counting it as bad. */
static issize_t extract_body(msg_t *msg, msg_pub_t *pub, char *b, isize_t n, int eos)
{
    const sip_t *sip = (const sip_t *)pub;
    const sip_request_t *rq = sip->sip_request;
    const su_addrinfo_t *ai = msg_addrinfo(msg);
    const struct addr peer = peer_of(msg);
    struct screen *sc = (struct screen *)(uintptr_t)msg_mclass(msg)->mc_request[0].hr_class;
    issize_t used;

    if (rq && !eos && !(sip->sip_flags & (MSG_FLG_BODY | MSG_FLG_ERROR)) && sip->sip_content_length &&
        sip->sip_content_length->l_length > SIP_MSG_MAX + SIP_FRAME_ROOM)
        complain(sc, msg, "too large", rq->rq_method_name, false);
    used = sip_extract_body(msg, (sip_t *)pub, b, n, eos);
    if (sip->sip_flags & MSG_FLG_COMPLETE && ai && ai->ai_socktype == SOCK_STREAM && peer.u.sa.sa_family)
        conns_whole(sc->conns, &peer);
    return used;
}

int screen_new(struct screen **sp)
{
    struct screen *sc = calloc(1, sizeof *sc);

    if (!sc)
        return -ENOMEM;
    stun_plug();
    sc->mclass = msg_mclass_clone(sip_default_mclass(), 0, 0);
    if (!sc->mclass) {
        screen_free(sc);
        return -ENOMEM;
    }
    sc->request = *sip_request_class;
    sc->request.hc_parse = request_d;
    sc->mclass->mc_extract_body = extract_body;
    sc->mclass->mc_request[0].hr_class = &sc->request;
    *sp = sc;
    return 0;
}

void screen_free(struct screen *sc)
{
    if (!sc)
        return;
    free(sc->mclass);
    free(sc);
}

const msg_mclass_t *screen_mclass(const struct screen *sc)
{
    return sc->mclass;
}

void screen_peers(struct screen *sc, const struct reach *peers)
{
    sc->peers = peers;
}

void screen_hops(struct screen *sc, const struct hop_peers *hops)
{
    sc->hops = hops;
}

void screen_conns(struct screen *sc, struct core_conns *conns)
{
    sc->conns = conns;
}

unsigned screen_strangers(struct screen *sc)
{
    unsigned n = sc->strangers;

    sc->strangers = 0;
    return n;
}

unsigned screen_logged(struct screen *sc)
{
    unsigned n = sc->logged;

    sc->logged = 0;
    return n;
}

void screen_unmend(const sip_t *sip)
{
    if (sip->sip_request->rq_method != sip_method_unknown)
        return;
    frame_unmend((char *)(uintptr_t)sip->sip_request->rq_method_name);
    if (sip->sip_cseq && sip->sip_cseq->cs_method == sip_method_unknown) /* the names of the others are constants of Sofia's */
        frame_unmend((char *)(uintptr_t)sip->sip_cseq->cs_method_name);
}
