/* Packages of WebRTC data channels: media grouping (H.248.96), SCTP (H.248.97), endpoint interlinkage (H.248.92).
 * mgroup/groupse, mgroup/strdeagg and the name sctpid are the documented flow's (TS 23.334 6.2.10.6.2). UNVERIFIED WORKING
 * NAMES: everything else of sctpbcc, sctpreset and seplink; a correction is one row. */
#include "h248/pkg.h"

static const struct pkg_item mgroup_items[] = {
    {.name = "groupse", .kind = PKG_PROPERTY, .where = PKG_IN_STATE, .def = {PKG_STR, .list = true, .min = 1, .max = 128},
     .field = PKG_TERM(groupse)},
    {.name = "strdeagg", .kind = PKG_PROPERTY, .where = PKG_IN_CONTROL,
     .def = {PKG_INT, .list = true, .min = 1, .max = UINT16_MAX}, .field = PKG_STREAM(strdeagg)},
};
static const struct pkg mgroup = {"mgroup", 0x011f, 1, mgroup_items, ARRAY_LEN(mgroup_items)};

static const char *const change_words[] = {"Est", "Rel", "Failed", NULL};
static const struct pkg_param change_params[] = {
    {.name = "Type", .def = {PKG_ENUM, .values = change_words}},
};
static const enum iq_event sctp_events[] = {IQ_EV_NONE, IQ_EV_SCTP_RELEASED, IQ_EV_SCTP_FAILED};
static const struct pkg_item sctpbcc_items[] = {
    /* 65535 is no stream of an association (RFC 8831 6.2) */
    {.name = "sctpid", .kind = PKG_PROPERTY, .where = PKG_IN_CONTROL, .def = {PKG_INT, .max = 65534},
     .field = PKG_STREAM(sctpid)},
    {.name = "BNCChange", .kind = PKG_EVENT, .where = PKG_ON_BEARER, .field = PKG_STREAM(notify_sctp),
     .params = change_params, .n_params = ARRAY_LEN(change_params), .select = "Type", .observed = sctp_events},
};
static const struct pkg sctpbcc = {"sctpbcc", 0x0121, 1, sctpbcc_items, ARRAY_LEN(sctpbcc_items)};

static const struct pkg_param reset_params[] = {
    {.name = "sid", .def = {PKG_INT, .max = 65534}, .field = PKG_STREAM(sctp_reset)},
};
static const struct pkg_param done_params[] = {
    {.name = "sid", .def = {PKG_INT, .max = 65534}, .field = PKG_OBSERVED(sctp_id)},
};
static const enum iq_event done_events[] = {IQ_EV_SCTP_RESET};
static const struct pkg_item sctpreset_items[] = {
    {.name = "reset", .kind = PKG_SIGNAL, .where = PKG_ON_CHANNEL, .params = reset_params,
     .n_params = ARRAY_LEN(reset_params)},
    {.name = "done", .kind = PKG_EVENT, .where = PKG_ON_CHANNEL, .field = PKG_STREAM(notify_sctp_reset),
     .params = done_params, .n_params = ARRAY_LEN(done_params), .observed = done_events},
};
static const struct pkg sctpreset = {"sctpreset", 0x0122, 1, sctpreset_items, ARRAY_LEN(sctpreset_items)};

static const struct pkg_item seplink_items[] = {
    {.name = "topology", .kind = PKG_PROPERTY, .where = PKG_IN_CONTROL, .def = {PKG_STR, .min = 1, .max = 64},
     .field = PKG_STREAM(interlink)},
};
static const struct pkg seplink = {"seplink", 0x011b, 1, seplink_items, ARRAY_LEN(seplink_items)};

const struct pkg *const pkg_web[] = {&mgroup, &sctpbcc, &sctpreset, &seplink, NULL};
