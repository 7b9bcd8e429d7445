#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/trace.h"

static char dir[64];

static void path_of(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/sub/%s", dir, name);
}

static void write_trace(void)
{
    struct addr a4, b4, a6, b6;
    char sub[96];
    struct trace *t;

    addr_parse(&a4, SV("127.0.0.1"), 2945);
    addr_parse(&b4, SV("127.0.0.2"), 2944);
    addr_parse(&a6, SV("::1"), 1);
    addr_parse(&b6, SV("2001:db8::2"), 2);
    snprintf(sub, sizeof sub, "%s/sub", dir);
    assert_int_equal(trace_open(&t, sub, "alg"), 0);
    trace_msg(t, "alg", "agw", "h248", "ADD.req \"C=$\"", SV("MEGACO/3 x\r\n"), &a4, &b4);
    trace_msg(t, "agw", "alg", "h248", "reply", SV("odd"), &b6, &a6);
    trace_msg(t, "wic", "agw", "dtls", "ClientHello", SV_NONE, NULL, NULL);
    trace_msg(t, "wic", "agw", "sctp", "raw", SV("\xff\x00"), NULL, NULL);
    trace_msg(NULL, "a", "b", "c", "d", SV_NONE, NULL, NULL);
    trace_close(t);
    trace_close(NULL);
}

static const char *text_of(json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void test_lines(void **state)
{
    json_t *lines[4];
    char path[128], text[1024];
    FILE *f;

    (void)state;
    path_of(path, sizeof path, "alg.trace");
    f = fopen(path, "r");
    assert_non_null(f);
    for (int i = 0; i < 4; i++) {
        assert_non_null(fgets(text, sizeof text, f));
        lines[i] = json_loads(text, 0, NULL);
        assert_non_null(lines[i]);
        assert_true(json_integer_value(json_object_get(lines[i], "t")) > 1500000000000000);
    }
    assert_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text_of(lines[0], "from"), "alg");
    assert_string_equal(text_of(lines[0], "to"), "agw");
    assert_string_equal(text_of(lines[0], "proto"), "h248");
    assert_string_equal(text_of(lines[0], "title"), "ADD.req \"C=$\"");
    assert_string_equal(text_of(lines[0], "body"), "MEGACO/3 x\r\n");
    assert_string_equal(text_of(lines[0], "src"), "127.0.0.1:2945");
    assert_string_equal(text_of(lines[1], "dst"), "[::1]:1");
    assert_string_equal(text_of(lines[2], "body"), "");
    assert_null(text_of(lines[2], "src"));
    assert_string_equal(text_of(lines[3], "hex"), "FF00");
    for (int i = 0; i < 4; i++)
        json_decref(lines[i]);
}

/* One's complement sum over 16-bit words: 0xffff over data that holds its own right checksum. */
static uint32_t sum_of(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void test_pcap(void **state)
{
    char path[128], err[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const u_char *p;
    pcap_t *pcap;

    (void)state;
    path_of(path, sizeof path, "alg.pcap");
    pcap = pcap_open_offline(path, err);
    assert_non_null(pcap);
    assert_int_equal(pcap_datalink(pcap), DLT_RAW);
    assert_int_equal(pcap_next_ex(pcap, &h, &p), 1);
    assert_int_equal(h->len, 20 + 8 + 12);
    assert_int_equal(p[0], 0x45);
    assert_int_equal(sum_of(0, p, 20), 0xffff);
    assert_int_equal(sum_of(17 + 8 + 12, p + 12, 8 + 8 + 12), 0xffff);
    assert_memory_equal(p + 28, "MEGACO/3 x\r\n", 12);
    assert_int_equal(p[22] << 8 | p[23], 2944);
    assert_int_equal(pcap_next_ex(pcap, &h, &p), 1);
    assert_int_equal(h->len, 40 + 8 + 3);
    assert_int_equal(p[0], 0x60);
    assert_int_equal(sum_of(17 + 8 + 3, p + 8, 32 + 8 + 3), 0xffff);
    assert_int_equal(pcap_next_ex(pcap, &h, &p), PCAP_ERROR_BREAK);
    pcap_close(pcap);
}

static void test_bad_directory(void **state)
{
    struct trace *t;

    (void)state;
    assert_int_equal(trace_open(&t, "/no/such/dir", "alg"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_pcap),
        cmocka_unit_test(test_bad_directory),
    };
    static const char *const names[] = {"alg.trace", "alg.pcap", ""};
    char path[128];
    int failed;

    snprintf(dir, sizeof dir, P_tmpdir "/openiq-trace-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    write_trace();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        path_of(path, sizeof path, names[i]);
        remove(path);
    }
    remove(dir);
    return failed;
}
