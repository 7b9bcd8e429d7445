/* RFC 7983: every first octet has its protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agw/media/demux.h"

static void every_octet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        const uint8_t octet = (uint8_t)i;
        enum demux_kind want = DEMUX_JUNK;

        if (i <= 3)
            want = DEMUX_STUN;
        else if (i >= 20 && i <= 63) /* 0x20..0x3f: DTLS 1.3 */
            want = DEMUX_DTLS;
        else if (i >= 128 && i <= 191)
            want = DEMUX_MEDIA;
        assert_int_equal(demux(&octet, 1), want);
    }
    assert_int_equal(demux(NULL, 0), DEMUX_JUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_octet)};

    return cmocka_run_group_tests_name("agw/media/demux", tests, NULL, NULL);
}
