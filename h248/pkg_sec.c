/* Packages of secured and connected transport: (D)TLS (H.248.90, H.248.93 clause 8), TCP (H.248.89), STUN (H.248.50).
 * Package ids: IANA registry. ALL ITEM NAMES HERE ARE UNVERIFIED WORKING NAMES: the behaviour is TS 23.334's, the spelling
 * is ours until the Recommendations were read; a correction is one row. */
#include "h248/pkg.h"

#define SIGNAL(n, f) {.name = n, .kind = PKG_SIGNAL, .where = PKG_ON_BEARER, .field = PKG_STREAM(f)}
#define CHANGE(n, f, ev)                                                                                            \
    {.name = n, .kind = PKG_EVENT, .where = PKG_ON_BEARER, .field = PKG_STREAM(f), .params = change_params,         \
     .n_params = ARRAY_LEN(change_params), .select = "Type", .observed = ev}

/* A session that came up is no event that Iq asks for (TS 23.334 6.2.10.5: failure only); nor is a TCP connection, unless it was
 * lost and its active party opened it again (RFC 4975 5.4): then the controller waits for it. */
static const char *const change_words[] = {"Est", "Rel", "Failed", NULL};
static const struct pkg_param change_params[] = {
    {.name = "Type", .def = {PKG_ENUM, .values = change_words}},
};

static const enum iq_event dtls_events[] = {IQ_EV_NONE, IQ_EV_DTLS_RELEASED, IQ_EV_DTLS_FAILED};
static const struct pkg_item tlsbsc_items[] = {
    SIGNAL("EstBNC", dtls_establish),
    SIGNAL("RelBNC", dtls_release),
    CHANGE("BNCChange", notify_dtls, dtls_events),
};
static const struct pkg tlsbsc = {"tlsbsc", 0x0117, 1, tlsbsc_items, ARRAY_LEN(tlsbsc_items)};

static const enum iq_event tcp_events[] = {IQ_EV_TCP_ESTABLISHED, IQ_EV_TCP_RELEASED, IQ_EV_TCP_FAILED};
static const struct pkg_item tcpbcc_items[] = {
    SIGNAL("EstBNC", tcp_establish),
    SIGNAL("RelBNC", tcp_release),
    CHANGE("BNCChange", notify_tcp, tcp_events),
};
static const struct pkg tcpbcc = {"tcpbcc", 0x0115, 1, tcpbcc_items, ARRAY_LEN(tcpbcc_items)};

static const struct pkg_item mgastuns_items[] = {
    SIGNAL("astuns", act_stun),
};
static const struct pkg mgastuns = {"mgastuns", 0x00c2, 1, mgastuns_items, ARRAY_LEN(mgastuns_items)};

/* Full ICE (TS 23.334 6.2.17.2 to .4). Who controls is the alg's to say: it knows who offered (RFC 8445 6.1.1). */
static const char *const nominations[] = {"regular", NULL};
static const struct pkg_param scc_params[] = {
    {.name = "controlling", .def = {PKG_BOOL}, .field = PKG_STREAM(ice_check)},
    {.name = "nomination", .def = {PKG_ENUM, .values = nominations}, .field = PKG_STREAM(ice_nomination), .optional = true},
};
static const char *const result_words[] = {"Success", "Failed", NULL};
static const struct pkg_param ccr_params[] = {
    {.name = "result", .def = {PKG_ENUM, .values = result_words}},
    {.name = "pair", .def = {PKG_STR, .min = 1, .max = 160}, .field = PKG_OBSERVED(pair), .optional = true},
};
static const struct pkg_param nprc_params[] = {
    {.name = "cand", .def = {PKG_STR, .min = 1, .max = 80}, .field = PKG_OBSERVED(cand), .optional = true},
};
static const enum iq_event ccr_events[] = {IQ_EV_ICE_UP, IQ_EV_ICE_FAILED};
static const enum iq_event nprc_events[] = {IQ_EV_ICE_PEER};
static const struct pkg_item ostuncc_items[] = {
    {.name = "scc", .kind = PKG_SIGNAL, .where = PKG_ON_BEARER, .params = scc_params, .n_params = ARRAY_LEN(scc_params)},
    {.name = "ccr", .kind = PKG_EVENT, .where = PKG_ON_BEARER, .field = PKG_STREAM(notify_ice), .params = ccr_params,
     .n_params = ARRAY_LEN(ccr_params), .select = "result", .observed = ccr_events},
    {.name = "nprc", .kind = PKG_EVENT, .where = PKG_ON_BEARER, .field = PKG_STREAM(notify_ice_peer), .params = nprc_params,
     .n_params = ARRAY_LEN(nprc_params), .observed = nprc_events},
};
static const struct pkg ostuncc = {"ostuncc", 0x00c3, 1, ostuncc_items, ARRAY_LEN(ostuncc_items)};

static const struct pkg_param test_params[] = {
    {.name = "on", .def = {PKG_BOOL}, .field = PKG_STREAM(consent_test)},
};
static const enum iq_event lost_events[] = {IQ_EV_CONSENT_LOST};
static const struct pkg_item stnconfres_items[] = {
    {.name = "test", .kind = PKG_SIGNAL, .where = PKG_ON_BEARER, .params = test_params, .n_params = ARRAY_LEN(test_params)},
    {.name = "lost", .kind = PKG_EVENT, .where = PKG_ON_BEARER, .field = PKG_STREAM(notify_consent),
     .observed = lost_events},
};
static const struct pkg stnconfres = {"stnconfres", 0x0120, 1, stnconfres_items, ARRAY_LEN(stnconfres_items)};

const struct pkg *const pkg_sec[] = {&tlsbsc, &tcpbcc, &mgastuns, &ostuncc, &stnconfres, NULL};
