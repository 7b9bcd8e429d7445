/* DATA_CHANNEL_OPEN and ACK: both ways, every cut, every limit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agw/data/data_limits.h"
#include "agw/data/dcep.h"

static void test_open(void **state)
{
    /* RFC 8832 5.1: reliable, priority 256, label "chat", protocol "MSRP" */
    static const uint8_t wire[] = {3, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 4, 'c', 'h', 'a', 't', 'M', 'S', 'R', 'P'};
    uint8_t p[64];
    struct buf out = buf_over(p, sizeof p);
    struct dcep d;

    (void)state;
    assert_int_equal(dcep_get(&d, wire, sizeof wire), 0);
    assert_int_equal(d.type, DCEP_OPEN);
    assert_int_equal(d.priority, 256);
    assert_true(sv_is(d.label, "chat"));
    assert_true(sv_is(d.protocol, "MSRP"));
    dcep_put(&d, &out);
    assert_int_equal(out.len, sizeof wire);
    assert_memory_equal(p, wire, sizeof wire);
    for (size_t n = 0; n < sizeof wire; n++)
        assert_int_equal(dcep_get(&d, wire, n), -EPROTO);
}

static void test_ack(void **state)
{
    const struct dcep ack = {.type = DCEP_ACK};
    uint8_t p[4] = {0};
    struct buf out = buf_over(p, sizeof p);
    struct dcep d;

    (void)state;
    dcep_put(&ack, &out);
    assert_int_equal(out.len, 1);
    assert_int_equal(p[0], 2);
    assert_int_equal(dcep_get(&d, p, 1), 0);
    assert_int_equal(d.type, DCEP_ACK);
    assert_int_equal(dcep_get(&d, p, 2), -EPROTO);
}

static void test_bad(void **state)
{
    uint8_t p[12 + DCEP_LABEL_MAX + 1] = {3};
    struct dcep d;

    (void)state;
    assert_int_equal(dcep_get(&d, p, 12), 0);
    p[1] = 0x82;
    assert_int_equal(dcep_get(&d, p, 12), 0);
    assert_int_equal(d.channel_type, 0x82);
    p[1] = 3; /* no such channel type */
    assert_int_equal(dcep_get(&d, p, 12), -EPROTO);
    p[1] = 0;
    p[0] = 4; /* no such message */
    assert_int_equal(dcep_get(&d, p, 12), -EPROTO);
    p[0] = 3;
    p[8] = (DCEP_LABEL_MAX + 1) >> 8;
    p[9] = (DCEP_LABEL_MAX + 1) & 0xff;
    assert_int_equal(dcep_get(&d, p, sizeof p), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open), cmocka_unit_test(test_ack), cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
