/* Packages of the gateway itself: generic and root (H.248.1 annex E.1, E.2), hanging terminations (H.248.36),
 * inactivity of the controller (H.248.14). Ids and versions: IANA registry; version = the one the profile names. */
#include "h248/pkg.h"

static const char *const general_causes[] = {"NR", "UR", "FT", "FP", "IW", "UN", NULL};
static const struct pkg_param g_cause_params[] = {
    {.name = "Generalcause", .id = 0x0001, .def = {PKG_ENUM, .values = general_causes}, .field = PKG_OBSERVED(cause)},
    {.name = "Failurecause", .id = 0x0002, .def = {PKG_STR, .max = 255}},
};
static const enum iq_event g_cause_events[] = {IQ_EV_CAUSE};
static const struct pkg_param g_sc_params[] = {
    {.name = "SigID", .id = 0x0001, .def = {PKG_STR, .max = 255}},
    {.name = "Meth", .id = 0x0002, .def = {PKG_STR, .max = 255}},
    {.name = "SLID", .id = 0x0003, .def = {PKG_INT, .max = UINT16_MAX}},
};
static const struct pkg_item g_items[] = {
    {.name = "cause", .id = 0x0001, .kind = PKG_EVENT, .field = PKG_TERM(notify_cause), .params = g_cause_params,
     .n_params = ARRAY_LEN(g_cause_params), .observed = g_cause_events},
    /* signal completion: unbound, because a signal that asks for it (NotifyCompletion) is refused */
    {.name = "sc", .id = 0x0002, .kind = PKG_EVENT, .params = g_sc_params, .n_params = ARRAY_LEN(g_sc_params)},
};
static const struct pkg g = {"g", 0x0001, 1, g_items, ARRAY_LEN(g_items)};

#define ROOT_INT(n, i, w, hi, f) \
    {.name = n, .id = i, .kind = PKG_PROPERTY, .where = PKG_IN_STATE | (w), .def = {PKG_INT, .max = hi}, .field = PKG_TERM(root.f)}
static const struct pkg_item root_items[] = {
    ROOT_INT("maxNumberOfContexts", 0x0001, PKG_READ_ONLY, UINT32_MAX, max_contexts),
    ROOT_INT("maxTerminationsPerContext", 0x0002, PKG_READ_ONLY, UINT32_MAX, max_terms),
    ROOT_INT("normalMGExecutionTime", 0x0003, 0, UINT32_MAX, mg_execution),
    ROOT_INT("normalMGCExecutionTime", 0x0004, 0, UINT32_MAX, mgc_execution),
    ROOT_INT("MGProvisionalResponseTimerValue", 0x0005, 0, UINT32_MAX, mg_provisional),
    ROOT_INT("MGCProvisionalResponseTimerValue", 0x0006, 0, UINT32_MAX, mgc_provisional),
    ROOT_INT("MGCOriginatedPendingLimit", 0x0007, 0, UINT32_MAX, mgc_pending_limit),
    ROOT_INT("MGOriginatedPendingLimit", 0x0008, 0, UINT32_MAX, mg_pending_limit),
};
static const struct pkg root = {"root", 0x0002, 2, root_items, ARRAY_LEN(root_items)};

/* Unverified: the parameter's name. The default is this project's: a gateway-wide provisioned value in H.248.36. */
static const struct pkg_param thb_params[] = {
    {.name = "timerx", .def = {PKG_INT, .max = UINT32_MAX}, .field = PKG_TERM(heartbeat), .has_default = true,
     .value = 3600},
};
static const enum iq_event thb_events[] = {IQ_EV_HEARTBEAT};
static const struct pkg_item hangterm_items[] = {
    {.name = "thb", .id = 0x0001, .kind = PKG_EVENT, .params = thb_params, .n_params = ARRAY_LEN(thb_params),
     .observed = thb_events},
};
static const struct pkg hangterm = {"hangterm", 0x0098, 1, hangterm_items, ARRAY_LEN(hangterm_items)};

/* Unverified: the parameter's name; its unit is 10 ms. The default is this project's. */
static const struct pkg_param ito_params[] = {
    {.name = "mit", .def = {PKG_INT, .max = UINT32_MAX}, .field = PKG_TERM(ito), .has_default = true, .value = 3000},
};
static const enum iq_event ito_events[] = {IQ_EV_ITO};
static const struct pkg_item it_items[] = {
    {.name = "ito", .id = 0x0001, .kind = PKG_EVENT, .params = ito_params, .n_params = ARRAY_LEN(ito_params),
     .observed = ito_events},
};
static const struct pkg it = {"it", 0x0045, 1, it_items, ARRAY_LEN(it_items)};

const struct pkg *const pkg_base[] = {&g, &root, &hangterm, &it, NULL};
