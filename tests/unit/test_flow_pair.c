/* The name of a candidate pair: what the gateway traced, what the browser said of its half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/flow/pair.h"

static void test_names(void **state)
{
    static const char offer[] = "INVITE sip:x SIP/2.0\r\n\r\nv=0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host generation 0\r\n"
                                "a=candidate:2 1 udp 1 203.0.113.2 5001 typ srflx raddr 192.0.2.1 rport 5000\r\n"
                                "a=candidate:3 1 UDP 1 203.0.113.30 6000 typ relay raddr 0.0.0.0 rport 0\r\n"
                                "a=candidate:4 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\na=candidate:5 1 udp\r\na=candidate\r\n";
    static const struct {
        const char *title, *name; /* NULL: no pair */
    } rows[] = {
        {"pair udp 198.51.100.1:16384 192.0.2.1:5000", "udp: wic host 192.0.2.1:5000, agw host 198.51.100.1:16384"},
        {"pair udp 198.51.100.1:16384 203.0.113.2:5001", "udp: wic srflx 203.0.113.2:5001, agw host 198.51.100.1:16384"},
        {"pair udp 198.51.100.1:16384 203.0.113.30:6000", "udp: wic relay 203.0.113.30:6000, agw host 198.51.100.1:16384"},
        {"pair udp 198.51.100.1:16384 203.0.113.2:5000", "udp: wic prflx 203.0.113.2:5000, agw host 198.51.100.1:16384"},
        {"pair tcp 198.51.100.1:80 192.0.2.1:43210", "tcp: wic host 192.0.2.1:43210, agw host 198.51.100.1:80"},
        {"pair tcp 198.51.100.1:80 203.0.113.2:43210", "tcp: wic prflx 203.0.113.2:43210, agw host 198.51.100.1:80"},
        {"pair udp [2001:db8::1]:16384 [2001:db8::2]:5", "udp: wic prflx [2001:db8::2]:5, agw host [2001:db8::1]:16384"},
        {"Binding request USE-CANDIDATE", NULL}, {"pair", NULL}, {"pair udp", NULL}, {"pair udp 198.51.100.1:1 nobody", NULL},
    };
    struct retrace_msg *list = NULL, said = {.from = "wic", .to = "alg", .proto = "sip", .body = SV(offer)}, told = {.from = "agw", .to = "wic", .proto = "ice"},
                       later = {.from = "wic", .to = "alg", .proto = "sip", .body = SV("a=candidate:1 1 udp 1 203.0.113.2 5000 typ host\r\n")};
    char name[200];

    (void)state;
    DL_APPEND(list, &said);
    DL_APPEND(list, &told);
    DL_APPEND(list, &later); /* behind it: not known then */
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        told.title = sv_from(rows[i].title);
        assert_int_equal(pair_name(list, &told, name, sizeof name), rows[i].name != NULL);
        assert_string_equal(name, rows[i].name ? rows[i].name : "");
    }
    assert_false(pair_name(list, &said, name, sizeof name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
