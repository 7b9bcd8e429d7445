/* H.248.1 message tree: message > transaction > action > command > descriptor; versions 1 to 3.
 * Plain structs in one arena; text is a view into the arena's copy of the message or into the arena.
 * Lists are utlist DL (head->prev = tail). Decoding loses nothing that it does not interpret.
 * Any thread, one at a time per message. Clause numbers: H.248.1 (03/2013), annex B for the text grammar. */
#pragma once

#include "common/arena.h"
#include "common/buf.h"

/* --- limits: the one table for everything that comes from the network (see h248/README.md) --- */
#define H248_MSG_MAX 65507        /* octets of a message (annex D.1 over UDP) */
#define H248_TXN_MAX 10           /* transactions in a message: TS 29.334 5.10.1; more: error 413 */
#define H248_ACTION_MAX 2048      /* actions in a transaction: a list of all contexts that just fits a message */
#define H248_CMD_MAX 64           /* commands in an action */
#define H248_NODE_MAX 8192        /* list nodes in a message, all kinds together */
#define H248_ARENA_MAX (4u << 20) /* bytes of one decoded message */
#define H248_NAME_MAX 64          /* NAME, TerminationID */

#define H248_CTX_NULL 0u
#define H248_CTX_CHOOSE 0xFFFFFFFEu
#define H248_CTX_ALL 0xFFFFFFFFu
#define H248_REQID_ALL 0xFFFFFFFFu
#define H248_STREAM_NONE 0u       /* no Stream given; as a StreamID 0 is not used by this profile */

/* --- message header --- */

enum h248_mid_kind { H248_MID_IP4, H248_MID_IP6, H248_MID_DOMAIN, H248_MID_DEVICE, H248_MID_MTP };
struct h248_mid {
    enum h248_mid_kind kind;
    struct sv name;   /* "192.0.2.1", "2001:db8::1", "alg1.example.net", "agw1", "2A01": without brackets */
    bool has_port;
    uint16_t port;
};

struct h248_auth {
    bool present;
    struct sv spi, seq, data; /* hex digits without 0x */
};

struct h248_error { /* Error = code { "text" } */
    unsigned code;
    bool has_text;
    struct sv text;
};

/* --- items --- */

enum h248_rel {
    H248_REL_EQ,     /* = value              */
    H248_REL_OR,     /* = { a, b }           */
    H248_REL_AND,    /* = [ a, b ] (sub-list) */
    H248_REL_RANGE,  /* = [ lo:hi ]          */
    H248_REL_LT,     /* < value */
    H248_REL_GT,     /* > value */
    H248_REL_NE,     /* # value */
    H248_REL_NONE,   /* name only (individual audit, statistic without a value) */
};

struct h248_value {
    struct sv text;
    bool quoted;
    struct h248_value *prev, *next;
};

/* Package property, event or signal parameter, statistic, extension of ServiceChange. */
struct h248_parm {
    struct sv name; /* "ipdc/realm" for a property, "timerx" for a parameter, as written */
    enum h248_rel rel;
    struct h248_value *values;
    struct h248_parm *prev, *next;
};

struct h248_termid {
    struct sv text; /* "ROOT" "$" "*" "ip/1/core/7" */
    struct h248_termid *prev, *next;
};

/* --- descriptors --- */

enum h248_mode { H248_MODE_NONE, H248_MODE_SENDONLY, H248_MODE_RECVONLY, H248_MODE_SENDRECV, H248_MODE_INACTIVE,
                 H248_MODE_LOOPBACK };
enum h248_tri { H248_UNSET, H248_OFF, H248_ON };
enum h248_svcstate { H248_SS_NONE, H248_SS_TEST, H248_SS_OUT, H248_SS_IN };

struct h248_local_control {
    enum h248_mode mode;
    enum h248_tri reserved_value, reserved_group;
    bool ask_mode, ask_rv, ask_rg; /* individual audit (v2): named without a value */
    struct h248_parm *props;
};

struct h248_octets { /* Local, Remote: SDP, unescaped */
    bool present;
    struct sv text;
};

struct h248_stream {
    bool has_id;   /* false: the one-stream shorthand; id is 1 then (TS 29.334 5.7.2 note 1) */
    uint16_t id;
    bool has_control;
    struct h248_local_control control;
    struct h248_octets local, remote;
    bool has_statistics; /* v3 */
    struct h248_parm *statistics;
    struct h248_stream *prev, *next;
};

struct h248_term_state {
    enum h248_svcstate service;
    enum h248_tri buffer; /* EventBufferControl: OFF, or ON = LockStep */
    bool ask_service, ask_buffer;
    struct h248_parm *props;
};

struct h248_media {
    bool has_state;
    struct h248_term_state state;
    struct h248_stream *streams;
};

struct h248_desc;

enum h248_notify_behaviour { H248_NB_NONE, H248_NB_IMMEDIATE, H248_NB_REGULATED, H248_NB_NEVER }; /* v3 */

struct h248_event { /* one requested, buffered or observed event */
    struct sv name;           /* "tlsbsc/BNCChange" */
    bool has_stream;
    uint16_t stream;
    bool keep_active;
    struct sv digitmap;       /* DigitMap = name */
    struct sv digitmap_body;  /* DigitMap = { body } */
    struct h248_desc *embed_signals, *embed_events; /* Embed: SIGNALS / EVENTS descriptor, NULL = absent */
    enum h248_notify_behaviour notify; /* v3 */
    bool embed_in_regulated;           /* v3: the Embed stands in RegulatedNotify { ... } */
    bool reset_events;                 /* v3 */
    struct h248_parm *parms;
    struct sv timestamp;      /* observed: "20260101T12000000", empty = none */
    struct h248_event *prev, *next;
};

struct h248_events { /* Events, EventBuffer, ObservedEvents */
    bool has_request_id;
    uint32_t request_id; /* H248_REQID_ALL for `*` */
    struct h248_event *events;
};

enum h248_sig_type { H248_SIG_NONE, H248_SIG_ONOFF, H248_SIG_TIMEOUT, H248_SIG_BRIEF };
#define H248_NC_TIMEOUT 1u
#define H248_NC_EVENT 2u
#define H248_NC_DESCR 4u
#define H248_NC_OTHER 8u
#define H248_NC_ITERATION 16u

struct h248_signal {
    bool is_list;              /* SignalList = id { ... }: members in `list`, only id and list are used */
    uint16_t list_id;
    struct h248_signal *list;
    struct sv name;
    bool has_stream;
    uint16_t stream;
    enum h248_sig_type type;
    bool has_duration;
    uint16_t duration;         /* 10 ms units */
    unsigned notify;           /* H248_NC_* */
    bool keep_active;
    struct sv direction;       /* v3 SPADirection: "Internal" "External" "Both", empty = none */
    bool has_request_id;       /* v3 SPARequestID */
    uint32_t request_id;
    bool has_intersignal;      /* v3 */
    uint16_t intersignal;
    struct h248_parm *parms;
    struct h248_signal *prev, *next;
};

struct h248_digitmap {
    struct sv name, body; /* body as written between the braces; p NULL = absent */
};

struct h248_package {
    struct sv name;
    uint16_t version;
    struct h248_package *prev, *next;
};

struct h248_audit_item { /* token, or an individual item of v2: a descriptor with names but no values */
    struct sv token;          /* "Media" "Packages" ... in long form; empty when desc is set */
    struct h248_desc *desc;
    struct h248_audit_item *prev, *next;
};

struct h248_services { /* ServiceChange */
    struct sv method;    /* long form: "Restart"; empty in a reply */
    struct sv reason;    /* "901 Cold Boot" */
    bool has_delay;
    uint32_t delay;      /* seconds */
    bool has_address_port;          /* ServiceChangeAddress = port */
    uint16_t address_port;
    struct h248_mid *address;       /* ServiceChangeAddress = mid */
    struct h248_mid *mgc_to_try;
    struct sv profile;   /* "NAME" of NAME/version */
    unsigned profile_version;
    bool has_version;
    unsigned version;    /* protocol version offered or settled */
    struct sv timestamp;
    bool incomplete;     /* v3 ServiceChangeInc */
    struct h248_parm *extensions; /* X-... */
    struct h248_audit_item *info; /* v2 ServiceChangeInfo: audit tokens */
};

struct h248_mux {
    struct sv type; /* "H223", ... */
    struct h248_termid *terms;
};

struct h248_modem {
    struct h248_value *types;
    struct h248_parm *props;
};

enum h248_desc_kind {
    H248_D_MEDIA, H248_D_MODEM, H248_D_MUX, H248_D_EVENTS, H248_D_EVENT_BUFFER, H248_D_SIGNALS, H248_D_DIGITMAP,
    H248_D_AUDIT, H248_D_OBSERVED, H248_D_STATISTICS, H248_D_PACKAGES, H248_D_SERVICES, H248_D_ERROR,
    H248_D_EMPTY, /* audit reply: the bare descriptor name, kept in `empty` */
};

struct h248_desc {
    enum h248_desc_kind kind;
    union {
        struct h248_media media;
        struct h248_modem modem;
        struct h248_mux mux;
        struct h248_events events;       /* EVENTS, EVENT_BUFFER, OBSERVED */
        struct h248_signal *signals;     /* SIGNALS: NULL = Signals{} (stop all) */
        struct h248_digitmap digitmap;
        struct h248_audit_item *audit;   /* AUDIT: NULL = Audit{} */
        struct h248_parm *statistics;
        struct h248_package *packages;
        struct h248_services services;
        struct h248_error error;
        struct sv empty;
    } u;
    struct h248_desc *prev, *next;
};

/* --- commands, actions, transactions --- */

enum h248_verb { H248_ADD, H248_MOVE, H248_MODIFY, H248_SUBTRACT, H248_AUDIT_VALUE, H248_AUDIT_CAPABILITY, H248_NOTIFY,
                 H248_SERVICE_CHANGE };

struct h248_cmd {
    enum h248_verb verb;
    bool optional;        /* O- */
    bool wildcard_return; /* W- */
    struct h248_termid *terms; /* one; several only in v3 lists */
    bool ctx_list;        /* audit reply: AuditValue = Context { ids }: ids in terms, as decimal text */
    struct h248_desc *descs;
    struct h248_cmd *prev, *next;
};

struct h248_topology {
    struct sv a, b;
    struct sv direction; /* long form: "Bothway" "Isolate" "Oneway" "OnewayExternal" "OnewayBoth" */
    bool has_stream;
    uint16_t stream;
    struct h248_topology *prev, *next;
};

struct h248_ctx_audit {
    struct sv token;  /* long form: "Topology" "Emergency" "Priority" "IEPSCall", or a package property name */
    struct sv value;  /* v3 selector, empty = none */
    struct h248_ctx_audit *prev, *next;
};

struct h248_ctx_id {
    uint32_t id;
    struct h248_ctx_id *prev, *next;
};

struct h248_action {
    uint32_t context;
    bool has_priority;
    uint16_t priority;            /* 0..15 */
    enum h248_tri emergency;      /* Emergency = ON, EmergencyOff (v2) = OFF */
    enum h248_tri ieps;           /* v3 */
    struct h248_topology *topology;
    struct h248_parm *attrs;      /* v3 ContextAttr */
    struct h248_ctx_id *contexts; /* v3 ContextList */
    bool has_audit;
    struct h248_ctx_audit *audit; /* ContextAudit */
    struct sv audit_logic;        /* v3 "ANDLgc" "ORLgc", empty = none */
    struct h248_cmd *cmds;
    struct h248_error *error;     /* reply: the action broke off here */
    struct h248_action *prev, *next;
};

enum h248_txn_kind { H248_REQUEST, H248_REPLY, H248_PENDING, H248_ACK, H248_SEGMENT };

struct h248_ack_range {
    uint32_t first, last;
    struct h248_ack_range *prev, *next;
};

struct h248_txn {
    enum h248_txn_kind kind;
    uint32_t tid;
    bool imm_ack;             /* reply: ImmAckRequired */
    bool has_segment, last_segment; /* v3 */
    uint16_t segment;
    struct h248_error *error; /* reply: transaction error */
    struct h248_action *actions;
    struct h248_ack_range *acks;
    struct h248_txn *prev, *next;
};

struct h248_msg {
    unsigned version;
    struct h248_auth auth;
    struct h248_mid mid;
    struct h248_error *error; /* message error in place of transactions */
    struct h248_txn *txns;
};

/* --- decode (dec.c, dec_desc.c) --- */

/* What is wrong, where, and what to answer (h248-core.md 9, "where a syntax error is reported"). */
struct h248_fault {
    unsigned code;          /* 400 401 403 406 413 422 442 443 444 445 448 449 ... */
    unsigned line, column;  /* from 1 */
    char why[160];          /* one line, no quotes: fit for an Error text and for a log */
    enum { H248_AT_MESSAGE, H248_AT_TXN, H248_AT_ACTION, H248_AT_CMD } level;
    bool is_request;        /* the broken transaction is a request: only these are answered */
    uint32_t tid;           /* level > MESSAGE: its id; 0 = unusable */
    uint32_t context;       /* level >= ACTION */
    enum h248_verb verb;    /* level CMD, when termid is not empty */
    struct sv termid;       /* level CMD, empty = unknown */
};

/* Decode one text message. The text is copied into the arena. 0 and *out; or -EBADMSG and *fault: *out is then the
 * message with everything before the fault (header and complete transactions), or NULL when not even the header stood;
 * -ENOMEM. Version-1..3 grammar is accepted as a union (h248-core.md 18); version > 3 or 0: fault 406. */
int h248_decode(struct arena *a, struct sv text, struct h248_msg **out, struct h248_fault *fault);

/* --- encode (enc.c) --- */

/* Long tokens and indentation; short tokens and no white space. H248_BARE_SIGNALS may be or-ed to either: an empty
 * Signals descriptor goes out as the bare word, for peers that refuse `Signals{}`. */
enum h248_style { H248_PRETTY, H248_COMPACT, H248_BARE_SIGNALS };

/* 0, or -EMSGSIZE; -EINVAL when the tree has an element that its version lacks (v3 items under MEGACO/1 or 2). */
int h248_encode(const struct h248_msg *m, enum h248_style style, struct buf *out);
int h248_encode_txn(const struct h248_txn *t, unsigned version, enum h248_style style, struct buf *out);
int h248_mid_print(const struct h248_mid *mid, struct buf *out);         /* "<alg1.example.net>:2944" */
int h248_mid_parse(struct arena *a, struct sv text, struct h248_mid *out); /* the inverse; -EINVAL */
bool h248_mid_equal(const struct h248_mid *a, const struct h248_mid *b); /* names fold case; ports compare when both have one */

/* --- compare (cmp.c): structure, not text; order free where H.248.1 frees it --- */

/* Does `got` have what `want` asks? 1 yes, 0 no with the first difference in why ("Context.Add[ip/1].Stream 2.Local: ...").
 * exact: nothing more may be there; only then the header (version, identifier) is compared too. match: called for each
 * pair of leaf texts and numbers (as text; contexts as "-" "$" "*"); NULL: case rules of the grammar. */
struct h248_cmp {
    bool exact;
    bool (*match)(void *arg, struct sv want, struct sv got);
    bool (*octets)(void *arg, struct sv want, struct sv got, char *why, size_t size); /* Local/Remote; NULL: as SDP */
    void *arg;
    char why[240];
};
int h248_compare(const struct h248_msg *want, const struct h248_msg *got, struct h248_cmp *c);

/* --- compose (build.c): every call allocates in the arena; NULL = no memory, and NULL parents are tolerated, so that
 * a chain is checked once at its end --- */

struct h248_msg *h248_msg_new(struct arena *a, unsigned version, const struct h248_mid *mid);
struct h248_txn *h248_txn_new(struct arena *a, struct h248_msg *m, enum h248_txn_kind kind, uint32_t tid);
struct h248_action *h248_action_new(struct arena *a, struct h248_txn *t, uint32_t context);
struct h248_cmd *h248_cmd_new(struct arena *a, struct h248_action *ac, enum h248_verb verb, struct sv termid);
struct h248_desc *h248_desc_new(struct arena *a, struct h248_desc **list, enum h248_desc_kind kind);
struct h248_desc *h248_desc_find(const struct h248_desc *list, enum h248_desc_kind kind);
struct h248_stream *h248_stream_new(struct arena *a, struct h248_media *m, uint16_t id);
struct h248_stream *h248_stream_find(const struct h248_media *m, uint16_t id);
struct h248_parm *h248_parm_new(struct arena *a, struct h248_parm **list, struct sv name); /* rel NONE */
struct h248_parm *h248_parm_find(const struct h248_parm *list, const char *name);          /* folds case */
struct h248_parm *h248_parm_set(struct arena *a, struct h248_parm **list, const char *name, struct sv value, bool quoted);
int h248_value_add(struct arena *a, struct h248_parm *p, struct sv text, bool quoted);
struct h248_event *h248_event_new(struct arena *a, struct h248_event **list, const char *name);
struct h248_signal *h248_signal_new(struct arena *a, struct h248_signal **list, const char *name);
struct h248_error *h248_error_new(struct arena *a, unsigned code, const char *text); /* text NULL: the table's */
int h248_cmd_error(struct arena *a, struct h248_cmd *c, unsigned code, const char *text);

/* Names for logs and ladders. */
const char *h248_verb_name(enum h248_verb v); /* "Add" */
/* One line of what a transaction is: "ADD.req C=$ ip/$/core/$ S2", "ADD.reply C=1 ip/1/core/7", "Error 489". */
void h248_txn_title(const struct h248_txn *t, char *out, size_t size);

/* --- err.c --- */
const char *h248_err_text(unsigned code); /* "Syntax error in message"; "Unknown error" for a code not in the table */
