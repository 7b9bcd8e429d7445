/* Full ICE and consent: two agents of ours over a network with loss, a NAT, a clock and random numbers that the test owns. */
#include "tests/fake/ice_net.h"

#include "agw/media/ice_msg.h"
#include "tests/fake/check.h"
#include "tests/fake/rnd.h"

#define HOST MEDIA_ICE_HOST_PRIORITY
#define SRFLX ((100u << 24) | (65535u << 8) | 255u)

static void both_full(struct ice_net *net, bool a_controls, bool b_controls)
{
    side_full(&net->a, a_controls);
    side_full(&net->b, b_controls);
    side_candidate(&net->a, "198.51.100.2", 2000, HOST);
    side_candidate(&net->b, "192.0.2.1", 1000, HOST);
    side_told(net, &net->a, &net->b);
    side_told(net, &net->b, &net->a);
}

static void assert_connected(const struct ice_net *net)
{
    assert_true(net->a.results & ICE_UP);
    assert_true(net->b.results & ICE_UP);
    assert_non_null(ice_selected(net->a.ice));
    assert_non_null(ice_selected(net->b.ice));
    assert_true(addr_eq(ice_selected(net->a.ice), &net->b.seen));
    assert_true(addr_eq(ice_selected(net->b.ice), &net->a.seen));
}

static void either_may_control(void **state)
{
    struct ice_net *net = *state;

    for (int a_controls = 0; a_controls < 2; a_controls++) {
        both_full(net, a_controls, !a_controls);
        net_run(net, 500);
        assert_connected(net);
        assert_true((a_controls ? net->b : net->a).results & ICE_NOMINATED);
        assert_false((a_controls ? net->a : net->b).results & ICE_NOMINATED);
        assert_false((net->a.results | net->b.results) & (ICE_PEER | ICE_FAILED));
        assert_true(net->a.requests + net->b.requests <= 6); /* no check too many */
        net_teardown(state);
        net_setup(state);
        net = *state;
    }
}

static void full_with_lite(void **state)
{
    struct ice_net *net = *state;

    side_full(&net->a, true);
    side_candidate(&net->a, "198.51.100.2", 2000, HOST);
    side_told(net, &net->a, &net->b);
    side_told(net, &net->b, &net->a); /* lite: told, and sends nothing */
    net_run(net, 500);
    assert_connected(net);
    assert_int_equal(net->b.requests, 0);
    net_run(net, 120000); /* the lite one hears checks, the full one has consent */
    assert_connected(net);
    assert_false((net->a.results | net->b.results) & (ICE_LOST | ICE_FAILED));
    assert_int_equal(net->b.requests, 0);
}

static void a_conflict_of_roles_is_settled(void **state)
{
    struct ice_net *net = *state;
    unsigned a_wins = 0;

    for (int i = 0; i < 32; i++) { /* tie-breakers of either order */
        both_full(net, i % 2, i % 2);
        net_run(net, 2000);
        assert_connected(net);
        assert_true(net->a.refusals + net->b.refusals <= 1); /* 487, unless who had to give way saw it first */
        a_wins += (net->b.results & ICE_NOMINATED) != 0;
        net_teardown(state);
        net_setup(state);
        net = *state;
    }
    assert_in_range(a_wins, 8, 24);
}

static void loss_is_survived(void **state)
{
    struct ice_net *net = *state;
    unsigned lost = 0;

    for (uint32_t seed = 1; seed <= 40; seed++) {
        net->seed = seed;
        net->loss = 40;
        both_full(net, seed & 1, seed & 2);
        while (!(net->a.results & net->b.results & ICE_UP) && net->now < 1000000 + MEDIA_ICE_PATIENCE_MS)
            net_run(net, 10);
        lost += net->lost;
        assert_connected(net);
        net_teardown(state);
        net_setup(state);
        net = *state;
    }
    assert_true(lost > 100);
}

/* Its description knows a name alone (mDNS): the other side learns the address from its checks. */
static void peer_reflexive(void **state)
{
    struct ice_net *net = *state;

    side_full(&net->a, true);
    side_full(&net->b, false);
    side_candidate(&net->b, "192.0.2.1", 1000, HOST);
    assert_int_equal(addr_parse(&net->b.seen, SV("203.0.113.7"), 7777), 0); /* behind a NAT */
    side_told(net, &net->a, &net->b);
    side_told(net, &net->b, &net->a);
    net_run(net, 1000);
    assert_connected(net);
    assert_true(net->a.results & ICE_PEER);
    assert_false(net->b.results & ICE_PEER);
}

static void checks_before_the_answer_count(void **state)
{
    struct ice_net *net = *state;

    side_full(&net->a, true);
    side_full(&net->b, false);
    side_candidate(&net->b, "192.0.2.1", 1000, HOST);
    assert_int_equal(ice_set(net->a.ice, &net->a.spec, net->now), 0); /* it offers, and knows of nobody */
    assert_true(ice_deadline(net->a.ice) == MSEC_NEVER);
    side_told(net, &net->b, &net->a);
    net_run(net, 300);
    assert_int_equal(net->a.requests, 0);
    assert_null(ice_selected(net->a.ice));
    assert_true(net->a.results & ICE_PEER);
    side_told(net, &net->a, &net->b);
    net_run(net, 300);
    assert_connected(net);
}

static void the_best_pair_is_nominated(void **state)
{
    struct ice_net *net = *state;

    side_full(&net->a, true);
    side_candidate(&net->a, "203.0.113.9", 9, HOST + 1); /* better, and dead: waited for a little */
    side_candidate(&net->a, "198.51.100.2", 2000, HOST);
    side_candidate(&net->a, "203.0.113.10", 9, SRFLX);
    side_told(net, &net->a, &net->b);
    net_run(net, MEDIA_ICE_NOMINATE_MS);
    assert_null(ice_selected(net->a.ice));
    net_run(net, 400);
    assert_non_null(ice_selected(net->a.ice));
    assert_true(addr_eq(ice_selected(net->a.ice), &net->b.seen));
    net->stray = 0;
    net_run(net, 60000);
    assert_int_equal(net->stray, 0); /* the rest of the list is left alone then */
}

static void the_nat_is_rebound(void **state)
{
    struct ice_net *net = *state;

    both_full(net, false, true); /* b nominates, from behind the NAT */
    net_run(net, 500);
    assert_connected(net);
    net->b.down = true;
    net_run(net, MEDIA_CONSENT_EXPIRY_MS + 1000);
    assert_true(net->a.results & ICE_LOST);
    assert_true(net->a.lost_at - net->a.up_at >= MEDIA_CONSENT_EXPIRY_MS);
    assert_null(ice_selected(net->a.ice)); /* nothing may be sent */
    assert_true(net->b.results & ICE_LOST);
    assert_true(ice_deadline(net->a.ice) == MSEC_NEVER);

    net->b.down = false; /* back, elsewhere: only a restart revives (RFC 7675 5.1) */
    assert_int_equal(addr_parse(&net->b.seen, SV("203.0.113.7"), 7777), 0);
    net_run(net, 60000);
    assert_null(ice_selected(net->a.ice));
    strcpy(net->a.spec.ufrag, "alice1");
    strcpy(net->b.spec.ufrag, "bob1");
    assert_int_equal(ice_restart(net->a.ice, "alice1", net->a.spec.pwd), 0);
    assert_int_equal(ice_restart(net->b.ice, "bob1", net->b.spec.pwd), 0);
    side_told(net, &net->a, &net->b);
    side_told(net, &net->b, &net->a);
    net_run(net, 2000);
    assert_connected(net);
    assert_true(net->a.results & net->b.results & ICE_RESUMED);
}

static void a_restart_keeps_the_pair(void **state)
{
    struct ice_net *net = *state;

    both_full(net, true, false);
    net_run(net, 500);
    strcpy(net->a.spec.ufrag, "alice1");
    assert_int_equal(ice_restart(net->a.ice, "alice1", net->a.spec.pwd), 0);
    assert_int_equal(ice_set(net->a.ice, &net->a.spec, net->now), 0); /* the peer's old credentials are no news */
    net_run(net, 20000); /* the offer is on its way: consent goes on with the old ones */
    assert_connected(net);
    assert_false((net->a.results | net->b.results) & ICE_LOST);
    strcpy(net->b.spec.ufrag, "bob1");
    assert_int_equal(ice_restart(net->b.ice, "bob1", net->b.spec.pwd), 0);
    side_told(net, &net->b, &net->a);
    side_told(net, &net->a, &net->b);
    net->a.results = net->b.results = 0;
    net_run(net, 40000);
    assert_true(net->b.results & ICE_NOMINATED);
    assert_false((net->a.results | net->b.results) & (ICE_LOST | ICE_FAILED));
    assert_non_null(ice_selected(net->a.ice));
    assert_non_null(ice_selected(net->b.ice));
}

static void no_pair_is_a_failure(void **state)
{
    struct ice_net *net = *state;

    net->b.down = true;
    both_full(net, true, false);
    net_run(net, MEDIA_ICE_PATIENCE_MS + 2000);
    assert_int_equal(net->a.results, ICE_FAILED);
    assert_true(net->a.failed_at >= 1000000 + MEDIA_ICE_PATIENCE_MS); /* RFC 8863: never sooner */
    assert_int_equal(net->a.requests, MEDIA_ICE_RC);
    assert_true(ice_deadline(net->a.ice) == MSEC_NEVER); /* told once */
}

/* Every deadline of the agent is reached and none is passed in a loop: the clock jumps from one to the next. */
static void checks_are_paced(void **state)
{
    struct ice_net *net = *state;
    msec_t last = 0;
    unsigned steps = 0;

    side_full(&net->a, true);
    for (uint16_t port = 1; port <= BUS_ICE_CANDS; port++)
        side_candidate(&net->a, "203.0.113.9", port, SRFLX - port);
    side_told(net, &net->a, &net->b);
    for (msec_t at; (at = ice_deadline(net->a.ice)) != MSEC_NEVER; steps++) {
        assert_true(steps < 2000);
        if (at > net->now)
            net->now = at;
        net->tx.n = 0;
        net_note(net, &net->a, ice_tick(net->a.ice, &net->tx, net->now));
        assert_true(net->tx.n <= MEDIA_ICE_BURST + 1);
        if (net->tx.n && net->a.requests < BUS_ICE_CANDS) {
            assert_true(!last || net->now - last >= MEDIA_ICE_TA_MS);
            last = net->now;
        }
        net->a.requests += net->tx.n;
    }
    assert_int_equal(net->a.requests, BUS_ICE_CANDS * MEDIA_ICE_RC);
    assert_true(net->a.results & ICE_FAILED);
}

static void where_no_check_goes(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255",
                                        "0.0.0.0",   "240.0.0.1",       "::1",       "2001:db8::1",
                                        "fe80::1",   "ff02::1",         "192.0.2.1"};
    struct ice_net *net = *state;

    side_full(&net->a, true);
    for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
        side_candidate(&net->a, hosts[i], i + 1 == ARRAY_LEN(hosts) ? 1000 : 80, HOST - i); /* the last: ourselves */
    side_candidate(&net->a, "203.0.113.9", 0, HOST);
    side_told(net, &net->a, &net->b);
    net_run(net, 60000);
    assert_int_equal(net->a.requests, 0);
    assert_int_equal(net->a.results, ICE_FAILED);
}

static void loopback_is_for_loopback(void **state)
{
    struct ice_net *net = *state;

    assert_int_equal(addr_parse(&net->a.spec.local, SV("127.0.0.1"), 1000), 0);
    assert_int_equal(addr_parse(&net->b.seen, SV("127.0.0.2"), 2000), 0);
    side_full(&net->a, true);
    side_candidate(&net->a, "127.0.0.2", 2000, HOST);
    side_candidate(&net->a, "169.254.169.254", 80, HOST);
    side_told(net, &net->a, &net->b);
    net_run(net, 500);
    assert_true(net->a.results & ICE_UP);
    assert_int_equal(net->stray, 0);
}

/* The peer itself forges where its checks come from: each is answered once, and few are checked back. */
static void forged_sources(void **state)
{
    struct ice_net *net = *state;
    unsigned peers = 0;

    both_full(net, false, true);
    net_run(net, 500);
    assert_connected(net);
    net->a.requests = 0;
    for (uint16_t port = 1; port <= 500; port++) {
        struct ice_request r = {.names = &(struct ice_names){.ufrag = "bob0", .remote_ufrag = "alice0"}, .controlling = true};
        uint8_t out[MEDIA_STUN_REPLY];
        struct buf reply = buf_over(out, sizeof(out));
        struct ice_names names = *r.names;
        struct dgram in = {.p = net->tx.slot[0].p};
        int res;

        strcpy(names.remote_pwd, net->a.spec.pwd);
        assert_int_equal(addr_parse(&in.src, SV("203.0.113.66"), port), 0);
        r.names = &names;
        r.to = &in.src;
        net->tx.n = 0;
        assert_int_equal(ice_send_request(&r, net->mac, &net->tx), 0);
        in.n = net->tx.slot[0].n;
        res = ice_input(net->a.ice, &in, &reply, net->now);
        assert_true(res >= 0 && (res & ICE_CHECK));
        assert_true(reply.len <= in.n);
        peers += (res & ICE_PEER) != 0;
        net_run(net, 100);
    }
    net_run(net, 60000);
    assert_in_range(peers, 1, MEDIA_ICE_PAIRS);
    assert_true(net->stray <= MEDIA_ICE_PAIRS * MEDIA_ICE_RC);
    assert_connected(net); /* and the pair in use stays */
}

/* Who answers a check that nobody made, or with another password, or from another place, changes nothing. */
static void forged_responses(void **state)
{
    struct ice_net *net = *state;
    uint8_t msg[MEDIA_STUN_REPLY], out[MEDIA_STUN_REPLY];
    const struct {
        const char *pwd;
        bool other_tid, other_src;
        int want;
    } rows[] = {
        {"wrongwrongwrongwrongwrong", false, false, -EACCES},
        {NULL, true, false, -EACCES},
        {NULL, false, true, 0}, /* real, but by another way: the pair fails (RFC 8445 7.2.5.2.1) */
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = buf_over(msg, sizeof(msg)), reply = buf_over(out, sizeof(out));
        struct dgram in = {.p = msg, .src = rows[i].other_src ? net->a.host : net->b.host};
        struct stun_msg m;

        side_full(&net->a, true);
        net->a.full.n = 0;
        side_candidate(&net->a, "198.51.100.2", 2000, HOST);
        side_told(net, &net->a, &net->b);
        net->tx.n = 0;
        ice_tick(net->a.ice, &net->tx, net->now);
        assert_int_equal(net->tx.n, 1);
        assert_int_equal(stun_parse(&m, net->tx.slot[0].p, net->tx.slot[0].n), 0);
        assert_true(sv_is(m.username, "bob0:alice0") && m.controlling && m.has_priority && !m.use_candidate);
        m.tid[3] ^= rows[i].other_tid;
        stun_begin(&b, STUN_BINDING_SUCCESS, m.tid);
        stun_put_xaddr(&b, &net->a.host);
        assert_int_equal(stun_end(&b, net->mac, sv_from(rows[i].pwd ? rows[i].pwd : net->b.spec.pwd)), 0);
        in.n = b.len;
        assert_int_equal(ice_input(net->a.ice, &in, &reply, net->now), rows[i].want);
        assert_false(ice_is_valid(net->a.ice, &net->b.host));
        assert_int_equal(reply.len, 0);
        net_teardown(state);
        net_setup(state);
        net = *state;
    }
}

/* RFC 7675 5.1: every 5 s x 0.8..1.2, each time another transaction, none repeated; 30 s without an answer end it. */
static void consent_is_asked_for(void **state)
{
    struct ice_net *net = *state;
    unsigned before;

    both_full(net, true, false);
    net_run(net, 1000);
    before = net->a.requests;
    net_run(net, 600000);
    assert_in_range(net->a.requests - before, 600 / 6 - 1, 600 / 4 + 1);
    assert_int_equal(net->a.indications, 0); /* the requests keep the NAT open */
    assert_false((net->a.results | net->b.results) & ICE_LOST);
    net->loss = 5;
    net_run(net, 120000); /* one answer in 30 s is enough: it does not come in one sequence of ten thousand, and this is none */
    assert_false(net->a.results & ICE_LOST);
    before = net->a.requests;
    net->loss = 100;
    net_run(net, 40000);
    assert_true(net->a.results & net->b.results & ICE_LOST);
    assert_in_range(net->a.requests - before, 2, 8);
    before = net->a.requests;
    net->loss = 0;
    net_run(net, 60000);
    assert_int_equal(net->a.requests, before); /* everything has stopped */
    assert_null(ice_selected(net->a.ice));
}

static int answer_consent(struct ice_net *net, const struct stun_msg *asked, const struct addr *src, const char *pwd)
{
    uint8_t msg[MEDIA_STUN_REPLY], out[MEDIA_STUN_REPLY];
    struct buf b = buf_over(msg, sizeof(msg)), reply = buf_over(out, sizeof(out));
    struct dgram in = {.src = *src, .p = msg};

    stun_begin(&b, STUN_BINDING_SUCCESS, asked->tid);
    stun_put_xaddr(&b, &net->a.host);
    assert_int_equal(stun_end(&b, net->mac, sv_from(pwd)), 0);
    in.n = b.len;
    return ice_input(net->a.ice, &in, &reply, net->now);
}

/* Consent is given by an answer to what was asked, from where it was asked, with the peer's password (RFC 7675 5.1). */
static void consent_is_not_forged(void **state)
{
    struct ice_net *net = *state;
    struct addr elsewhere;
    struct stun_msg m, other;

    both_full(net, true, false);
    net_run(net, 1000);
    net->b.down = true;
    do {
        net->now++;
        net->tx.n = 0;
        assert_false(ice_tick(net->a.ice, &net->tx, net->now) & ICE_LOST);
    } while (net->tx.n == 0);
    assert_int_equal(stun_parse(&m, net->tx.slot[0].p, net->tx.slot[0].n), 0);
    elsewhere = net->b.host;
    addr_set_port(&elsewhere, 999);
    other = m;
    other.tid[0] ^= 1;
    assert_int_equal(answer_consent(net, &m, &net->b.host, "wrongwrongwrongwrongwrong"), -EACCES);
    assert_int_equal(answer_consent(net, &m, &elsewhere, net->b.spec.pwd), -EACCES);
    assert_int_equal(answer_consent(net, &other, &net->b.host, net->b.spec.pwd), -EACCES);
    assert_int_equal(answer_consent(net, &m, &net->b.host, net->b.spec.pwd), ICE_CHECK);
}

/* stnconfres/test of a lite agent: it asks, too, and does not wait for 30 s of silence of a peer that never checks. What it lost
 * only new credentials bring back. */
static void a_lite_agent_may_ask(void **state)
{
    struct ice_net *net = *state;
    uint8_t msg[MEDIA_STUN_REPLY], out[2 * MEDIA_STUN_REPLY];
    struct buf reply = buf_over(out, sizeof(out));
    struct dgram in = {.src = net->b.host, .p = msg};

    side_full(&net->b, true);
    side_candidate(&net->b, "192.0.2.1", 1000, HOST);
    net->a.spec.consent = true;
    side_told(net, &net->b, &net->a);
    assert_int_equal(ice_set(net->a.ice, &net->a.spec, net->now), 0); /* up before the answer tells the credentials */
    net_run(net, 1000);
    assert_connected(net);
    assert_int_equal(net->a.requests, 0);
    side_told(net, &net->a, &net->b);
    net_run(net, 60000);
    assert_in_range(net->a.requests, 9, 16);
    assert_false((net->a.results | net->b.results) & (ICE_LOST | ICE_FAILED));
    net->b.down = true;
    net_run(net, 40000);
    assert_true(net->a.results & ICE_LOST);
    in.n = check_make(net->mac, &(struct check){.ufrag = net->a.spec.ufrag, .pwd = net->a.spec.pwd, .use_candidate = true}, msg,
                      sizeof(msg));
    assert_true(ice_input(net->a.ice, &in, &reply, net->now) & ICE_NOMINATED);
    assert_null(ice_selected(net->a.ice));
    strcpy(net->a.spec.ufrag, "anew");
    assert_int_equal(ice_restart(net->a.ice, net->a.spec.ufrag, net->a.spec.pwd), 0);
    in.n = check_make(net->mac, &(struct check){.ufrag = net->a.spec.ufrag, .pwd = net->a.spec.pwd, .use_candidate = true}, msg,
                      sizeof(msg));
    assert_true(ice_input(net->a.ice, &in, &reply, net->now) & ICE_RESUMED);
    assert_non_null(ice_selected(net->a.ice));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, net_setup, net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(either_may_control),
        TEST(full_with_lite),
        TEST(a_conflict_of_roles_is_settled),
        TEST(loss_is_survived),
        TEST(peer_reflexive),
        TEST(checks_before_the_answer_count),
        TEST(the_best_pair_is_nominated),
        TEST(the_nat_is_rebound),
        TEST(a_restart_keeps_the_pair),
        TEST(no_pair_is_a_failure),
        TEST(checks_are_paced),
        TEST(where_no_check_goes),
        TEST(loopback_is_for_loopback),
        TEST(forged_sources),
        TEST(forged_responses),
        TEST(consent_is_asked_for),
        TEST(consent_is_not_forged),
        TEST(a_lite_agent_may_ask),
    };

    return cmocka_run_group_tests_name("agw/media/ice_full", tests, NULL, NULL);
}
