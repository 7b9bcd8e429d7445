/* What gateways tell of media: the line of the log, sums and histograms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alg/iq/told.h"

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

static struct iq_stats stats(int64_t packets, int64_t lost, int64_t mos)
{
    return (struct iq_stats){.octets_out = {true, packets * 160}, .octets_in = {true, packets * 160}, .packets_out = {true, packets},
                             .packets_in = {true, packets}, .lost = {true, lost}, .jitter = {true, 7}, .delay = {true, 12},
                             .mos = {mos != 0, mos}};
}

static void test_streams(void **state)
{
    static struct iq_term t = {.n_streams = 3};
    static struct told told;
    char text[512] = "", metrics[8192] = "";
    struct buf line = buf_over(text, sizeof text - 1), out = buf_over(metrics, sizeof metrics - 1);

    (void)state;
    t.streams[0] = (struct iq_stream){.id = 1, .stats = stats(500, 20, 437)};
    t.streams[1] = (struct iq_stream){.id = 2, .stats = stats(300, 1250, 0)};
    t.streams[2] = (struct iq_stream){.id = 3}; /* a channel */
    told_add(&told, SV("ip/1/core/7"), &t, &line);
    t = (struct iq_term){.stats = stats(10, 0, 501)}; /* version 2 */
    told_add(&told, SV("ip/1/access/8"), &t, &line);
    t = (struct iq_term){0};
    told_add(&told, SV("ip/1/access/9"), &t, &line);
    assert_string_equal(text, "ip/1/core/7/1 in=500/80000 out=500/80000 lost=0.20% jitter=7 delay=12 mos=4.37, "
                              "ip/1/core/7/2 in=300/48000 out=300/48000 lost=12.50% jitter=7 delay=12, "
                              "ip/1/access/8/0 in=10/1600 out=10/1600 lost=0.00% jitter=7 delay=12 mos=5.01");
    told_print(&told, &out);
    has(metrics, "\nalg_media_streams_total 3\n");
    has(metrics, "\nalg_media_packets_received_total 810\n");
    has(metrics, "\n# TYPE alg_media_loss_percent histogram\nalg_media_loss_percent_bucket{le=\"0.00\"} 1\n");
    has(metrics, "\nalg_media_loss_percent_bucket{le=\"0.50\"} 2\n");
    has(metrics, "\nalg_media_loss_percent_bucket{le=\"10.00\"} 2\n");
    has(metrics, "\nalg_media_loss_percent_bucket{le=\"+Inf\"} 3\nalg_media_loss_percent_sum 12.70\nalg_media_loss_percent_count 3\n");
    has(metrics, "\nalg_media_jitter_ms_bucket{le=\"5\"} 0\nalg_media_jitter_ms_bucket{le=\"10\"} 3\n");
    has(metrics, "\nalg_media_mos_bucket{le=\"4.50\"} 1\nalg_media_mos_bucket{le=\"+Inf\"} 2\n");
}

/* What a gateway says is not believed further than it goes. */
static void test_nonsense(void **state)
{
    static struct iq_term t;
    static struct told told;
    char text[16], metrics[8192] = "";
    struct buf line = buf_over(text, sizeof text), out = buf_over(metrics, sizeof metrics - 1);

    (void)state;
    t.stats = stats(-5, -1, -7);
    told_add(&told, SV("ip/1/core/7"), &t, &line);
    assert_true(line.len <= sizeof text);
    told_print(&told, &out);
    has(metrics, "\nalg_media_packets_received_total 0\n");
    has(metrics, "\nalg_media_mos_count 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams), cmocka_unit_test(test_nonsense)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
