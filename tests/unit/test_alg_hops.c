/* Whose turn it is among the core's next hops: the choice and what becomes of each, with made-up time and chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alg/sip/hop_peers.h"

static struct hop hop_at(const char *host, unsigned prio, unsigned weight)
{
    struct hop h = {.prio = prio, .weight = weight, .proto = SELF_UDP};

    assert_int_equal(addr_parse(&h.addr, sv_from(host), 5060), 0);
    strcpy(h.name, "home.example.net");
    strcpy(h.target, host);
    return h;
}

static void start(struct hops *h)
{
    const struct hop first[] = {hop_at("192.0.2.2", 2, 10), hop_at("192.0.2.1", 1, 30), hop_at("192.0.2.3", 1, 10)};
    const struct hop second[] = {hop_at("198.51.100.1", 0, 0)};

    memset(h, 0, sizeof *h);
    h->lost_max = 3;
    hops_set(h, 0, first, 3);
    hops_set(h, 1, second, 1);
    assert_int_equal(h->n, 4);
}

static const char *turn(struct hops *h, msec_t now, struct hops_wish wish)
{
    struct hop *hop = hops_choose(h, now, &wish);

    return hop ? hop->target : "";
}

static void test_weights(void **state)
{
    struct hops h;
    unsigned one = 0, other = 0;

    (void)state;
    start(&h);
    for (unsigned i = 0; i < 1000; i++) {
        const char *t = turn(&h, 0, (struct hops_wish){.chance = i * (UINT32_MAX / 1000)});

        one += !strcmp(t, "192.0.2.1");
        other += !strcmp(t, "192.0.2.3");
    }
    assert_int_equal(one + other, 1000); /* the other priority and the other entry wait */
    assert_in_range(one, 740, 760);      /* 30 to 10 */
    assert_string_equal(turn(&h, 0, (struct hops_wish){.chance = UINT32_MAX}), "192.0.2.3");
}

static void test_without_weight(void **state)
{
    const struct hop list[] = {hop_at("192.0.2.1", 1, 0), hop_at("192.0.2.2", 1, 0), hop_at("192.0.2.3", 1, 50)};
    struct hops h = {.lost_max = 1};
    unsigned n[4] = {0};

    (void)state;
    hops_set(&h, 0, list, 2);
    for (unsigned i = 0; i < 1000; i++)
        n[turn(&h, 0, (struct hops_wish){.chance = i * (UINT32_MAX / 1000)})[8] - '0']++;
    assert_in_range(n[1], 495, 505);
    memset(n, 0, sizeof n);
    hops_set(&h, 0, list, 3);
    for (unsigned i = 0; i < 10000; i++)
        n[turn(&h, 0, (struct hops_wish){.chance = i * (UINT32_MAX / 10000)})[8] - '0']++;
    assert_in_range(n[1], 1, 5); /* RFC 2782: a very small chance, but one */
    assert_in_range(n[2], 1, 5);
}

static void test_order_of_failover(void **state)
{
    unsigned tried[4], n = 0;
    struct hops h;

    (void)state;
    start(&h);
    for (const char *want[] = {"192.0.2.1", "192.0.2.3", "192.0.2.2", "198.51.100.1"}; n < 4; n++) {
        struct hops_wish w = {.tried = tried, .n_tried = n, .chance = 0};
        struct hop *hop = hops_choose(&h, 0, &w);

        assert_non_null(hop);
        assert_string_equal(hop->target, want[n]);
        tried[n] = hop->id;
    }
    assert_string_equal(turn(&h, 0, (struct hops_wish){.tried = tried, .n_tried = 4, .last_resort = true}), "");
}

static void test_down_and_up(void **state)
{
    struct hops h;
    struct hop *a;

    (void)state;
    start(&h);
    a = hops_by_target(&h, "192.0.2.1", 0);
    assert_false(hop_lost(&h, a));
    assert_false(hop_lost(&h, a));
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "192.0.2.1");
    assert_true(hop_lost(&h, a)); /* the third in a row */
    assert_false(hop_lost(&h, a));
    assert_int_equal(hops_up(&h), 3);
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "192.0.2.3");
    assert_string_equal(turn(&h, 0, (struct hops_wish){.prefer = a->id}), "192.0.2.3");
    assert_true(hop_answered(a));
    assert_false(hop_answered(a));
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "192.0.2.1");
    assert_false(hop_lost(&h, a));
    assert_false(hop_answered(a)); /* was not down: the count starts again */
    assert_false(hop_lost(&h, a));
    assert_false(hop_lost(&h, a));
    assert_true(hop_refused(hops_by_target(&h, "192.0.2.3", 5060)));
    assert_int_equal(hops_up(&h), 3);
}

static void test_all_down(void **state)
{
    struct hops h;

    (void)state;
    start(&h);
    for (unsigned i = 0; i < h.n; i++)
        hop_refused(&h.v[i]);
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "");
    assert_string_equal(turn(&h, 0, (struct hops_wish){.last_resort = true}), "192.0.2.1"); /* it may only dislike OPTIONS */
    for (unsigned i = 0; i < h.n; i++)
        hop_bar(&h.v[i], 0, 10);
    assert_string_equal(turn(&h, 0, (struct hops_wish){.last_resort = true}), ""); /* that was a word */
    assert_int_equal(hops_up(&h), 0);
}

static void test_retry_after(void **state)
{
    struct hops h;

    (void)state;
    start(&h);
    assert_int_equal(hops_wait(&h, 1000), 0);
    hop_bar(hops_by_target(&h, "192.0.2.1", 0), 1000, 20);
    hop_bar(hops_by_target(&h, "192.0.2.3", 0), 1000, 5);
    assert_int_equal(hops_wait(&h, 1000), 5);
    assert_int_equal(hops_wait(&h, 1001), 5); /* rounded up */
    assert_string_equal(turn(&h, 1000, (struct hops_wish){.last_resort = true}), "192.0.2.2");
    assert_string_equal(turn(&h, 5999, (struct hops_wish){0}), "192.0.2.2");
    assert_string_equal(turn(&h, 6000, (struct hops_wish){0}), "192.0.2.3");
    assert_string_equal(turn(&h, 21000, (struct hops_wish){0}), "192.0.2.1");
    hop_bar(hops_by_target(&h, "192.0.2.1", 0), 0, UINT32_MAX);
    assert_int_equal(hops_wait(&h, 0), 5 + 1); /* the other one's; a year is cut to HOP_BAR_MAX_S */
    assert_int_equal(hops_wait(&h, 6000), HOP_BAR_MAX_S - 6);
    assert_int_equal(hops_up(&h), 4);
}

static void test_preferred(void **state)
{
    struct hops h;
    struct addr a;
    unsigned tried;

    (void)state;
    start(&h);
    tried = hops_by_target(&h, "192.0.2.2", 0)->id;
    assert_string_equal(turn(&h, 0, (struct hops_wish){.prefer = tried}), "192.0.2.2"); /* whatever its priority */
    assert_string_equal(turn(&h, 0, (struct hops_wish){.prefer = tried, .tried = &tried, .n_tried = 1}), "192.0.2.1");
    assert_string_equal(turn(&h, 0, (struct hops_wish){.prefer = 999}), "192.0.2.1");
    assert_int_equal(addr_parse(&a, SV("192.0.2.2"), 5999), 0);
    assert_null(hops_by_addr(&h, &a, false));
    assert_int_equal(hops_by_addr(&h, &a, true)->id, tried);
    assert_null(hops_by_target(&h, "192.0.2.2", 5061));
    assert_null(hops_by_id(&h, 0));
}

static void test_resolved_again(void **state)
{
    struct hop list[] = {hop_at("192.0.2.1", 7, 1), hop_at("192.0.2.9", 1, 1)}, many[HOPS_MAX + 5];
    struct hops h;
    unsigned a, b;

    (void)state;
    start(&h);
    a = hops_by_target(&h, "192.0.2.1", 0)->id;
    b = hops_by_target(&h, "192.0.2.2", 0)->id;
    hop_refused(hops_by_id(&h, a));
    hop_bar(hops_by_id(&h, a), 0, 5);
    hops_set(&h, 0, list, 2);
    assert_int_equal(h.n, 3);
    assert_null(hops_by_id(&h, b));
    assert_non_null(hops_by_id(&h, a)); /* it is the same, as down as it was, of another priority */
    assert_true(hops_by_id(&h, a)->down);
    assert_int_equal(hops_by_id(&h, a)->prio, 7);
    assert_int_equal(hops_wait(&h, 0), 5);
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "192.0.2.9");
    list[0].proto = SELF_TCP;
    hops_set(&h, 0, list, 1);
    assert_null(hops_by_id(&h, a)); /* over TCP it is another one, and starts well */
    assert_string_equal(turn(&h, 0, (struct hops_wish){0}), "192.0.2.1");
    for (unsigned i = 0; i < HOPS_MAX + 5; i++) {
        many[i] = list[0];
        addr_set_port(&many[i].addr, (uint16_t)(1000 + i));
    }
    hops_set(&h, 0, many, HOPS_MAX + 5);
    assert_int_equal(h.n, HOPS_MAX); /* never more, and the other entry keeps its place */
    assert_non_null(hops_by_target(&h, "198.51.100.1", 0));
    hops_set(&h, 0, NULL, 0);
    hops_set(&h, 1, NULL, 0);
    assert_string_equal(turn(&h, 0, (struct hops_wish){.last_resort = true}), "");
}

static void test_names_at_one_address(void **state)
{
    struct hop list[] = {hop_at("192.0.2.1", 0, 0), hop_at("192.0.2.1", 1, 0)};
    struct hops h = {.lost_max = 1};

    (void)state;
    strcpy(list[1].name, "other.example.net");
    hops_set(&h, 0, list, 2);
    assert_int_equal(h.n, 2);
    assert_false(hops_share_tls(&h)); /* UDP: nothing is checked */
    list[0].proto = list[1].proto = SELF_TLS;
    hops_set(&h, 0, list, 2);
    assert_true(hops_share_tls(&h));
    addr_set_port(&list[1].addr, 5062);
    hops_set(&h, 0, list, 2);
    assert_false(hops_share_tls(&h));
    list[1] = list[0];
    hops_set(&h, 0, list, 2);
    assert_false(hops_share_tls(&h)); /* one name */
}

static struct addr host(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(text), 12345), 0); /* whatever port it sends from */
    return a;
}

static void test_who_may_send(void **state)
{
    const struct addr one = host("192.0.2.1"), other = host("192.0.2.2"), stranger = host("192.0.2.3");
    struct hop list[] = {hop_at("192.0.2.1", 0, 0)};
    struct hop_peers p = {.n = 0};
    struct hops h = {.lost_max = 1};

    (void)state;
    assert_false(hop_peers_may(&p, &one));
    assert_false(hop_peers_may(NULL, &one));
    hops_set(&h, 0, list, 1);
    hop_peers_set(&p, &h, 1000);
    assert_true(hop_peers_may(&p, &one));
    assert_false(hop_peers_may(&p, &stranger));
    list[0] = hop_at("192.0.2.2", 0, 0);
    hops_set(&h, 0, list, 1);
    hop_peers_set(&p, &h, 2000); /* the name moved */
    assert_true(hop_peers_may(&p, &one));
    assert_true(hop_peers_may(&p, &other));
    assert_true(hop_peers_is_old(&p));
    hop_peers_set(&p, &h, 3000); /* resolved once more: it went at 2000 */
    hop_peers_forget(&p, 1999, 2000 + HOP_PEER_MS); /* a dialog is older */
    assert_true(hop_peers_may(&p, &one));
    hop_peers_forget(&p, 2001, 1999 + HOP_PEER_MS); /* its last transaction may still be */
    assert_true(hop_peers_may(&p, &one));
    hop_peers_forget(&p, 2001, 2000 + HOP_PEER_MS); /* all are younger */
    assert_false(hop_peers_may(&p, &one));
    assert_true(hop_peers_may(&p, &other));
    assert_false(hop_peers_is_old(&p));
    hop_peers_forget(&p, MSEC_NEVER, MSEC_NEVER);
    assert_true(hop_peers_may(&p, &other)); /* a next hop stays */
}

static void test_who_may_send_is_bounded(void **state)
{
    struct hop list[HOPS_MAX];
    struct hop_peers p = {.n = 0};
    struct hops h = {.lost_max = 1};
    struct addr last, first;
    char text[32];

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < HOPS_MAX; i++) {
            snprintf(text, sizeof text, "192.0.%u.%u", round, i + 1);
            list[i] = hop_at(text, 0, 0);
        }
        hops_set(&h, 0, list, HOPS_MAX);
        hop_peers_set(&p, &h, 1000 * (round + 1));
    }
    last = host("192.0.4.32");
    first = host("192.0.0.1");
    assert_int_equal(p.n, 2 * HOPS_MAX);
    assert_true(hop_peers_may(&p, &last));
    assert_false(hop_peers_may(&p, &first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),    cmocka_unit_test(test_without_weight), cmocka_unit_test(test_order_of_failover),
        cmocka_unit_test(test_down_and_up), cmocka_unit_test(test_all_down),       cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_preferred),  cmocka_unit_test(test_resolved_again), cmocka_unit_test(test_names_at_one_address),
        cmocka_unit_test(test_who_may_send), cmocka_unit_test(test_who_may_send_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
