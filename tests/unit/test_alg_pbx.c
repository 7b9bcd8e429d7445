/* alg as a UE of the core: the pilot of an IP-PBX domain and WICs it registers in their name, against a core that does not
 * always agree. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the rig has more than this needs */
#include "tests/fake/sip_rig.h"

#include "alg/users/digest.h"
#include "alg/users/users.h"

static char dir[] = "/tmp/test_alg_pbx.XXXXXX";
static char pilot_file[64], users_file[64];

struct both {
    struct rig r;
    struct users *users;
};

static void begin_with(struct both *w, unsigned expires, bool reg_event, unsigned orphan_s)
{
    static struct reg_way ways[] = {
        {.domain = "office.example.net", .kind = REG_WAY_PBX, .password = true, .token_server = "", .pilot = "sip:pbx@home.example.net",
         .impi = "pbx@home.example.net", .password_file = pilot_file, .bulk = true},
        {.domain = "web.example.net", .kind = REG_WAY_THIRD, .password = true, .token_server = ""},
    };
    struct reg_conf rc = {.domain = "home.example.net", .orphan_s = orphan_s, .reg_event = reg_event, .ways = ways, .n_ways = 2};
    struct user u = {0};

    ways[0].expires = expires;
    assert_int_equal(users_open(&w->users, users_file), 0);
    assert_int_equal(user_name(&u, "bob@office.example.net"), 0);
    snprintf(u.impu, sizeof u.impu, "sip:2001@home.example.net");
    assert_int_equal(digest_secret_make(&u.access, "bob", "office.example.net", "bob-secret"), 0);
    assert_int_equal(users_put(w->users, &u), 0);
    assert_int_equal(user_name(&u, "carol@web.example.net"), 0);
    snprintf(u.impu, sizeof u.impu, "sip:carol@home.example.net");
    snprintf(u.impi, sizeof u.impi, "carol@home.example.net");
    snprintf(u.ims_realm, sizeof u.ims_realm, "home.example.net");
    assert_int_equal(digest_secret_make(&u.access, "carol", "web.example.net", "carol-secret"), 0);
    assert_int_equal(digest_secret_make(&u.ims, u.impi, u.ims_realm, "ims-secret"), 0);
    assert_int_equal(users_put(w->users, &u), 0);
    rc.users = w->users;
    rig_start_as(&w->r, 65536, 25, &rc, 0);
    log_init(LOG_ERROR + 1);
}

static void begin(struct both *w, unsigned expires)
{
    begin_with(w, expires, false, 32);
}

static void end(struct both *w)
{
    rig_stop(&w->r);
    users_close(w->users);
}

/* One parameter of an Authorization or WWW-Authenticate value. */
static const char *param(const char *value, const char *name)
{
    static char out[4][512];
    static unsigned at;
    char want[64];
    const char *p;

    snprintf(want, sizeof want, "%s=", name);
    p = strstr(value, want);
    at = (at + 1) % 4;
    if (!p)
        return "";
    p += strlen(want) + (p[strlen(want)] == '"');
    snprintf(out[at], sizeof out[at], "%.*s", (int)strcspn(p, "\","), p);
    return out[at];
}

/* Is this the digest that the core expects? */
static void judge_authorization(struct rig *r, const char *user, const char *password, enum digest_algo algo)
{
    char value[2048], want[DIGEST_HEX];
    struct digest_secret s;
    struct digest d = {0};

    snprintf(value, sizeof value, "%s", header(r->last, "Authorization"));
    snprintf(d.nonce, sizeof d.nonce, "%s", param(value, "nonce"));
    snprintf(d.uri, sizeof d.uri, "%s", param(value, " uri"));
    snprintf(d.nc, sizeof d.nc, "%s", param(value, "nc"));
    snprintf(d.cnonce, sizeof d.cnonce, "%s", param(value, "cnonce"));
    snprintf(d.qop, sizeof d.qop, "%s", param(value, "qop"));
    assert_string_equal(param(value, "username"), user);
    assert_string_equal(d.qop, "auth");
    assert_string_equal(d.uri, "sip:home.example.net");
    assert_int_equal(digest_secret_make(&s, user, "home.example.net", password), 0);
    assert_int_equal(digest_response(want, algo, s.ha1[algo], &d, "REGISTER"), 0);
    assert_string_equal(param(value, " response"), want);
}

#define ASK(algo, nonce) "WWW-Authenticate: Digest realm=\"home.example.net\", nonce=\"" nonce "\", algorithm=" algo ", qop=\"auth,auth-int\"\r\n"

static void grant_pilot(struct rig *r, const char *expires)
{
    char more[256];

    core_wait(r, "REGISTER ");
    core_answer(r, "401 Unauthorized", ASK("MD5", "n1"), "");
    core_wait(r, "REGISTER ");
    snprintf(more, sizeof more, "Contact: <sip:127.0.0.1:%u;bnc>;expires=%s\r\nService-Route: <sip:orig@scscf;lr>\r\n", sip_port(r->sip), expires);
    core_answer(r, "200 OK", more, "");
    for (unsigned i = 0; i < 100 && !count_get(&reg_counts(r->reg)[REG_C_PILOTS]); i++)
        turn(r);
    assert_int_equal(count_get(&reg_counts(r->reg)[REG_C_PILOTS]), 1);
}

static void test_pilot(void **state)
{
    struct both w;
    struct rig *r = &w.r;
    char call_id[256];

    (void)state;
    begin(&w, 600);
    core_wait(r, "REGISTER sip:home.example.net");
    assert_non_null(strstr(header(r->last, "Contact"), ";bnc>"));
    assert_null(strchr(header(r->last, "Contact"), '@')); /* RFC 6140 5.1: no user part */
    assert_non_null(strstr(header(r->last, "Require"), "gin"));
    assert_non_null(strstr(header(r->last, "Proxy-Require"), "gin"));
    assert_string_equal(param(header(r->last, "Authorization"), "nonce"), "");
    snprintf(call_id, sizeof call_id, "%s", header(r->last, "Call-ID"));
    core_answer(r, "401 Unauthorized", ASK("MD5", "n1") ASK("SHA-256", "n2"), ""); /* the better one is answered */
    core_wait(r, "REGISTER ");
    judge_authorization(r, "pbx@home.example.net", "pilot-secret", DIGEST_SHA256);
    assert_string_equal(header(r->last, "Call-ID"), call_id);
    core_answer(r, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"home.example.net\", nonce=\"n3\", qop=\"auth\", stale=TRUE\r\n", "");
    core_wait(r, "REGISTER ");
    judge_authorization(r, "pbx@home.example.net", "pilot-secret", DIGEST_MD5);
    core_answer(r, "423 Interval Too Brief", "Min-Expires: 3600\r\n", "");
    core_wait(r, "REGISTER ");
    assert_string_equal(header(r->last, "Expires"), "3600");
    core_answer(r, "200 OK", "Expires: 3600\r\n", "");
    for (unsigned i = 0; i < 100 && !count_get(&reg_counts(r->reg)[REG_C_PILOTS]); i++)
        turn(r);
    assert_int_equal(count_get(&reg_counts(r->reg)[REG_C_PILOTS]), 1);
    end(&w);
}

/* Refreshed at half of what was granted; gone when nobody answers. */
static void test_refresh(void **state)
{
    struct both w;
    msec_t since;

    (void)state;
    begin(&w, 600);
    since = net_now_ms();
    grant_pilot(&w.r, "4");
    assert_true(core_hears_within(&w.r, "REGISTER ", 4000));
    assert_in_range(net_now_ms() - since, 2000, 3900);
    core_answer(&w.r, "403 Forbidden", "", "");
    assert_false(core_hears_within(&w.r, "REGISTER ", 1500)); /* not at once again */
    assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_PILOT_FAILED]), 1);
    core_hears_within(&w.r, "nothing", 1500);
    assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_PILOTS]), 0);
    end(&w);
}

/* Challenges that cannot be answered: another realm, another algorithm, auth-int only. */
static void test_challenges(void **state)
{
    static const char *const asks[] = {
        "WWW-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n",
        "WWW-Authenticate: Digest realm=\"home.example.net\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"auth\"\r\n",
        "WWW-Authenticate: Digest realm=\"home.example.net\", nonce=\"n\", algorithm=MD5, qop=\"auth-int\"\r\n",
        "",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        struct both w;

        begin(&w, 600);
        core_wait(&w.r, "REGISTER ");
        core_answer(&w.r, "401 Unauthorized", asks[i], "");
        assert_false(core_hears_within(&w.r, "REGISTER ", 300));
        assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_PILOT_FAILED]), 1);
        end(&w);
    }
}

/* As long as JsSIP's: Sofia's own printing would leave the last one out. */
#define LONG_PARAMS ";+sip.ice;methods=\"INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY,SUBSCRIBE\";q=0.5"

static void wic_register(struct rig *r, const char *user, const char *domain, const char *name, const char *password, const char *want)
{
    static unsigned cseq = 1;
    char text[4096], auth[2048] = "", response[DIGEST_HEX];
    struct digest_secret s;

    for (unsigned round = 0; round < 2; round++) {
        snprintf(text, sizeof text,
                 "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKw%u\r\nMax-Forwards: 69\r\nTo: <sip:%s@%s>\r\n"
                 "From: <sip:%s@%s>;tag=w1\r\nCall-ID: wreg\r\nCSeq: %u REGISTER\r\n"
                 "Contact: <sip:%s@a.invalid;transport=ws>;expires=600%s\r\n%sContent-Length: 0\r\n\r\n",
                 domain, cseq, user, domain, user, domain, cseq, user, strcmp(user, "carol") ? "" : LONG_PARAMS, auth);
        cseq++;
        say(r, text);
        if (round == 1 || !password)
            break;
        hear_sip(r, "SIP/2.0 401");
        assert_null(strstr(strstr(r->text, "algorithm=MD5"), "WWW-Authenticate")); /* JsSIP and SIP.js keep the last challenge */
        assert_int_equal(digest_secret_make(&s, name, domain, password), 0);
        struct digest d = {.nc = "00000001", .cnonce = "x", .qop = "auth"};
        snprintf(d.nonce, sizeof d.nonce, "%s", param(header(r->text, "WWW-Authenticate"), "nonce"));
        snprintf(d.uri, sizeof d.uri, "sip:%s", domain);
        assert_int_equal(digest_response(response, DIGEST_MD5, s.ha1[DIGEST_MD5], &d, "REGISTER"), 0);
        snprintf(auth, sizeof auth,
                 "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=MD5, "
                 "cnonce=\"x\", qop=auth, nc=00000001\r\n", name, domain, d.nonce, d.uri, response);
    }
    if (want)
        hear_sip(r, want);
}

static void invite_from_wic(struct rig *r, const char *branch)
{
    char text[1024];

    snprintf(text, sizeof text,
             "INVITE sip:x@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK%s\r\nMax-Forwards: 69\r\n"
             "To: <sip:x@home.example.net>\r\nFrom: <sip:bob@office.example.net>;tag=i1\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
             "Contact: <sip:bob@a.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n", branch, branch);
    say(r, text);
}

/* WICs may log in while the core does not have us, but not call. */
static void test_core_away(void **state)
{
    struct both w;

    (void)state;
    begin(&w, 600);
    core_wait(&w.r, "REGISTER ");
    core_answer(&w.r, "500 Server Error", "", "");
    upgrade(&w.r);
    wic_register(&w.r, "bob", "office.example.net", "bob", "bob-secret", "SIP/2.0 200");
    assert_string_equal(header(w.r.text, "P-Associated-URI"), "<sip:2001@home.example.net>");
    assert_non_null(strstr(header(w.r.text, "Contact"), "<sip:bob@a.invalid;transport=ws>;expires=600"));
    invite_from_wic(&w.r, "i1");
    hear_sip(&w.r, "SIP/2.0 503");
    assert_string_not_equal(header(w.r.text, "Retry-After"), "");
    assert_int_equal(w.r.requests, 0);
    end(&w);
}

static void call(struct rig *r, const char *user, const char *more)
{
    static unsigned n;
    char text[2048];

    n++;
    snprintf(text, sizeof text,
             "INVITE sip:%s@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKm%u\r\nMax-Forwards: 60\r\n%s"
             "To: <sip:x@home.example.net>\r\nFrom: <sip:y@home.example.net>;tag=%u\r\nCall-ID: mt%u\r\nCSeq: 1 INVITE\r\n"
             "Contact: <sip:y@127.0.0.1>\r\nContent-Length: 0\r\n\r\n", user, sip_port(r->sip), addr_port(&r->core_addr), n, more, n, n);
    core_send(r, text);
}

static void test_routes(void **state)
{
    const struct reg_binding *b;
    struct both w;

    (void)state;
    begin(&w, 600);
    grant_pilot(&w.r, "600");
    call(&w.r, "2001", "");
    core_wait(&w.r, "SIP/2.0 480"); /* ours, not there */
    upgrade(&w.r);
    wic_register(&w.r, "bob", "office.example.net", "bob", "bob-secret", "SIP/2.0 200");
    b = reg_by_flow(w.r.reg, 1);
    assert_non_null(b);
    assert_string_equal(b->service_route, "<sip:orig@scscf;lr>");
    assert_string_equal(reg_identity(b, "sip:boss@home.example.net"), "sip:2001@home.example.net");
    call(&w.r, "2001", "Route: <sip:pbx@127.0.0.1;lr>\r\n");
    for (unsigned i = 0; i < 100 && !w.r.requests; i++)
        turn(&w.r);
    assert_int_equal(w.r.requests, 1);
    call(&w.r, "pbx", "P-Called-Party-ID: <sip:2001@home.example.net>\r\n"); /* an implicit set */
    for (unsigned i = 0; i < 100 && w.r.requests < 2; i++)
        turn(&w.r);
    assert_int_equal(w.r.requests, 2);
    w.r.dlg = NULL;
    end(&w);
}

/* Where the core wants its calls may change with each refresh, for who is in already, too. */
static void test_route_changes(void **state)
{
    const struct reg_binding *b;
    struct both w;

    (void)state;
    begin(&w, 600);
    grant_pilot(&w.r, "2");
    upgrade(&w.r);
    wic_register(&w.r, "bob", "office.example.net", "bob", "bob-secret", "SIP/2.0 200");
    assert_true(core_hears_within(&w.r, "REGISTER ", 3000));
    core_answer(&w.r, "200 OK", "Expires: 600\r\nService-Route: <sip:orig@other;lr>\r\n", "");
    b = reg_by_flow(w.r.reg, 1);
    assert_non_null(b);
    for (unsigned i = 0; i < 100 && strcmp(b->service_route, "<sip:orig@other;lr>"); i++) {
        turn(&w.r);
        b = reg_by_flow(w.r.reg, 1);
        assert_non_null(b);
    }
    assert_string_equal(b->service_route, "<sip:orig@other;lr>");
    end(&w);
}

/* The core ends the pilot (RFC 3680): deactivated means register again at once, anything else does not. */
static void test_pilot_ended(void **state)
{
    static const char *const events[] = {"deactivated", "rejected"};
    struct both w;
    struct rig *r = &w.r;
    char body[800], text[2000], id[256], from[256];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_with(&w, 600, true, 32);
        grant_pilot(r, "600");
        core_wait(r, "SUBSCRIBE sip:pbx@home.example.net");
        snprintf(id, sizeof id, "%s", header(r->last, "Call-ID"));
        snprintf(from, sizeof from, "%s", header(r->last, "From"));
        core_answer(r, "200 OK", "Contact: <sip:scscf@127.0.0.1>\r\nExpires: 600000\r\n", "");
        snprintf(body, sizeof body, "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"full\"><registration "
                 "aor=\"sip:pbx@home.example.net\" id=\"r\" state=\"terminated\"><contact id=\"c\" state=\"terminated\" event=\"%s\">"
                 "<uri>sip:127.0.0.1:%u;bnc</uri></contact></registration></reginfo>", events[i], sip_port(r->sip));
        snprintf(text, sizeof text,
                 "NOTIFY sip:127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKpn\r\nMax-Forwards: 60\r\n"
                 "From: <sip:pbx@home.example.net>;tag=core1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\nEvent: reg\r\n"
                 "Subscription-State: active;expires=600\r\nContact: <sip:scscf@127.0.0.1>\r\nContent-Type: application/reginfo+xml\r\n"
                 "Content-Length: %zu\r\n\r\n%s", sip_port(r->sip), addr_port(&r->core_addr), from, id, strlen(body), body);
        core_send(r, text);
        core_wait(r, "SIP/2.0 200");
        assert_int_equal(count_get(&reg_counts(r->reg)[REG_C_PILOTS]), 0);
        assert_int_equal(core_hears_within(r, "REGISTER ", 1500), i == 0);
        end(&w);
    }
}

/* Who does not come back is taken back at the core, with its credentials. */
static void test_third_lost(void **state)
{
    struct both w;

    (void)state;
    begin_with(&w, 600, false, 1);
    grant_pilot(&w.r, "600");
    upgrade(&w.r);
    wic_register(&w.r, "carol", "web.example.net", "carol", "carol-secret", NULL);
    core_wait(&w.r, "REGISTER sip:home.example.net");
    core_answer(&w.r, "200 OK", "Contact: <sip:carol@a.invalid;transport=ws>;expires=300\r\n", "");
    hear_sip(&w.r, "SIP/2.0 200");
    close(w.r.browser);
    w.r.browser = -1;
    assert_true(core_hears_within(&w.r, "REGISTER ", 3500));
    assert_string_equal(header(w.r.last, "To"), "<sip:carol@home.example.net>");
    assert_non_null(strstr(header(w.r.last, "Contact"), "expires=0"));
    core_answer(&w.r, "401 Unauthorized", ASK("MD5", "n9"), "");
    core_wait(&w.r, "REGISTER ");
    judge_authorization(&w.r, "carol@home.example.net", "ims-secret", DIGEST_MD5);
    assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_BINDINGS]), 0);
    end(&w);
}

static void test_refused(void **state)
{
    struct both w;

    (void)state;
    begin(&w, 600);
    grant_pilot(&w.r, "600");
    upgrade(&w.r);
    wic_register(&w.r, "bob", "elsewhere.example.net", "bob", NULL, "SIP/2.0 403");          /* no row of the table */
    wic_register(&w.r, "boss", "office.example.net", "bob", "bob-secret", "SIP/2.0 403");    /* another's address */
    wic_register(&w.r, "bob", "web.example.net", "bob", "bob-secret", "SIP/2.0 401");        /* of another domain */
    assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_BINDINGS]), 0);
    end(&w);
}

static void test_third(void **state)
{
    struct both w;

    (void)state;
    begin(&w, 600);
    grant_pilot(&w.r, "600");
    upgrade(&w.r);
    wic_register(&w.r, "carol", "web.example.net", "carol", "carol-secret", NULL);
    core_wait(&w.r, "REGISTER sip:home.example.net");
    assert_string_equal(header(w.r.last, "To"), "<sip:carol@home.example.net>");
    assert_non_null(strstr(header(w.r.last, "Contact"), "<sip:carol@a.invalid;transport=ws>"));
    assert_non_null(strstr(header(w.r.last, "Contact"), LONG_PARAMS));
    core_answer(&w.r, "401 Unauthorized", ASK("SHA-256", "n9"), "");
    core_wait(&w.r, "REGISTER ");
    judge_authorization(&w.r, "carol@home.example.net", "ims-secret", DIGEST_SHA256);
    core_answer(&w.r, "403 Forbidden", "", "");
    hear_sip(&w.r, "SIP/2.0 403");
    wic_register(&w.r, "carol", "web.example.net", "carol", "carol-secret", NULL);
    core_wait(&w.r, "REGISTER sip:home.example.net");
    core_answer(&w.r, "504 Server Time-out", "", "");
    hear_sip(&w.r, "SIP/2.0 504");
    wic_register(&w.r, "carol", "web.example.net", "carol", "carol-secret", NULL);
    core_wait(&w.r, "REGISTER sip:home.example.net");
    close(w.r.browser); /* it does not wait for the answer */
    w.r.browser = -1;
    for (unsigned i = 0; i < 50 && !w.r.closed; i++)
        turn(&w.r);
    core_answer(&w.r, "200 OK", "Contact: <sip:carol@a.invalid;transport=ws>;expires=300\r\n", "");
    for (unsigned i = 0; i < 100 && !count_get(&reg_counts(w.r.reg)[REG_C_BINDINGS]); i++)
        turn(&w.r);
    assert_int_equal(count_get(&reg_counts(w.r.reg)[REG_C_BINDINGS]), 1);
    assert_null(reg_by_flow(w.r.reg, 1)); /* kept for its return */
    end(&w);
}

static int set_up(void **state)
{
    FILE *f;

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(pilot_file, sizeof pilot_file, "%s/pilot", dir);
    snprintf(users_file, sizeof users_file, "%s/users.db", dir);
    f = fopen(pilot_file, "w");
    if (!f)
        return -1;
    fputs("pilot-secret\n", f);
    return fclose(f);
}

static int tear_down(void **state)
{
    static const char *const more[] = {"", "-wal", "-shm"};
    char path[80];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", users_file, more[i]);
        unlink(path);
    }
    unlink(pilot_file);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pilot), cmocka_unit_test(test_refresh), cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_core_away), cmocka_unit_test(test_routes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_third), cmocka_unit_test(test_third_lost), cmocka_unit_test(test_route_changes),
        cmocka_unit_test(test_pilot_ended),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
