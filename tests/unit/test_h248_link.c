/* The socket under an association (h248/link.h): two ends on one loop, over loopback UDP. The loop runs until what is
 * waited for happened, within a bound; nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "common/log.h"
#include "h248/link.h"

#define BOUND_MS 5000
#define SILENT_MS 300 /* who gets no answer gets none in that */

struct side {
    struct link *link;
    struct addr at;
    struct assoc_peer *peer;
    unsigned up, bye, requests, replies, seen;
    enum trans_result result;
    bool done, free_when_done;
};

static struct {
    uv_loop_t loop;
    uv_timer_t bound;
    bool late;
    struct side mg, mgc;
} w;

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct side *s = arg;

    (void)term;
    (void)reason;
    s->peer = peer;
    s->up += ev == ASSOC_UP;
    s->bye += ev == ASSOC_BYE;
}

static int build_audit(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));

    if (!c)
        return -ENOMEM;
    return arg && !h248_desc_new(a, &c->descs, H248_D_AUDIT) ? -ENOMEM : 0; /* arg: as a request */
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct side *s = arg;

    (void)peer;
    (void)msg;
    (void)req;
    s->requests++;
    assert_int_equal(link_answer(s->link, in, build_audit, NULL), 0);
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg)
{
    struct side *s = arg;

    (void)out;
    (void)peer;
    assert_true(text.n > 0 && msg);
    s->seen++;
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct side *s = arg;

    assert_int_equal(result == TRANS_REPLY, reply != NULL);
    s->replies++;
    s->result = result;
}

static void on_bound(uv_timer_t *t)
{
    (void)t;
    w.late = true;
}

static int side_up(struct side *s, enum assoc_role role)
{
    struct assoc_h h = {.event = on_event, .request = on_request, .seen = on_seen, .arg = s};
    struct assoc_conf c;
    int err;

    assoc_conf_default(&c, role);
    c.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = role == ASSOC_MG ? SV("agw.test") : SV("alg.test")};
    c.mgc[0] = w.mgc.at;
    c.n_mgc = 1;
    addr_parse_hostport(&s->at, SV("127.0.0.1:0"), 0);
    err = link_new(&s->link, &w.loop, &s->at, &c, &h);
    if (!err)
        link_start(s->link);
    return err;
}

static int setup(void **state)
{
    (void)state;
    log_init(LOG_ERROR);
    memset(&w, 0, sizeof w);
    uv_loop_init(&w.loop);
    uv_timer_init(&w.loop, &w.bound);
    uv_timer_start(&w.bound, on_bound, BOUND_MS, 0);
    return side_up(&w.mgc, ASSOC_MGC) || side_up(&w.mg, ASSOC_MG) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    link_free(w.mg.link);
    link_free(w.mgc.link);
    uv_close((uv_handle_t *)&w.bound, NULL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&w.loop); /* every handle was closed */
}

#define UNTIL(cond)                          \
    do {                                     \
        while (!(cond) && !w.late)           \
            uv_run(&w.loop, UV_RUN_ONCE);    \
        assert_true(cond);                   \
    } while (0)

static void test_register_and_ask(void **state)
{
    (void)state;
    assert_int_not_equal(addr_port(&w.mgc.at), 0);
    UNTIL(w.mg.up && w.mgc.up);
    for (int i = 0; i < 500; i++)
        assert_int_equal(link_request(w.mgc.link, w.mgc.peer, build_audit, &w, on_reply, &w.mgc), 0);
    UNTIL(w.mgc.replies == 500);
    assert_int_equal(w.mgc.result, TRANS_REPLY);
    assert_int_equal(w.mg.requests, 500);
    assert_true(w.mg.seen >= 1002);
}

static void on_stopped(void *arg)
{
    struct side *s = arg;

    s->done = true;
    if (s->free_when_done) {
        link_free(s->link);
        s->link = NULL;
    }
}

static void test_stop_and_free_inside_done(void **state)
{
    (void)state;
    UNTIL(w.mg.up && w.mgc.up);
    w.mg.free_when_done = true;
    link_stop(w.mg.link, on_stopped, &w.mg);
    assert_false(w.mg.done);
    UNTIL(w.mg.done && w.mgc.bye);
    assert_int_equal(link_request(w.mgc.link, w.mgc.peer, build_audit, &w, on_reply, &w.mgc), -ENOTCONN);
}

static void test_free_ends_open_requests(void **state)
{
    (void)state;
    UNTIL(w.mg.up && w.mgc.up);
    link_free(w.mg.link);
    w.mg.link = NULL;
    assert_int_equal(link_request(w.mgc.link, w.mgc.peer, build_audit, &w, on_reply, &w.mgc), 0);
    link_free(w.mgc.link);
    w.mgc.link = NULL;
    assert_int_equal(w.mgc.replies, 1);
    assert_int_equal(w.mgc.result, TRANS_CLOSED);
}

/* The octets of the answer; -1: none for so long. */
static ssize_t ask(const char *from, const char *text, char out[2048], unsigned ms)
{
    ssize_t n = -1;
    struct addr a;
    msec_t end;
    int fd;

    assert_int_equal(addr_parse(&a, sv_from(from), 0), 0);
    fd = net_udp(&a);
    assert_true(fd >= 0);
    assert_int_equal(sendto(fd, text, strlen(text), 0, &w.mg.at.u.sa, addr_len(&w.mg.at)), (ssize_t)strlen(text));
    for (end = net_now_ms() + ms; n < 0 && net_now_ms() < end;) {
        uv_run(&w.loop, UV_RUN_NOWAIT);
        n = recv(fd, out, 2048, MSG_DONTWAIT);
    }
    close(fd);
    return n;
}

/* Who is no controller may have forged his address: he gets nothing longer than what he sent, often nothing. */
static void test_stranger(void **state)
{
    char out[2048], text[1024];

    (void)state;
    UNTIL(w.mg.up && w.mgc.up);
    assert_true(ask("127.0.0.1", "x", out, BOUND_MS) > 1); /* the controller's host: 400 */
    assert_int_equal(ask("127.0.0.2", "x", out, SILENT_MS), -1);
    assert_int_equal(ask("127.0.0.2", "!/1 <s>:1\nT=1{C=-{AV=ROOT{AT{}}}}", out, SILENT_MS), -1);
    snprintf(text, sizeof text, "!/1 <s>:1\nT=1{C=-{AV=ROOT{AT{}}}} ;%0500d\n", 0);
    assert_in_range(ask("127.0.0.2", text, out, BOUND_MS), 20, strlen(text)); /* 504, shorter than that */
}

static void test_address_in_use(void **state)
{
    struct assoc_h h = {.event = on_event, .request = on_request, .arg = &w.mg};
    struct assoc_conf c;
    struct addr at = w.mgc.at;
    struct link *l = NULL;

    (void)state;
    assoc_conf_default(&c, ASSOC_MGC);
    c.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("x.test")};
    assert_int_equal(link_new(&l, &w.loop, &at, &c, &h), -EADDRINUSE);
    addr_set_port(&at, 0);
    assoc_conf_default(&c, ASSOC_MG); /* no MGC: refused, and nothing stays open */
    assert_int_equal(link_new(&l, &w.loop, &at, &c, &h), -EINVAL);
    assert_null(l);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_register_and_ask),
        T(test_stop_and_free_inside_done),
        T(test_free_ends_open_requests), T(test_stranger),
        T(test_address_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
