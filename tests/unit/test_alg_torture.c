/* The messages of RFC 4475 and RFC 5118 as text: what alg itself reads of them, on either side, before Sofia's parser. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alg/sip/frame.h"

#define DIR_NAME "tests/data/torture"

static char text[8192], room[9000], back[9000];

static size_t load(const char *name)
{
    char path[256];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, DIR_NAME "/%s", name);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    return n;
}

static const char *mended(const char *s)
{
    size_t n = strlen(s);

    memcpy(text, s, n + 1);
    return frame_mend(text, n);
}

static void test_all(void **state)
{
    DIR *d = opendir(DIR_NAME);
    struct dirent *e;
    unsigned seen = 0;

    (void)state;
    assert_non_null(d);
    while ((e = readdir(d))) {
        size_t n = strstr(e->d_name, ".sip") ? load(e->d_name) : 0;
        struct buf out = buf_over(room, sizeof room), again = buf_over(back, sizeof back);
        struct frame_info info;

        if (!n)
            continue;
        seen++;
        if (!frame_in((struct sv){text, n}, &info, &out)) {
            assert_null(info.why);
            frame_mend(room, out.len);
            assert_int_equal(frame_length(buf_sv(&out)), out.len);
            assert_int_equal(frame_out(buf_sv(&out), "WS", &again), 0);
        } else {
            assert_non_null(info.why);
            assert_true(info.status == 400 || info.status == 505);
            frame_reply((struct sv){text, n}, info.status, "x", &again);
        }
        frame_mend(text, n); /* as the core sends it */
    }
    closedir(d);
    assert_int_equal(seen, 61);
}

static void test_mend(void **state)
{
    size_t n = load("intmeth.sip");

    (void)state;
    assert_null(frame_mend(text, n));
    assert_null(memchr(text, 0, n));
    assert_non_null(memmem(text, n, "!interesting-Method0123456789_*().%indeed'~ sip:", 48));
    assert_non_null(memmem(text, n, "CSeq: 139122385 !interesting-Method0123456789_*().%indeed'~\r\n", 61));
    *strchr(text, ' ') = 0;
    frame_unmend(text);
    assert_string_equal(text, "!interesting-Method0123456789_*+`.%indeed'~");

    n = load("badinv01.sip");
    assert_string_equal(frame_mend(text, n), "an empty parameter in Via");
    assert_non_null(memmem(text, n, "Via: SIP/2.0/UDP 192.0.2.15      \r\nContact", 42));

    n = load("badvers.sip");
    assert_null(frame_mend(text, n)); /* 505, not 400 */
    assert_non_null(memmem(text, n, "Via:     SIP/2.0/UDP c.example.com", 34));
}

static void test_mend_cases(void **state)
{
    static const struct {
        const char *in, *why, *out;
    } rows[] = {
        {"OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/UDP a;x=\";;\";b\r\n\r\n;;", NULL,
         "OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/UDP a;x=\";;\";b\r\n\r\n;;"},
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a;b;\r\n ;c\r\n\r\n", "an empty parameter in Via",
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a   \r\n   \r\n\r\n"},
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b;;\r\n\r\n", NULL,
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b;;\r\n\r\n"}, /* Sofia sees to the others */
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/3.0/UDP a\r\n\r\n", "a Via of another version",
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"},
        {"OPTIONS sip:h SIP/10.0\r\nVia: SIP/10.0/UDP a\r\n\r\n", NULL,
         "OPTIONS sip:h SIP/10.0\r\nVia: SIP/ 2.0/UDP a\r\n\r\n"},
        {"A+B sip:h SIP/2.0\r\nCSeq: 1\r\n  A+B\r\nX: A+B\r\n\r\nA+B", NULL,
         "A(B sip:h SIP/2.0\r\nCSeq: 1\r\n  A(B\r\nX: A+B\r\n\r\nA+B"},
        {"A(B sip:h SIP/2.0\r\n\r\n", "bad method", "A(B sip:h SIP/2.0\r\n\r\n"},
        {"SIP/2.0 200 A+B\r\nCSeq: 1 A+B\r\n\r\n", NULL, "SIP/2.0 200 A+B\r\nCSeq: 1 A+B\r\n\r\n"},
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n", "no Content-Length on a stream",
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"},
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nl: 0\r\n\r\n", NULL,
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nl: 0\r\n\r\n"},
        {"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nX: y\r\n", NULL,
         "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nX: y\r\n"}, /* more may come */
        {"", "bad method", ""},
        {"OPTIONS", NULL, "OPTIONS"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = mended(rows[i].in);

        if (rows[i].why)
            assert_string_equal(why ? why : "nothing", rows[i].why);
        else
            assert_null(why);
        assert_string_equal(text, rows[i].out);
    }
}

static void test_nul(void **state)
{
    static const char in[] = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nTo: \"x\\\0y\" <sip:a@b>\r\n\r\n";
    static const char bare[] = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nTo: \"x\0\\y\" <sip:a@b>\r\n\r\n";
    struct buf out = buf_over(room, sizeof room);
    struct frame_info info;

    (void)state;
    assert_int_equal(frame_in((struct sv){in, sizeof in - 1}, &info, &out), 0);
    assert_null(frame_mend(room, out.len));
    assert_null(memchr(room, 0, out.len));
    out = buf_over(room, sizeof room);
    assert_int_equal(frame_in((struct sv){bare, sizeof bare - 1}, &info, &out), -EBADMSG);
    memcpy(text, bare, sizeof bare);
    assert_string_equal(frame_mend(text, sizeof bare - 1), "NUL in a header");
    assert_null(memchr(text, 0, sizeof bare - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_mend), cmocka_unit_test(test_mend_cases),
                                       cmocka_unit_test(test_nul)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
