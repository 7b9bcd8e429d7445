/* The parts of ICE-TCP alone: frames, the names at the door, the queue of a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "agw/media/door_names.h"
#include "agw/media/leg.h"

/* Two ends of a connection; returns ours, whose buffer is small. */
static int connection(int *other)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    struct addr at;
    int lfd;

    assert_int_equal(addr_parse(&at, SV("127.0.0.1"), 0), 0);
    lfd = net_tcp_listen(&at, 1);
    assert_true(fd >= 0 && lfd >= 0);
    assert_int_equal(connect(fd, &at.u.sa, addr_len(&at)), 0);
    *other = accept(lfd, NULL, NULL);
    assert_true(*other >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    close(lfd);
    return fd;
}

static void frames(void **state)
{
    const uint8_t p[] = {0, 3, 'a', 'b', 'c', 0, 0, 0x10};

    (void)state;
    assert_int_equal(frame_first(p, 0, 100), 0);
    assert_int_equal(frame_first(p, 1, 100), 0);
    assert_int_equal(frame_first(p, 4, 100), 0);
    assert_int_equal(frame_first(p, 5, 100), 5);
    assert_int_equal(frame_first(p, 8, 2), -EMSGSIZE);
    assert_int_equal(frame_first(p + 5, 3, 100), FRAME_HEAD);
    assert_int_equal(frame_first(p + 6, 2, 15), -EMSGSIZE);
    assert_int_equal(frame_first(p + 6, 2, 16), 0);
}

static void ufrags(void **state)
{
    struct bus_door one = {.id = 1, .worker = 3, .ufrag = "first"}, two = {.id = 2, .realm = 1, .ufrag = "other"};
    struct names *n;

    (void)state;
    assert_int_equal(names_new(&n), 0);
    assert_int_equal(names_set(n, &one), 0);
    assert_int_equal(names_set(n, &two), 0);
    assert_int_equal(names_find(n, SV("first"), 0)->worker, 3);
    assert_null(names_find(n, SV("first"), 1));
    assert_null(names_find(n, SV("firs"), 0));
    assert_null(names_find(n, SV("a ufrag that is longer than any of ours"), 0));
    strcpy(one.ufrag, "second"); /* ICE restarts: the last two before count, too */
    assert_int_equal(names_set(n, &one), 0);
    assert_non_null(names_find(n, SV("first"), 0));
    assert_non_null(names_find(n, SV("second"), 0));
    strcpy(one.ufrag, "third");
    assert_int_equal(names_set(n, &one), 0);
    assert_non_null(names_find(n, SV("first"), 0));
    strcpy(one.ufrag, "fourth");
    assert_int_equal(names_set(n, &one), 0);
    assert_null(names_find(n, SV("first"), 0));
    assert_non_null(names_find(n, SV("second"), 0));
    assert_non_null(names_find(n, SV("third"), 0));
    strcpy(one.ufrag, "other");
    assert_int_equal(names_set(n, &one), -EEXIST);
    names_forget(n, 1);
    names_forget(n, 1);
    assert_null(names_find(n, SV("third"), 0));
    assert_int_equal(names_find(n, SV("other"), 1)->id, 2);
    names_free(n);
}

/* Of a full queue RTP goes, DTLS never: then it is the connection's end. */
static void queue(void **state)
{
    static uint8_t big[2000];
    const struct addr at = {0};
    int other, fd = connection(&other);
    struct leg *l;
    unsigned dtls = 0;
    int err = 0;

    (void)state;
    assert_int_equal(leg_new(&l, fd, &at, &at, 1000), 0);
    while (!l->queue) /* what the kernel takes */
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    while (!l->dropped)
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    assert_true(l->queued <= MEDIA_LEG_QUEUE);
    while (!err && ++dtls < 1000)
        err = leg_write(l, big, sizeof(big), false, 1000);
    assert_int_equal(err, -ENOSPC);
    assert_true(dtls > MEDIA_LEG_QUEUE / 2100); /* every RTP made room before */
    assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), -ENOBUFS);
    while (l->queue) {
        static uint8_t sink[65536];

        assert_int_equal(leg_flush(l, 2000), 0);
        (void)recv(other, sink, sizeof(sink), MSG_DONTWAIT);
    }
    assert_int_equal(l->moved, 2000);
    leg_free(l);
    close(other);
}

static void late_rtp(void **state)
{
    static uint8_t big[1000];
    const struct addr at = {0};
    int other, fd = connection(&other);
    struct leg *l;

    (void)state;
    assert_int_equal(leg_new(&l, fd, &at, &at, 1000), 0);
    while (l->queued < 5000)
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    assert_int_equal(leg_write(l, big, sizeof(big), true, 1000 + MEDIA_LEG_LATE_MS), 0);
    assert_true(l->dropped >= 4);
    assert_true(l->queued < 3100); /* the one under way, and the new one */
    leg_free(l);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(ufrags),
        cmocka_unit_test(queue),
        cmocka_unit_test(late_rtp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
