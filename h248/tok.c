/* Token tables: names by token, and words by their first letter and length. */
#include "h248/tok.h"

static const struct {
    struct sv name, brief;
    unsigned version;
} names[TOK_N] = {
#define TOK_ROW(id, l, s, v) [TOK_##id] = {{l, sizeof(l) - 1}, {s, sizeof(s) - 1}, v},
    TOK_LIST(TOK_ROW)
#undef TOK_ROW
};

/* Both forms of every token by first letter, shortest first; `!` and `&` are looked at apart. The
 * two spellings that only some peers use (EmergencyOffToken of v2 drafts, IterationToken) stand
 * here too. */
struct word {
    uint8_t n;
    uint8_t tok;
    const char *text;
};
#define W(word, id) {sizeof(word) - 1, TOK_##id, word}

static const struct word words_a[] = {
    W("A", ADD), W("AC", AUDIT_CAPABILITY), W("AD", SERVICE_CHANGE_ADDRESS), W("AT", AUDIT),
    W("AU", AUTHENTICATION), W("AV", AUDIT_VALUE), W("Add", ADD), W("Audit", AUDIT),
    W("ANDLgc", AND_LGC), W("AuditValue", AUDIT_VALUE), W("Authentication", AUTHENTICATION),
    W("AuditCapability", AUDIT_CAPABILITY),
};
static const struct word words_b[] = {
    W("B", BOTH), W("BF", BUFFER), W("BR", BRIEF), W("BW", BOTHWAY), W("Both", BOTH),
    W("Brief", BRIEF), W("Buffer", BUFFER), W("Bothway", BOTHWAY),
};
static const struct word words_c[] = {
    W("C", CONTEXT), W("CA", CONTEXT_AUDIT), W("CT", CONTEXT_ATTR), W("CLT", CONTEXT_LIST),
    W("Context", CONTEXT), W("ContextAttr", CONTEXT_ATTR), W("ContextList", CONTEXT_LIST),
    W("ContextAudit", CONTEXT_AUDIT),
};
static const struct word words_d[] = {
    W("DC", DISCONNECTED), W("DL", DELAY), W("DM", DIGIT_MAP), W("DR", DURATION), W("Delay", DELAY),
    W("DigitMap", DIGIT_MAP), W("Duration", DURATION), W("Disconnected", DISCONNECTED),
};
static const struct word words_e[] = {
    W("E", EVENTS), W("EB", EVENT_BUFFER), W("EG", EMERGENCY), W("EM", EMBED), W("ER", ERROR),
    W("EX", EXTERNAL), W("EGO", EMERGENCY_OFF), W("EGV", EMERGENCY_VALUE), W("END", END),
    W("Embed", EMBED), W("Error", ERROR), W("Events", EVENTS), W("External", EXTERNAL),
    W("Emergency", EMERGENCY), W("EventBuffer", EVENT_BUFFER), W("EmergencyOff", EMERGENCY_OFF),
    W("EmergencyValue", EMERGENCY_VALUE), W("EmergencyOffToken", EMERGENCY_OFF),
};
static const struct word words_f[] = {
    W("FL", FAILOVER), W("FO", FORCED), W("Forced", FORCED), W("Failover", FAILOVER),
};
static const struct word words_g[] = {
    W("GR", GRACEFUL), W("Graceful", GRACEFUL),
};
static const struct word words_h[] = {
    W("HO", HAND_OFF), W("H221", H221), W("H223", H223), W("H226", H226), W("HandOff", HAND_OFF),
};
static const struct word words_i[] = {
    W("IA", IMM_ACK), W("IN", INACTIVE), W("IR", ITERATION), W("IS", ISOLATE), W("IT", INTERNAL),
    W("IV", IN_SERVICE), W("IBE", INT_BY_EVENT), W("IBS", INT_BY_SIG_DESCR), W("IEPS", IEPS_CALL),
    W("Isolate", ISOLATE), W("IEPSCall", IEPS_CALL), W("Inactive", INACTIVE),
    W("Internal", INTERNAL), W("InService", IN_SERVICE), W("Iteration", ITERATION),
    W("IntByEvent", INT_BY_EVENT), W("Intersignal", INTERSIGNAL),
    W("IntBySigDescr", INT_BY_SIG_DESCR), W("ImmAckRequired", IMM_ACK),
    W("IterationToken", ITERATION), W("ImmediateNotify", IMMEDIATE_NOTIFY),
};
static const struct word words_k[] = {
    W("K", RESPONSE_ACK), W("KA", KEEP_ACTIVE), W("KeepActive", KEEP_ACTIVE),
};
static const struct word words_l[] = {
    W("L", LOCAL), W("LB", LOOPBACK), W("Local", LOCAL), W("LockStep", LOCK_STEP),
    W("Loopback", LOOPBACK), W("LocalControl", LOCAL_CONTROL),
};
static const struct word words_m[] = {
    W("M", MEDIA), W("MD", MODEM), W("MF", MODIFY), W("MG", MGC_ID), W("MO", MODE), W("MT", METHOD),
    W("MV", MOVE), W("MX", MUX), W("MTP", MTP), W("Mux", MUX), W("Mode", MODE), W("Move", MOVE),
    W("Media", MEDIA), W("Modem", MODEM), W("MEGACO", MEGACO), W("Method", METHOD),
    W("Modify", MODIFY), W("MgcIdToTry", MGC_ID),
};
static const struct word words_n[] = {
    W("N", NOTIFY), W("NC", NOTIFY_COMPLETION), W("N64", NX64K), W("NBIN", IMMEDIATE_NOTIFY),
    W("NBNN", NEVER_NOTIFY), W("NBRN", REGULATED_NOTIFY), W("Notify", NOTIFY),
    W("NeverNotify", NEVER_NOTIFY), W("Nx64kService", NX64K),
    W("NotifyCompletion", NOTIFY_COMPLETION),
};
static const struct word words_o[] = {
    W("O", LOCAL_CONTROL), W("OE", OBSERVED_EVENTS), W("ON", ON), W("OO", ON_OFF),
    W("OR", OTHER_REASON), W("OS", OUT_OF_SERVICE), W("OW", ONEWAY), W("OFF", OFF),
    W("OWB", ONEWAY_BOTH), W("OWE", ONEWAY_EXTERNAL), W("ORLgc", OR_LGC), W("OnOff", ON_OFF),
    W("Oneway", ONEWAY), W("OnewayBoth", ONEWAY_BOTH), W("OtherReason", OTHER_REASON),
    W("OutOfService", OUT_OF_SERVICE), W("ObservedEvents", OBSERVED_EVENTS),
    W("OnewayExternal", ONEWAY_EXTERNAL),
};
static const struct word words_p[] = {
    W("P", REPLY), W("PF", PROFILE), W("PG", PACKAGES), W("PN", PENDING), W("PR", PRIORITY),
    W("Pending", PENDING), W("Profile", PROFILE), W("Packages", PACKAGES), W("Priority", PRIORITY),
};
static const struct word words_r[] = {
    W("R", REMOTE), W("RC", RECV_ONLY), W("RE", REASON), W("RG", RESERVED_GROUP), W("RS", RESTART),
    W("RV", RESERVED_VALUE), W("RSE", RESET_EVENTS), W("ROOT", ROOT), W("Reply", REPLY),
    W("Reason", REASON), W("Remote", REMOTE), W("Restart", RESTART), W("ReceiveOnly", RECV_ONLY),
    W("ReservedGroup", RESERVED_GROUP), W("ReservedValue", RESERVED_VALUE),
    W("RegulatedNotify", REGULATED_NOTIFY), W("ResetEventsDescriptor", RESET_EVENTS),
};
static const struct word words_s[] = {
    W("S", SUBTRACT), W("SA", STATISTICS), W("SC", SERVICE_CHANGE), W("SG", SIGNALS),
    W("SI", SERVICE_STATES), W("SL", SIGNAL_LIST), W("SM", SEGMENT), W("SN", SYNCH_ISDN),
    W("SO", SEND_ONLY), W("SP", LOCK_STEP), W("SR", SEND_RECV), W("ST", STREAM), W("SV", SERVICES),
    W("SY", SIGNAL_TYPE), W("SIC", SERVICE_CHANGE_INC), W("SPADI", SPA_DIRECTION),
    W("SPAIS", INTERSIGNAL), W("SPARQ", SPA_REQUEST_ID), W("Stream", STREAM), W("Segment", SEGMENT),
    W("Signals", SIGNALS), W("SendOnly", SEND_ONLY), W("Services", SERVICES),
    W("Subtract", SUBTRACT), W("SynchISDN", SYNCH_ISDN), W("SignalList", SIGNAL_LIST),
    W("SignalType", SIGNAL_TYPE), W("Statistics", STATISTICS), W("SendReceive", SEND_RECV),
    W("SPADirection", SPA_DIRECTION), W("SPARequestID", SPA_REQUEST_ID),
    W("ServiceChange", SERVICE_CHANGE), W("ServiceStates", SERVICE_STATES),
    W("ServiceChangeInc", SERVICE_CHANGE_INC), W("ServiceChangeAddress", SERVICE_CHANGE_ADDRESS),
};
static const struct word words_t[] = {
    W("T", TRANSACTION), W("TE", TEST), W("TO", TIME_OUT), W("TP", TOPOLOGY),
    W("TS", TERMINATION_STATE), W("Test", TEST), W("TimeOut", TIME_OUT), W("Topology", TOPOLOGY),
    W("Transaction", TRANSACTION), W("TerminationState", TERMINATION_STATE),
    W("TransactionResponseAck", RESPONSE_ACK),
};
static const struct word words_v[] = {
    W("V", VERSION), W("V18", V18), W("V22", V22), W("V32", V32), W("V34", V34), W("V76", V76),
    W("V90", V90), W("V91", V91), W("V22b", V22B), W("V32b", V32B), W("Version", VERSION),
};
#undef W

static const struct {
    const struct word *rows;
    size_t n;
} letters[26] = {
#define LETTER(c, rows) [(c) - 'a'] = {rows, ARRAY_LEN(rows)}
    LETTER('a', words_a), LETTER('b', words_b), LETTER('c', words_c), LETTER('d', words_d),
    LETTER('e', words_e), LETTER('f', words_f), LETTER('g', words_g), LETTER('h', words_h),
    LETTER('i', words_i), LETTER('k', words_k), LETTER('l', words_l), LETTER('m', words_m),
    LETTER('n', words_n), LETTER('o', words_o), LETTER('p', words_p), LETTER('r', words_r),
    LETTER('s', words_s), LETTER('t', words_t), LETTER('v', words_v),
#undef LETTER
};

static enum tok tok_sign(struct sv w)
{
    if (w.n == 1 && *w.p == '!')
        return TOK_MEGACO;
    if (w.n == 1 && *w.p == '&')
        return TOK_END;
    return TOK_NONE;
}

enum tok tok_find(struct sv w)
{
    unsigned letter;
    size_t i, k;

    if (!w.n)
        return TOK_NONE;
    letter = (unsigned)((unsigned char)*w.p | 0x20u) - 'a';
    if (letter >= 26)
        return tok_sign(w);
    for (i = 0; i < letters[letter].n; i++) {
        const struct word *row = &letters[letter].rows[i];

        if (row->n < w.n)
            continue;
        if (row->n > w.n)
            break;
        for (k = 1; k < w.n; k++) {
            unsigned char c = (unsigned char)w.p[k], t = (unsigned char)row->text[k];

            if (c != t && ((c ^ t) != 0x20 || (unsigned)((c | 0x20u) - 'a') >= 26))
                break;
        }
        if (k == w.n)
            return row->tok;
    }
    return TOK_NONE;
}

struct sv tok_long(enum tok t)
{
    return names[t].name;
}

struct sv tok_short(enum tok t)
{
    return names[t].brief;
}

unsigned tok_version(enum tok t)
{
    return names[t].version;
}
