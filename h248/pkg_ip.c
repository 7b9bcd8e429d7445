/* Packages of IP and its quality: NAPT traversal (H.248.37), gates (H.248.43), policing (H.248.53), realms (H.248.41),
 * DiffServ (H.248.52), RTCP (H.248.57), inactivity of media (H.248.40). Names of gm, tman, ipdc and ds are verified against
 * a public dissector; values and units of tman, ds/tb, rtcph, adid and ipnapt are working assumptions. */
#include "h248/pkg.h"

#define CONTROL(n, f, ...) \
    {.name = n, .kind = PKG_PROPERTY, .where = PKG_IN_CONTROL, .def = {__VA_ARGS__}, .field = PKG_STREAM(f)}

static const char *const latch_words[] = {"OFF", "LATCH", "RELATCH", NULL}; /* in the order of enum iq_latch */
static const struct pkg_param latch_params[] = {
    {.name = "napt", .id = 0x0001, .def = {PKG_CHOICE, .values = latch_words}, .field = PKG_STREAM(latch)},
};
static const struct pkg_item ipnapt_items[] = {
    {.name = "latch", .id = 0x0001, .kind = PKG_SIGNAL, .where = PKG_ON_BEARER, .params = latch_params,
     .n_params = ARRAY_LEN(latch_params)},
};
static const struct pkg ipnapt = {"ipnapt", 0x0099, 1, ipnapt_items, ARRAY_LEN(ipnapt_items)};

static const struct pkg_item gm_items[] = {
    CONTROL("saf", saf, PKG_BOOL),
    CONTROL("sam", sam, PKG_STR, .list = true, .min = 1, .max = 64),
    CONTROL("spf", spf, PKG_BOOL),
    CONTROL("spr", spr, PKG_STR, .min = 1, .max = 64),
    CONTROL("esas", esas, PKG_BOOL),
    CONTROL("lsa", lsa, PKG_STR, .min = 1, .max = 64),
    CONTROL("esps", esps, PKG_BOOL),
    CONTROL("lsp", lsp, PKG_INT, .max = UINT16_MAX),
};
static const struct pkg gm = {"gm", 0x008c, 2, gm_items, ARRAY_LEN(gm_items)};

static const struct pkg_item tman_items[] = {
    CONTROL("pol", pol, PKG_BOOL),
    CONTROL("sdr", sdr, PKG_INT, .max = UINT32_MAX),
    CONTROL("pdr", pdr, PKG_INT, .max = UINT32_MAX),
    CONTROL("mbs", mbs, PKG_INT, .max = UINT32_MAX),
    CONTROL("dvt", dvt, PKG_INT, .max = UINT32_MAX),
};
static const struct pkg tman = {"tman", 0x008d, 1, tman_items, ARRAY_LEN(tman_items)};

static const struct pkg_item ipdc_items[] = {
    CONTROL("realm", realm, PKG_STR, .min = 1, .max = 255),
};
static const struct pkg ipdc = {"ipdc", 0x009d, 1, ipdc_items, ARRAY_LEN(ipdc_items)};

static const char *const tb_words[] = {"Mark", "Copy", NULL};
static const struct pkg_item ds_items[] = {
    CONTROL("dscp", dscp, PKG_INT, .max = 63),
    CONTROL("tb", tb, PKG_ENUM, .values = tb_words),
};
static const struct pkg ds = {"ds", 0x008b, 2, ds_items, ARRAY_LEN(ds_items)};

static const struct pkg_item rtcph_items[] = {
    CONTROL("rsb", rtcp_rsb, PKG_BOOL),
};
static const struct pkg rtcph = {"rtcph", 0x00b5, 1, rtcph_items, ARRAY_LEN(rtcph_items)};

static const char *const dir_words[] = {"IN", "OUT", "BOTH", "EITHER", NULL};
static const struct pkg_param ipstop_params[] = {
    {.name = "dt", .def = {PKG_INT, .min = 1, .max = UINT32_MAX}, .field = PKG_TERM(inactivity)},
    {.name = "dir", .def = {PKG_ENUM, .values = dir_words}, .field = PKG_TERM(inactivity_dir), .optional = true},
};
static const enum iq_event ipstop_events[] = {IQ_EV_INACTIVE};
static const struct pkg_item adid_items[] = {
    {.name = "ipstop", .id = 0x0001, .kind = PKG_EVENT, .params = ipstop_params, .n_params = ARRAY_LEN(ipstop_params),
     .observed = ipstop_events},
};
static const struct pkg adid = {"adid", 0x009c, 1, adid_items, ARRAY_LEN(adid_items)};

const struct pkg *const pkg_ip[] = {&ipnapt, &gm, &tman, &ipdc, &ds, &rtcph, &adid, NULL};
