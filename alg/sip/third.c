/* alg registers a WIC with the IMS credentials of its store (TR 23.701 6.1.2.1.2 option 2), or without any as a node that the
 * core trusts (TS 24.371 6.1 scenarios 2 and 3, TS 33.203 annex U). The WIC has logged in already. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "alg/users/users.h"
#include "common/log.h"

struct third { /* a WIC that waits for the core */
    struct third *prev, *next;
    struct enrol *enrol;
    nta_incoming_t *irq;
    unsigned left;
};

static void third_free(struct third *t)
{
    DL_DELETE(t->enrol->reg->thirds, t);
    if (t->irq)
        nta_incoming_destroy(t->irq);
    enrol_free(t->enrol);
    free(t);
}

void third_free_all(struct reg *r)
{
    while (r->thirds)
        third_free(r->thirds);
}

static char *call_id_of(const struct reg *r, su_home_t *home, const char *what)
{
    char hash[DIGEST_HEX];

    digest_seal(hash, r->key.k, sizeof r->key.k, what);
    return su_sprintf(home, "wic-%.24s", hash);
}

static void on_answer(void *arg, int status, const sip_t *in)
{
    struct third *t = arg;
    struct enrol *e = t->enrol;
    struct reg *r = e->reg;
    const char *lines = NULL;
    char *text = NULL;

    if (status == 200 && in) {
        struct grant g = {
            .contacts = in->sip_contact, .general = in->sip_expires ? (unsigned)in->sip_expires->ex_delta : e->expires,
            .most = t->left,
            .service_route = msg_value(e->home, in, "Service-Route"), .associated = msg_value(e->home, in, "P-Associated-URI"),
        };
        char *list;

        if (!g.associated)
            g.associated = su_sprintf(e->home, "<%s>", e->impu);
        list = enrol_ok(e, &g);
        text = su_sprintf(e->home, "P-Associated-URI: %s", g.associated);
        if (list)
            text = su_sprintf(e->home, "%s\r\nContact: %s", text, list);
        if (e->turn)
            text = su_sprintf(e->home, "%s\r\n%s", text, e->turn);
        lines = text;
    } else if (status == 401 && e->way == REG_WAY_TRUSTED) {
        log_error("reg", "aor=%s msg=\"the core does not trust this node: it asks for credentials\"", e->aor);
        count_add(&r->counts[REG_C_FAILED], 1);
        status = 503;
        lines = "Retry-After: 30";
    } else if (status == 401 || status == 403 || status == 407) {
        log_error("reg", "aor=%s msg=\"the core does not take the IMS credentials in the store\" status=%d", e->aor, status);
        count_add(&r->counts[REG_C_FAILED], 1);
        status = 403;
    } else {
        int other = reg_failed(r, e->flow, e->aor, in ? status : 0, &lines);

        status = other ? other : status;
    }
    reg_reply(r, t->irq, status, lines);
    t->irq = NULL;
    third_free(t);
}

static unsigned waiting(const struct reg *r, sip_flow flow)
{
    const struct third *t;
    unsigned n = 0;

    DL_FOREACH(r->thirds, t)
        n += t->enrol->flow == flow;
    return n;
}

void third_register(struct enrol *e, nta_incoming_t *irq, const struct user *user, unsigned left, enum reg_way_kind way)
{
    struct reg *r = e->reg;
    struct third *t = waiting(r, e->flow) < REGC_PER_FLOW_MAX ? calloc(1, sizeof *t) : NULL;
    struct regc_conf c = {
        .aor = user->impu, .impi = user->impi, .realm = user->ims_realm, .secret = &user->ims, .path = enrol_path(e, e->home),
        .expires = e->expires, .bound = enrol_is_bound(e), .trusted = way == REG_WAY_TRUSTED,
    };
    char *contact = e->contacts ? msg_text(e->home, (sip_header_t *)e->contacts) : NULL;

    if (!t || (e->contacts && !contact)) {
        free(t);
        reg_reply(r, irq, 503, "Retry-After: 5");
        enrol_free(e);
        return;
    }
    e->way = way;
    e->impi = su_strdup(e->home, user->impi);
    e->impu = su_strdup(e->home, user->impu);
    c.contact = contact;
    c.call_id = call_id_of(r, e->home, enrol_key(e));
    t->enrol = e;
    t->irq = irq;
    t->left = left;
    DL_APPEND(r->thirds, t);
    if (regc_start(NULL, r, &c, on_answer, t))
        on_answer(t, 503, NULL);
}

static void on_taken_back(void *arg, int status, const sip_t *in)
{
    (void)arg;
    (void)in;
    if (status != 200)
        log_info("reg", "msg=\"the core keeps a lost binding until it expires\" status=%d", status);
}

void third_take_back(struct reg *r, const struct binding *b)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *host = strchr(b->impu, '@');
    struct user user = {0};
    struct regc_conf c = {.aor = user.impu, .impi = user.impi, .realm = user.ims_realm, .secret = &user.ims,
                          .trusted = b->way == REG_WAY_TRUSTED, .bound = true};
    bool known = b->impi && r->users && !c.trusted && !users_by_impi(r->users, b->impi, &user);

    if (c.trusted && b->impi) {
        c.aor = b->impu;
        c.impi = b->impi;
        c.realm = host ? host + 1 : r->domain;
    }
    if (known || (c.trusted && b->impi)) {
        c.contact = enrol_gone(b, home);
        c.call_id = call_id_of(r, home, b->key);
        regc_start(NULL, r, &c, on_taken_back, NULL);
    }
    digest_forget(&user, sizeof user);
    su_home_deinit(home);
}
