/* Registrations outlive alg: the core's next call and the WIC's next REGISTER find the binding of the run before. */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* the rig has more than this needs */
#include "tests/fake/sip_rig.h"

#include "alg/users/state.h"

static char dir[] = "/tmp/test_alg_restart.XXXXXX";
static char path_value[256];

static void start(struct rig *r, struct state **sp, unsigned keep_s)
{
    struct reg_conf rc = {.domain = "home.example.net", .orphan_s = keep_s};

    assert_int_equal(state_open(sp, dir), 0);
    rc.state = *sp;
    rig_start_as(r, 65536, 25, &rc, state_run(*sp) << 32);
}

static void stop(struct rig *r, struct state *s)
{
    r->dlg = NULL; /* its transaction was answered: nothing of ours is left */
    rig_stop(r);
    state_close(s);
}

static void answer_ok(struct rig *r)
{
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n"
                "Service-Route: <sip:orig@scscf.home.example.net;lr>\r\n"
                "P-Associated-URI: <sip:alice@home.example.net>, <tel:+15550100>\r\n", "");
    hear_sip(r, "SIP/2.0 200");
}

static void enroll_here(struct rig *r, const char *cseq)
{
    char text[2048];

    snprintf(text, sizeof text,
             "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK%s\r\nMax-Forwards: 69\r\n"
             "To: <sip:alice@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w1\r\nCall-ID: reg1\r\nCSeq: %s REGISTER\r\n"
             "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:1111>\";expires=600\r\n"
             "Authorization: Digest username=\"alice\", realm=\"h\", nonce=\"n\", uri=\"sip:h\", response=\"topsecretresponse\"\r\n"
             "Supported: path,outbound\r\nContent-Length: 0\r\n\r\n", cseq, cseq);
    upgrade(r);
    say(r, text);
    core_wait(r, "REGISTER ");
    snprintf(path_value, sizeof path_value, "%s", header(r->last, "Path"));
    answer_ok(r);
}

static void call(struct rig *r, const char *branch, const char *route)
{
    char text[2048];

    snprintf(text, sizeof text,
             "INVITE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s\r\n"
             "Max-Forwards: 60\r\nRoute: %s\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=%s\r\n"
             "Call-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@127.0.0.1>\r\nContent-Length: 0\r\n\r\n",
             addr_port(&r->core_addr), branch, route, branch, branch);
    core_send(r, text);
}

static int mode_of(const char *name)
{
    struct stat st;
    char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static bool is_in_file(const char *name, const char *text)
{
    static char bytes[4 << 20];
    char path[256];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDONLY);
    n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(bytes, (size_t)n, text, strlen(text));
}

/* The port of Mw is another one after the restart: the Path is made to fit, as a fixed port would. */
static void repath(const struct rig *r, char *out, size_t size)
{
    char *host = strstr(path_value, "@127.0.0.1:");

    assert_non_null(host);
    snprintf(out, size, "%.*s@127.0.0.1:%u;lr;ob>", (int)(host - path_value), path_value, sip_port(r->sip));
}

static void test_restart(void **state)
{
    struct state *s = NULL;
    struct rig r;
    char old_path[256], forged[256];
    const struct reg_binding *b;

    (void)state;
    start(&r, &s, 32);
    enroll_here(&r, "1");
    assert_true(is_in_file("registrations.db-wal", "urn:uuid:1111") || is_in_file("registrations.db", "urn:uuid:1111"));
    assert_false(is_in_file("registrations.db-wal", "topsecret"));
    assert_false(is_in_file("registrations.db", "topsecret"));
    assert_int_equal(mode_of("registrations.db"), 0600);
    assert_int_equal(mode_of("flow.key"), 0600);
    stop(&r, s);

    start(&r, &s, 32); /* the next run */
    repath(&r, old_path, sizeof old_path);
    call(&r, "a", old_path);
    core_wait(&r, "SIP/2.0 480"); /* known, not there yet: 430 would take the binding away (RFC 5626 5.3) */
    snprintf(forged, sizeof forged, "%s", old_path);
    forged[6] = forged[6] == 'a' ? 'b' : 'a';
    call(&r, "b", forged);
    core_wait(&r, "SIP/2.0 403");

    enroll_here(&r, "2");
    assert_int_equal(r.moved, 1);
    assert_string_not_equal(path_value, old_path); /* a new connection, a new token */
    b = reg_by_flow(r.reg, (state_run(s) << 32) + 1);
    assert_non_null(b);
    assert_string_equal(b->service_route, "<sip:orig@scscf.home.example.net;lr>");
    call(&r, "c", path_value);
    for (unsigned i = 0; i < 100 && !r.requests; i++)
        turn(&r);
    assert_int_equal(r.requests, 1);
    call(&r, "d", old_path); /* the core may still use the one before: the same instance is behind it */
    for (unsigned i = 0; i < 100 && r.requests < 2; i++)
        turn(&r);
    assert_int_equal(r.requests, 2);
    stop(&r, s);
}

/* Lost for good in the run before: this one tells the core, with the Call-ID it knows and the next CSeq. */
static void test_taken_back(void **state)
{
    struct state *s = NULL;
    struct rig r;

    (void)state;
    start(&r, &s, 0);
    core_wait(&r, "REGISTER ");
    assert_string_equal(header(r.last, "Call-ID"), "reg1");
    assert_string_equal(header(r.last, "CSeq"), "3 REGISTER");
    assert_non_null(strstr(header(r.last, "Contact"), "expires=0"));
    assert_non_null(strstr(header(r.last, "Contact"), "+sip.instance=\"<urn:uuid:1111>\";reg-id=1")); /* RFC 5626 6 */
    assert_string_equal(header(r.last, "Authorization"), "");
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 0);
    stop(&r, s);
    start(&r, &s, 32);
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 0);
    stop(&r, s);
}

/* A file that is no database is put aside, and alg starts. */
static void test_broken_file(void **state)
{
    struct state *s = NULL;
    char path[256];
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/registrations.db", dir);
    f = fopen(path, "w");
    for (unsigned i = 0; i < 1000; i++)
        fputs("this is no database\n", f);
    fclose(f);
    log_init(LOG_ERROR + 1);
    assert_int_equal(state_open(&s, dir), 0);
    assert_int_equal(mode_of("registrations.db"), 0600);
    assert_true(mode_of("registrations.db.bad") >= 0);
    state_close(s);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restart), cmocka_unit_test(test_taken_back),
                                       cmocka_unit_test(test_broken_file)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
