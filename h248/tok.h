/* The words of the text encoding: long form, short form and the first version that has them
 * (H.248.1 annex B). A word is looked up once; whether it means the token is decided by the
 * position it stands in. Any thread. */
#pragma once

#include "common/sv.h"

/* id, long, short, version */
#define TOK_LIST(X) \
    X(ADD, "Add", "A", 1) \
    X(AND_LGC, "ANDLgc", "ANDLgc", 3) \
    X(AUDIT, "Audit", "AT", 1) \
    X(AUDIT_CAPABILITY, "AuditCapability", "AC", 1) \
    X(AUDIT_VALUE, "AuditValue", "AV", 1) \
    X(AUTHENTICATION, "Authentication", "AU", 1) \
    X(BOTH, "Both", "B", 3) \
    X(BOTHWAY, "Bothway", "BW", 1) \
    X(BRIEF, "Brief", "BR", 1) \
    X(BUFFER, "Buffer", "BF", 1) \
    X(CONTEXT, "Context", "C", 1) \
    X(CONTEXT_ATTR, "ContextAttr", "CT", 3) \
    X(CONTEXT_AUDIT, "ContextAudit", "CA", 1) \
    X(CONTEXT_LIST, "ContextList", "CLT", 3) \
    X(DELAY, "Delay", "DL", 1) \
    X(DIGIT_MAP, "DigitMap", "DM", 1) \
    X(DISCONNECTED, "Disconnected", "DC", 1) \
    X(DURATION, "Duration", "DR", 1) \
    X(EMBED, "Embed", "EM", 1) \
    X(EMERGENCY, "Emergency", "EG", 1) \
    X(EMERGENCY_OFF, "EmergencyOff", "EGO", 2) \
    X(EMERGENCY_VALUE, "EmergencyValue", "EGV", 3) \
    X(END, "END", "&", 3) \
    X(ERROR, "Error", "ER", 1) \
    X(EVENT_BUFFER, "EventBuffer", "EB", 1) \
    X(EVENTS, "Events", "E", 1) \
    X(EXTERNAL, "External", "EX", 3) \
    X(FAILOVER, "Failover", "FL", 1) \
    X(FORCED, "Forced", "FO", 1) \
    X(GRACEFUL, "Graceful", "GR", 1) \
    X(H221, "H221", "H221", 1) \
    X(H223, "H223", "H223", 1) \
    X(H226, "H226", "H226", 1) \
    X(HAND_OFF, "HandOff", "HO", 1) \
    X(IEPS_CALL, "IEPSCall", "IEPS", 3) \
    X(IMMEDIATE_NOTIFY, "ImmediateNotify", "NBIN", 3) \
    X(IMM_ACK, "ImmAckRequired", "IA", 1) \
    X(INACTIVE, "Inactive", "IN", 1) \
    X(IN_SERVICE, "InService", "IV", 1) \
    X(INTERNAL, "Internal", "IT", 3) \
    X(INTERSIGNAL, "Intersignal", "SPAIS", 3) \
    X(INT_BY_EVENT, "IntByEvent", "IBE", 1) \
    X(INT_BY_SIG_DESCR, "IntBySigDescr", "IBS", 1) \
    X(ISOLATE, "Isolate", "IS", 1) \
    X(ITERATION, "Iteration", "IR", 3) \
    X(KEEP_ACTIVE, "KeepActive", "KA", 1) \
    X(LOCAL, "Local", "L", 1) \
    X(LOCAL_CONTROL, "LocalControl", "O", 1) \
    X(LOCK_STEP, "LockStep", "SP", 1) \
    X(LOOPBACK, "Loopback", "LB", 1) \
    X(MEDIA, "Media", "M", 1) \
    X(MEGACO, "MEGACO", "!", 1) \
    X(METHOD, "Method", "MT", 1) \
    X(MGC_ID, "MgcIdToTry", "MG", 1) \
    X(MODE, "Mode", "MO", 1) \
    X(MODEM, "Modem", "MD", 1) \
    X(MODIFY, "Modify", "MF", 1) \
    X(MOVE, "Move", "MV", 1) \
    X(MTP, "MTP", "MTP", 1) \
    X(MUX, "Mux", "MX", 1) \
    X(NEVER_NOTIFY, "NeverNotify", "NBNN", 3) \
    X(NOTIFY, "Notify", "N", 1) \
    X(NOTIFY_COMPLETION, "NotifyCompletion", "NC", 1) \
    X(NX64K, "Nx64kService", "N64", 2) \
    X(OBSERVED_EVENTS, "ObservedEvents", "OE", 1) \
    X(OFF, "OFF", "OFF", 1) \
    X(ON, "ON", "ON", 1) \
    X(ON_OFF, "OnOff", "OO", 1) \
    X(ONEWAY, "Oneway", "OW", 1) \
    X(ONEWAY_BOTH, "OnewayBoth", "OWB", 3) \
    X(ONEWAY_EXTERNAL, "OnewayExternal", "OWE", 3) \
    X(OR_LGC, "ORLgc", "ORLgc", 3) \
    X(OTHER_REASON, "OtherReason", "OR", 1) \
    X(OUT_OF_SERVICE, "OutOfService", "OS", 1) \
    X(PACKAGES, "Packages", "PG", 1) \
    X(PENDING, "Pending", "PN", 1) \
    X(PRIORITY, "Priority", "PR", 1) \
    X(PROFILE, "Profile", "PF", 1) \
    X(REASON, "Reason", "RE", 1) \
    X(RECV_ONLY, "ReceiveOnly", "RC", 1) \
    X(REGULATED_NOTIFY, "RegulatedNotify", "NBRN", 3) \
    X(REMOTE, "Remote", "R", 1) \
    X(REPLY, "Reply", "P", 1) \
    X(RESERVED_GROUP, "ReservedGroup", "RG", 1) \
    X(RESERVED_VALUE, "ReservedValue", "RV", 1) \
    X(RESET_EVENTS, "ResetEventsDescriptor", "RSE", 3) \
    X(RESPONSE_ACK, "TransactionResponseAck", "K", 1) \
    X(RESTART, "Restart", "RS", 1) \
    X(ROOT, "ROOT", "ROOT", 1) \
    X(SEGMENT, "Segment", "SM", 3) \
    X(SEND_ONLY, "SendOnly", "SO", 1) \
    X(SEND_RECV, "SendReceive", "SR", 1) \
    X(SERVICE_CHANGE, "ServiceChange", "SC", 1) \
    X(SERVICE_CHANGE_ADDRESS, "ServiceChangeAddress", "AD", 1) \
    X(SERVICE_CHANGE_INC, "ServiceChangeInc", "SIC", 3) \
    X(SERVICE_STATES, "ServiceStates", "SI", 1) \
    X(SERVICES, "Services", "SV", 1) \
    X(SIGNAL_LIST, "SignalList", "SL", 1) \
    X(SIGNALS, "Signals", "SG", 1) \
    X(SIGNAL_TYPE, "SignalType", "SY", 1) \
    X(SPA_DIRECTION, "SPADirection", "SPADI", 3) \
    X(SPA_REQUEST_ID, "SPARequestID", "SPARQ", 3) \
    X(STATISTICS, "Statistics", "SA", 1) \
    X(STREAM, "Stream", "ST", 1) \
    X(SUBTRACT, "Subtract", "S", 1) \
    X(SYNCH_ISDN, "SynchISDN", "SN", 1) \
    X(TERMINATION_STATE, "TerminationState", "TS", 1) \
    X(TEST, "Test", "TE", 1) \
    X(TIME_OUT, "TimeOut", "TO", 1) \
    X(TOPOLOGY, "Topology", "TP", 1) \
    X(TRANSACTION, "Transaction", "T", 1) \
    X(V18, "V18", "V18", 1) \
    X(V22, "V22", "V22", 1) \
    X(V22B, "V22b", "V22b", 1) \
    X(V32, "V32", "V32", 1) \
    X(V32B, "V32b", "V32b", 1) \
    X(V34, "V34", "V34", 1) \
    X(V76, "V76", "V76", 1) \
    X(V90, "V90", "V90", 1) \
    X(V91, "V91", "V91", 1) \
    X(VERSION, "Version", "V", 1)

enum tok {
    TOK_NONE, /* no token: a name */
#define TOK_ENUM(id, l, s, v) TOK_##id,
    TOK_LIST(TOK_ENUM)
#undef TOK_ENUM
    TOK_N
};

enum tok tok_find(struct sv word); /* either form, any case; TOK_NONE */
struct sv tok_long(enum tok t);
struct sv tok_short(enum tok t);
unsigned tok_version(enum tok t); /* the first version that has it */
