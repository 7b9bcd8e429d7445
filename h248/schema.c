/* The rows of schema.h; order = order of the fields in JSON. */
#include "h248/schema.h"

#include <stddef.h>

#define F(st, f, ty, ...)                                                                          \
    {                                                                                              \
        .name = #f, .type = SCH_##ty, .at = offsetof(struct h248_##st, f), __VA_ARGS__             \
    }
#define N(st, label, f, ty, ...)                                                                   \
    {                                                                                              \
        .name = label, .type = SCH_##ty, .at = offsetof(struct h248_##st, f), __VA_ARGS__          \
    }
#define HAS(st, f) .has = offsetof(struct h248_##st, f) + 1
#define E(list) .names = list, .n_names = ARRAY_LEN(list)
#define OF(s) .of = &sch_##s
#define FL(set) .flags = (set)
#define SCHEMA(st) const struct sch sch_##st = {.name = #st, .size = sizeof(struct h248_##st), \
    .fields = st##_fields, .n = ARRAY_LEN(st##_fields)}
#define NODE(st)                                                                                   \
    static const struct sch sch_##st = {.name = #st,                                               \
                                        .size = sizeof(struct h248_##st),                          \
                                        .prev = offsetof(struct h248_##st, prev),                  \
                                        .fields = st##_fields,                                     \
                                        .n = ARRAY_LEN(st##_fields)}
/* A variant of h248_desc: `st` names it, its fields lie in the union. */
#define VARIANT(st) static const struct sch sch_d_##st = {.name = #st, .fields = d_##st##_fields, \
    .n = ARRAY_LEN(d_##st##_fields)}

static const char *const mid_kinds[] = {"ip4", "ip6", "domain", "device", "mtp"};
static const char *const rels[] = {"=", "or", "and", "range", "<", ">", "#", "name"};
static const char *const modes[] = {"",         "SendOnly", "ReceiveOnly", "SendReceive",
                                    "Inactive", "Loopback"};
static const char *const tris[] = {"", "OFF", "ON"};
static const char *const svcstates[] = {"", "Test", "OutOfService", "InService"};
static const char *const notifies[] = {"", "ImmediateNotify", "RegulatedNotify", "NeverNotify"};
static const char *const sig_types[] = {"", "OnOff", "TimeOut", "Brief"};
static const char *const completions[] = {"TimeOut", "IntByEvent", "IntBySigDescr", "OtherReason",
                                          "Iteration"};
static const char *const desc_kinds[] = {
    "Media", "Modem",          "Mux",        "Events",   "EventBuffer", "Signals", "DigitMap",
    "Audit", "ObservedEvents", "Statistics", "Packages", "Services",    "Error",   "Empty"};
static const char *const verbs[] = {"Add",      "Move",         "Modify",
                                    "Subtract", "AuditValue",   "AuditCapability",
                                    "Notify",   "ServiceChange"};
static const char *const txn_kinds[] = {"Transaction", "Reply", "Pending", "TransactionResponseAck",
                                        "Segment"};

/* --- items --- */

static const struct sch_field mid_fields[] = {
    F(mid, kind, ENUM, E(mid_kinds), FL(SCH_ALWAYS)),
    F(mid, name, TEXT),
    F(mid, port, U16, HAS(mid, has_port)),
};
static SCHEMA(mid);

static const struct sch_field auth_fields[] = {F(auth, spi, TEXT), F(auth, seq, TEXT),
                                               F(auth, data, TEXT)};
static SCHEMA(auth);

static const struct sch_field error_fields[] = {
    F(error, code, U32, FL(SCH_ALWAYS)),
    F(error, text, TEXT, HAS(error, has_text), FL(SCH_EXACT)),
};
static SCHEMA(error);

static const struct sch_field value_fields[] = {
    F(value, text, TEXT, FL(SCH_ALWAYS)),
    F(value, quoted, BOOL, FL(SCH_ALWAYS)),
};
NODE(value);

static const struct sch_field parm_fields[] = {
    F(parm, name, TEXT, FL(SCH_KEY)),
    F(parm, rel, ENUM, E(rels), FL(SCH_ALWAYS)),
    F(parm, values, LIST, OF(value)),
};
NODE(parm);

static const struct sch_field termid_fields[] = {F(termid, text, TEXT)};
NODE(termid);

/* --- Media --- */

static const struct sch_field local_control_fields[] = {
    F(local_control, mode, ENUM, E(modes)),
    F(local_control, reserved_value, ENUM, E(tris)),
    F(local_control, reserved_group, ENUM, E(tris)),
    F(local_control, ask_mode, BOOL),
    F(local_control, ask_rv, BOOL),
    F(local_control, ask_rg, BOOL),
    F(local_control, props, LIST, OF(parm), FL(SCH_UNORDERED)),
};
static SCHEMA(local_control);

static const struct sch_field stream_fields[] = {
    F(stream, id, U16, HAS(stream, has_id), FL(SCH_KEY | SCH_ONE)),
    F(stream, control, BODY, OF(local_control), HAS(stream, has_control)),
    N(stream, "local", local.text, SDP, HAS(stream, local.present)),
    N(stream, "remote", remote.text, SDP, HAS(stream, remote.present)),
    F(stream, statistics, LIST, OF(parm), HAS(stream, has_statistics), FL(SCH_UNORDERED)),
};
NODE(stream);

static const struct sch_field term_state_fields[] = {
    F(term_state, service, ENUM, E(svcstates)),
    F(term_state, buffer, ENUM, E(tris)),
    F(term_state, ask_service, BOOL),
    F(term_state, ask_buffer, BOOL),
    F(term_state, props, LIST, OF(parm), FL(SCH_UNORDERED)),
};
static SCHEMA(term_state);

/* --- Events and Signals --- */

static const struct sch sch_desc;

static const struct sch_field event_fields[] = {
    F(event, timestamp, TEXT),
    F(event, name, TEXT, FL(SCH_KEY)),
    F(event, stream, U16, HAS(event, has_stream), FL(SCH_KEY)),
    F(event, keep_active, BOOL),
    F(event, digitmap, TEXT),
    F(event, digitmap_body, TEXT),
    F(event, embed_signals, PTR, OF(desc)),
    F(event, embed_events, PTR, OF(desc)),
    F(event, notify, ENUM, E(notifies)),
    F(event, embed_in_regulated, BOOL),
    F(event, reset_events, BOOL),
    F(event, parms, LIST, OF(parm), FL(SCH_UNORDERED)),
};
NODE(event);

static const struct sch sch_signal;
static const struct sch_field signal_fields[] = {
    F(signal, is_list, BOOL, FL(SCH_KEY)),
    F(signal, list_id, U16, FL(SCH_KEY)),
    F(signal, list, LIST, OF(signal)),
    F(signal, name, TEXT, FL(SCH_KEY)),
    F(signal, stream, U16, HAS(signal, has_stream), FL(SCH_KEY)),
    F(signal, type, ENUM, E(sig_types)),
    F(signal, duration, U16, HAS(signal, has_duration)),
    F(signal, notify, FLAGS, E(completions)),
    F(signal, keep_active, BOOL),
    F(signal, direction, TEXT),
    F(signal, request_id, REQUEST, HAS(signal, has_request_id)),
    F(signal, intersignal, U16, HAS(signal, has_intersignal)),
    F(signal, parms, LIST, OF(parm), FL(SCH_UNORDERED)),
};
NODE(signal);

/* --- other descriptors --- */

static const struct sch_field package_fields[] = {
    F(package, name, TEXT, FL(SCH_KEY)),
    F(package, version, U16, FL(SCH_ALWAYS)),
};
NODE(package);

static const struct sch_field audit_item_fields[] = {
    F(audit_item, token, TEXT, FL(SCH_KEY)),
    F(audit_item, desc, PTR, OF(desc), FL(SCH_KEY)),
};
NODE(audit_item);

static const struct sch_field d_media_fields[] = {
    N(desc, "state", u.media.state, BODY, OF(term_state), HAS(desc, u.media.has_state)),
    N(desc, "streams", u.media.streams, LIST, OF(stream), FL(SCH_UNORDERED)),
};
VARIANT(media);
static const struct sch_field d_modem_fields[] = {
    N(desc, "types", u.modem.types, LIST, OF(value)),
    N(desc, "props", u.modem.props, LIST, OF(parm), FL(SCH_UNORDERED)),
};
VARIANT(modem);
static const struct sch_field d_mux_fields[] = {
    N(desc, "type", u.mux.type, TEXT),
    N(desc, "terms", u.mux.terms, LIST, OF(termid)),
};
VARIANT(mux);
static const struct sch_field d_events_fields[] = {
    N(desc, "request_id", u.events.request_id, REQUEST, HAS(desc, u.events.has_request_id)),
    N(desc, "events", u.events.events, LIST, OF(event), FL(SCH_UNORDERED)),
};
VARIANT(events);
static const struct sch_field d_signals_fields[] = {
    N(desc, "signals", u.signals, LIST, OF(signal), FL(SCH_UNORDERED)),
};
VARIANT(signals);
static const struct sch_field d_digitmap_fields[] = {
    N(desc, "name", u.digitmap.name, TEXT),
    N(desc, "body", u.digitmap.body, TEXT),
};
VARIANT(digitmap);
static const struct sch_field d_audit_fields[] = {
    N(desc, "items", u.audit, LIST, OF(audit_item), FL(SCH_UNORDERED)),
};
VARIANT(audit);
static const struct sch_field d_statistics_fields[] = {
    N(desc, "statistics", u.statistics, LIST, OF(parm), FL(SCH_UNORDERED)),
};
VARIANT(statistics);
static const struct sch_field d_packages_fields[] = {
    N(desc, "packages", u.packages, LIST, OF(package), FL(SCH_UNORDERED)),
};
VARIANT(packages);
static const struct sch_field d_services_fields[] = {
    N(desc, "method", u.services.method, TEXT),
    N(desc, "reason", u.services.reason, TEXT, FL(SCH_EXACT)),
    N(desc, "delay", u.services.delay, U32, HAS(desc, u.services.has_delay)),
    N(desc, "address_port", u.services.address_port, U16, HAS(desc, u.services.has_address_port)),
    N(desc, "address", u.services.address, PTR, OF(mid)),
    N(desc, "mgc_to_try", u.services.mgc_to_try, PTR, OF(mid)),
    N(desc, "profile", u.services.profile, TEXT),
    N(desc, "profile_version", u.services.profile_version, U32),
    N(desc, "version", u.services.version, U32, HAS(desc, u.services.has_version)),
    N(desc, "timestamp", u.services.timestamp, TEXT),
    N(desc, "incomplete", u.services.incomplete, BOOL),
    N(desc, "extensions", u.services.extensions, LIST, OF(parm), FL(SCH_UNORDERED)),
    N(desc, "info", u.services.info, LIST, OF(audit_item), FL(SCH_UNORDERED)),
};
VARIANT(services);
static const struct sch_field d_error_fields[] = {
    N(desc, "code", u.error.code, U32, FL(SCH_ALWAYS)),
    N(desc, "text", u.error.text, TEXT, HAS(desc, u.error.has_text), FL(SCH_EXACT)),
};
VARIANT(error);
static const struct sch_field d_empty_fields[] = {N(desc, "empty", u.empty, TEXT, FL(SCH_KEY))};
VARIANT(empty);

static const struct sch *const desc_variants[] = {
    [H248_D_MEDIA] = &sch_d_media,
    [H248_D_MODEM] = &sch_d_modem,
    [H248_D_MUX] = &sch_d_mux,
    [H248_D_EVENTS] = &sch_d_events,
    [H248_D_EVENT_BUFFER] = &sch_d_events,
    [H248_D_SIGNALS] = &sch_d_signals,
    [H248_D_DIGITMAP] = &sch_d_digitmap,
    [H248_D_AUDIT] = &sch_d_audit,
    [H248_D_OBSERVED] = &sch_d_events,
    [H248_D_STATISTICS] = &sch_d_statistics,
    [H248_D_PACKAGES] = &sch_d_packages,
    [H248_D_SERVICES] = &sch_d_services,
    [H248_D_ERROR] = &sch_d_error,
    [H248_D_EMPTY] = &sch_d_empty,
};

static const struct sch_field desc_fields[] = {
    F(desc, kind, ENUM, E(desc_kinds), FL(SCH_ALWAYS | SCH_KEY))};
static const struct sch sch_desc = {
    .name = "desc",
    .size = sizeof(struct h248_desc),
    .prev = offsetof(struct h248_desc, prev),
    .fields = desc_fields,
    .n = ARRAY_LEN(desc_fields),
    .variants = desc_variants,
    .n_variants = ARRAY_LEN(desc_variants),
};

/* --- commands, actions, transactions, message --- */

static const struct sch_field cmd_fields[] = {
    F(cmd, verb, ENUM, E(verbs), FL(SCH_ALWAYS | SCH_KEY)),
    F(cmd, optional, BOOL),
    F(cmd, wildcard_return, BOOL),
    F(cmd, ctx_list, BOOL),
    F(cmd, terms, LIST, OF(termid)),
    F(cmd, descs, LIST, OF(desc), FL(SCH_UNORDERED)),
};
NODE(cmd);

static const struct sch_field topology_fields[] = {
    F(topology, a, TEXT), F(topology, b, TEXT), F(topology, direction, TEXT),
    F(topology, stream, U16, HAS(topology, has_stream)),
};
NODE(topology);

static const struct sch_field ctx_audit_fields[] = {
    F(ctx_audit, token, TEXT, FL(SCH_KEY)),
    F(ctx_audit, value, TEXT),
};
NODE(ctx_audit);

static const struct sch_field ctx_id_fields[] = {F(ctx_id, id, CONTEXT, FL(SCH_ALWAYS))};
NODE(ctx_id);

static const struct sch_field action_fields[] = {
    F(action, context, CONTEXT, FL(SCH_ALWAYS)),
    F(action, priority, U16, HAS(action, has_priority)),
    F(action, emergency, ENUM, E(tris)),
    F(action, ieps, ENUM, E(tris)),
    F(action, topology, LIST, OF(topology)),
    F(action, attrs, LIST, OF(parm), FL(SCH_UNORDERED)),
    F(action, contexts, LIST, OF(ctx_id)),
    F(action, audit, LIST, OF(ctx_audit), HAS(action, has_audit), FL(SCH_UNORDERED)),
    F(action, audit_logic, TEXT),
    N(action, "commands", cmds, LIST, OF(cmd)),
    F(action, error, PTR, OF(error)),
};
NODE(action);

static const struct sch_field ack_range_fields[] = {
    F(ack_range, first, U32, FL(SCH_ALWAYS)),
    F(ack_range, last, U32, FL(SCH_ALWAYS)),
};
NODE(ack_range);

static const struct sch_field txn_fields[] = {
    F(txn, kind, ENUM, E(txn_kinds), FL(SCH_ALWAYS | SCH_KEY)),
    F(txn, tid, U32, FL(SCH_PREFER)),
    F(txn, imm_ack, BOOL),
    F(txn, segment, U16, HAS(txn, has_segment), FL(SCH_PREFER)),
    F(txn, last_segment, BOOL),
    F(txn, error, PTR, OF(error)),
    F(txn, actions, LIST, OF(action)),
    F(txn, acks, LIST, OF(ack_range)),
};
NODE(txn);

static const struct sch_field msg_fields[] = {
    F(msg, version, U32, FL(SCH_HEADER)),
    F(msg, mid, BODY, OF(mid), FL(SCH_HEADER)),
    F(msg, auth, BODY, OF(auth), HAS(msg, auth.present), FL(SCH_HEADER)),
    F(msg, error, PTR, OF(error)),
    N(msg, "transactions", txns, LIST, OF(txn), FL(SCH_UNORDERED)),
};
SCHEMA(msg);

const struct sch *sch_variant(const struct sch *s, const void *node)
{
    unsigned kind;

    if (!s->variants)
        return NULL;
    kind = *(const unsigned *)sch_at(node, &s->fields[0]);
    return kind < s->n_variants ? s->variants[kind] : NULL;
}

bool sch_present(const struct sch_field *f, const void *node)
{
    const void *v = sch_at(node, f);

    if (f->has)
        return *(const bool *)((const char *)node + f->has - 1);
    if (f->flags & SCH_ALWAYS)
        return true;
    switch (f->type) {
    case SCH_BOOL: return *(const bool *)v;
    case SCH_U16: return *(const uint16_t *)v != 0;
    case SCH_U32:
    case SCH_CONTEXT:
    case SCH_REQUEST:
    case SCH_ENUM:
    case SCH_FLAGS:
        return *(const uint32_t *)v != 0;
    case SCH_TEXT: case SCH_SDP: return ((const struct sv *)v)->n != 0;
    case SCH_PTR: case SCH_LIST: return *(const void *const *)v != NULL;
    case SCH_BODY: break;
    }
    return true;
}
