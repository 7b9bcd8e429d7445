/* Decoder: message and transactions (H.248.1 annex B.2), and where a fault is answered
 * (8.3, 8.2.2). */
#include "h248/dec.h"

static int dec_actions(struct dec *d, struct h248_txn *txn)
{
    unsigned n = 0;
    int err;

    do {
        err = dec_action(d, txn, n++);
        if (err)
            return err;
    } while (lex_take(&d->lx, ','));
    return lex_take(&d->lx, '}') ? 0 : dec_unexpected(d, ", or }");
}

/* --- transactions --- */

/* tid, or in v3 tid/segment or tid/segment/END. */
static int dec_tid(struct dec *d, struct h248_txn *txn, bool segments)
{
    struct sv w, part;
    uint32_t v;
    int err = dec_word(d, &w, "a TransactionID");

    if (err)
        return err;
    part = sv_cut(&w, '/');
    err = dec_number(d, part, "TransactionID", 10, UINT32_MAX, &v);
    if (err)
        return err;
    txn->tid = d->fault->tid = v;
    if (!w.p)
        return 0;
    if (!segments)
        return dec_bad(d, part.p + part.n, 0, "/ behind a TransactionID that has no segments");
    part = sv_cut(&w, '/');
    txn->has_segment = true;
    err = part.n ? dec_number(d, part, "segment number", 5, UINT16_MAX, &v)
                 : dec_bad(d, part.p, 0, "no segment number");
    if (err)
        return err;
    txn->segment = (uint16_t)v;
    if (!w.p)
        return 0;
    txn->last_segment = tok_find(w) == TOK_END;
    return txn->last_segment ? 0 : dec_bad(d, w.p, 0, "only END may follow a segment number");
}

static int dec_request(struct dec *d, struct h248_txn *txn)
{
    int err = dec_expect(d, '=');

    if (!err)
        err = dec_tid(d, txn, false);
    if (!err && !txn->tid)
        return dec_bad(d, d->lx.p, 0, "TransactionID 0 names no request");
    if (!err)
        err = dec_expect(d, '{');
    return err ? err : dec_actions(d, txn);
}

static int dec_reply(struct dec *d, struct h248_txn *txn)
{
    struct lex look;
    int err = dec_expect(d, '=');

    if (!err)
        err = dec_tid(d, txn, true);
    if (!err)
        err = dec_expect(d, '{');
    if (err)
        return err;
    look = d->lx;
    if (tok_find(lex_word(&look)) == TOK_IMM_ACK) {
        d->lx = look;
        txn->imm_ack = true;
        err = dec_expect(d, ',');
        if (err)
            return err;
        look = d->lx;
        lex_word(&look);
    }
    if (tok_find((struct sv){d->lx.p, (size_t)(look.p - d->lx.p)}) != TOK_ERROR)
        return txn->tid ? dec_actions(d, txn)
                        : dec_bad(d, d->lx.p, 0, "TransactionID 0 stands with an Error only");
    d->lx = look;
    txn->error = DEC_NODE(d, struct h248_error);
    if (!txn->error)
        return d->node_err;
    err = dec_error(d, txn->error);
    return err ? err : dec_expect(d, '}');
}

static int ack_item(struct dec *d, void *arg)
{
    struct h248_txn *txn = arg;
    struct h248_ack_range *r = DEC_NODE(d, struct h248_ack_range);
    struct sv w, first;
    int err;

    if (!r)
        return d->node_err;
    err = dec_word(d, &w, "a TransactionID or a range of them");
    if (err)
        return err;
    first = sv_cut(&w, '-');
    err = dec_number(d, first, "TransactionID", 10, UINT32_MAX, &r->first);
    r->last = r->first;
    if (!err && w.p) /* 9-1 is borne and covers nothing (h248/README.md) */
        err = w.n ? dec_number(d, w, "TransactionID", 10, UINT32_MAX, &r->last)
                  : dec_bad(d, w.p, 0, "no TransactionID behind -");
    if (!err)
        DL_APPEND(txn->acks, r);
    return err;
}

static int dec_txn_body(struct dec *d, struct h248_txn *txn)
{
    int err;

    switch (txn->kind) {
    case H248_REQUEST:
        return dec_request(d, txn);
    case H248_REPLY:
        return dec_reply(d, txn);
    case H248_ACK:
        return dec_braced(d, ack_item, txn);
    default:
        break;
    }
    err = dec_expect(d, '=');
    if (!err)
        err = dec_tid(d, txn, txn->kind == H248_SEGMENT);
    if (err)
        return err;
    if (txn->kind == H248_SEGMENT)
        return txn->has_segment ? 0 : dec_unexpected(d, "/ and a segment number");
    err = dec_expect(d, '{');
    return err ? err : dec_expect(d, '}');
}

static int dec_txn(struct dec *d, struct h248_msg *m, struct sv w, enum tok t, unsigned n)
{
    struct h248_txn *txn = DEC_NODE(d, struct h248_txn);
    int err;

    if (!txn)
        return d->node_err;
    switch (t) {
    case TOK_TRANSACTION: txn->kind = H248_REQUEST; break;
    case TOK_REPLY: txn->kind = H248_REPLY; break;
    case TOK_PENDING: txn->kind = H248_PENDING; break;
    case TOK_RESPONSE_ACK: txn->kind = H248_ACK; break;
    case TOK_SEGMENT: txn->kind = H248_SEGMENT; break;
    default:
        d->fault->is_request = true; /* who sends what is no transaction at all is told so: 400 */
        return dec_bad(d, w.p, 0, "%.*s is no transaction", DEC_SHOW(w));
    }
    d->fault->is_request = txn->kind == H248_REQUEST;
    if (n >= H248_TXN_MAX)
        return dec_bad(d, w.p, 413, "more than %d transactions in a message", H248_TXN_MAX);
    d->fault->tid = 0;
    d->is_reply = txn->kind == H248_REPLY;
    dec_level(d, H248_AT_TXN, 403);
    err = dec_txn_body(d, txn);
    if (err)
        return err;
    dec_level(d, H248_AT_MESSAGE, 400);
    DL_APPEND(m->txns, txn);
    return 0;
}

/* --- message --- */

/* Does a request stand somewhere behind a header that cannot be read? Only then is the message
 * answered. */
static bool looks_like_request(const struct dec *d)
{
    struct lex look = d->lx;

    for (look.p = look.base; look.p < look.end;) {
        struct sv w = lex_word(&look);
        enum tok t = tok_find(w);
        const char *p = look.p;

        lex_ws(&look);
        if (!w.n && look.p == p)
            look.p++;
        if ((t == TOK_REPLY || t == TOK_PENDING || t == TOK_ERROR || t == TOK_SEGMENT) &&
            *look.p == '=')
            return false;
        if (t == TOK_RESPONSE_ACK && *look.p == '{')
            return false;
        if (t == TOK_TRANSACTION && *look.p == '=')
            return true;
    }
    return false;
}

static int auth_field(struct dec *d, unsigned min, unsigned max, bool more, struct sv *out)
{
    struct sv w = lex_word(&d->lx);

    if (w.n < min + 2 || w.n > max + 2 || !sv_istarts(w, "0x") ||
        !lex_all((struct sv){w.p + 2, w.n - 2}, LEX_HEX))
        return dec_bad(d, w.p, 0, "Authentication: 0x and %u to %u hex digits are required", min,
                       max);
    *out = (struct sv){w.p + 2, w.n - 2};
    if (!more)
        return 0;
    return *d->lx.p == ':' ? (d->lx.p++, 0) : dec_unexpected(d, "a colon");
}

static int dec_auth(struct dec *d, struct h248_auth *auth)
{
    int err = dec_expect(d, '=');

    auth->present = true;
    if (!err)
        err = auth_field(d, 8, 8, true, &auth->spi);
    if (!err)
        err = auth_field(d, 8, 8, true, &auth->seq);
    if (!err)
        err = auth_field(d, 24, 64, false, &auth->data);
    return err;
}

static int dec_sep(struct dec *d, const char *behind)
{
    lex_ws(&d->lx); /* or it went with a closing brace */
    if (lex_is(d->lx.p[-1], LEX_BLANK | LEX_EOL))
        return 0;
    return dec_bad(d, d->lx.p, 0, "white space is required behind %s", behind);
}

static int dec_header(struct dec *d, struct h248_msg *m)
{
    struct sv w, name;
    int err = dec_word(d, &w, "MEGACO");

    if (!err && tok_find(w) == TOK_AUTHENTICATION) {
        err = dec_auth(d, &m->auth);
        if (!err)
            err = dec_sep(d, "the authentication header");
        if (!err)
            err = dec_word(d, &w, "MEGACO");
    }
    if (err)
        return err;
    name = sv_cut(&w, '/');
    if (tok_find(name) != TOK_MEGACO || !w.p)
        return dec_bad(d, name.p, 0, "a message begins with MEGACO/ and its version");
    if (lex_uint(w, 2, 99, &m->version) == -EINVAL)
        return dec_bad(d, w.p, 0, "no protocol version");
    if (m->version < 1 || m->version > 3)
        return dec_bad(d, w.p, 406, "version %.*s is not supported", (int)(w.n > 10 ? 10 : w.n),
                       w.p);
    if (*d->lx.p != '[' &&
        *d->lx.p != '<') /* leniency: many peers leave the white space out here */
        err = dec_sep(d, "the version");
    if (!err)
        err = dec_mid(d, &m->mid);
    return err ? err : dec_sep(d, "the message identifier");
}

static int dec_body(struct dec *d, struct h248_msg *m)
{
    unsigned n = 0;
    struct sv w;
    int err;

    do {
        err = dec_word(d, &w, "a transaction");
        if (err) {
            d->fault->is_request = looks_like_request(d);
            return err;
        }
        if (!n && tok_find(w) == TOK_ERROR) {
            m->error = DEC_NODE(d, struct h248_error);
            err = m->error ? dec_error(d, m->error) : d->node_err;
            lex_ws(&d->lx);
            if (!err && d->lx.p != d->lx.end)
                return dec_bad(d, d->lx.p, 0, "nothing may follow the Error of a message");
            return err;
        }
        err = dec_txn(d, m, w, tok_find(w), n++);
        lex_ws(&d->lx);
    } while (!err && d->lx.p != d->lx.end);
    return err;
}

int h248_decode(struct arena *a, struct sv text, struct h248_msg **out, struct h248_fault *fault)
{
    struct dec d = {.a = a, .fault = fault, .default_code = 400};
    struct h248_msg *m = ARENA_NEW(a, struct h248_msg);
    struct sv copy = arena_sv(a, text.n > H248_MSG_MAX ? SV("") : text);
    int err;

    *out = NULL;
    memset(fault, 0, sizeof(*fault));
    if (!m || !copy.p)
        return -ENOMEM;
    d.lx = (struct lex){copy.p, copy.p, copy.p + copy.n};
    if (text.n > H248_MSG_MAX)
        return dec_bad(&d, copy.p, 0, "more than %d octets in a message", H248_MSG_MAX);
    err = dec_header(&d, m);
    if (err == -EBADMSG)
        fault->is_request = looks_like_request(&d);
    if (!err) {
        err = dec_body(&d, m);
        if (err != -ENOMEM)
            *out = m;
    }
    return err;
}
