/* ICE-TCP on loopback: whose a connection is, frames of all kinds and in all pieces, what is closed and what that counts, rivals,
 * a connection that breaks and comes back, readers that are slow. */
#include "tests/unit/tcp_rig.h"

static void relays(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true);
    uint8_t p[512];

    say_frame(fd, p, rtp(p, 1));
    phone_hears(f, 1);
    phone_says(f, 100);
    hears_rtp(fd, 100);
    comes_to(of_worker(f, WORKER_C_LEGS), 1);
    close(fd);
    comes_to(of_worker(f, WORKER_C_LEGS), 0);
    comes_to(of_worker(f, WORKER_C_LEG_CLOSED), 1);
    comes_to(of_door(f, DOOR_C_LET_IN), 1);
}

/* An empty frame first, the check octet by octet; then three packets in one piece, an empty frame among them; then cut in the
 * middle. */
static void pieces(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(&f->plain);
    uint8_t p[2048], one[512];
    size_t n = framed(p, one, 0);

    n += framed(p + n, one, check(f, "wicufrag", PWD, true, one));
    for (size_t i = 0; i < n; i++)
        say(fd, p + i, 1);
    answered(fd);
    n = framed(p, one, rtp(one, 1));
    n += framed(p + n, one, 0);
    n += framed(p + n, one, rtp(one, 2));
    n += framed(p + n, one, rtp(one, 3));
    say(fd, p, n - 100);
    phone_hears(f, 1);
    phone_hears(f, 2);
    say(fd, p + n - 100, 100);
    phone_hears(f, 3);
    close(fd);
}

static void refused(struct fixture *f, const struct addr *to, const void *p, size_t n, const count_t *why)
{
    const int64_t was = count_get(why);
    const int fd = dial(to);

    say(fd, p, n);
    assert_true(is_closed(fd));
    comes_to(why, was + 1);
    close(fd);
    (void)f;
}

static void strangers(void **state)
{
    struct fixture *f = *state;
    const int good = comes_in(f, true);
    uint8_t p[2048], one[2048] = {0};
    size_t n = framed(p, one, check(f, "nobodyyy", PWD, true, one));

    refused(f, &f->plain, p, n, of_door(f, DOOR_C_UNKNOWN));
    n = framed(p, one, check(f, "wicufrag", "notthepasswordofthegateway", true, one));
    refused(f, &f->plain, p, n, of_worker(f, WORKER_C_LEG_BAD));
    n = framed(p, one, check(f, "wicufrag", PWD, true, one));
    refused(f, &f->other, p, n, of_door(f, DOOR_C_UNKNOWN)); /* of another realm */
    n = framed(p, one, rtp(one, 1));
    refused(f, &f->plain, p, n, of_door(f, DOOR_C_NOT_STUN));
    refused(f, &f->plain, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, of_door(f, DOOR_C_OVERSIZED)); /* TLS */
    memset(p, 0, sizeof(p));
    p[0] = 0x07; /* longer than any check, shorter than the longest frame */
    refused(f, &f->plain, p, sizeof(p), of_door(f, DOOR_C_NOT_STUN));
    memset(p, 0, 36); /* empty frames */
    refused(f, &f->plain, p, 36, of_door(f, DOOR_C_NOT_STUN));
    phone_says(f, 7); /* nobody else is disturbed */
    hears_rtp(good, 7);
    close(good);
}

static int setup_hasty(void **state)
{
    return setup_with(state, 300);
}

static void silent_ones(void **state)
{
    struct fixture *f = *state;
    const int quiet = dial(&f->plain), slow = dial(&f->plain);
    uint8_t p[512], one[512];
    const size_t n = framed(p, one, check(f, "wicufrag", PWD, true, one));

    say(slow, p, n - 1);
    assert_true(is_closed(quiet));
    assert_true(is_closed(slow));
    comes_to(of_door(f, DOOR_C_LATE), 2);
    close(quiet);
    close(slow);
}

static void crowd(void **state)
{
    struct fixture *f = *state;
    int fd[5];

    for (unsigned i = 0; i < 5; i++)
        fd[i] = dial(&f->plain);
    assert_true(is_closed(fd[0])); /* the oldest made room */
    comes_to(of_door(f, DOOR_C_CROWDED), 1);
    for (unsigned i = 0; i < 5; i++)
        close(fd[i]);
}

static void too_long(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true), other = comes_in(f, false);
    const uint8_t head[FRAME_HEAD] = {0x08, 0x01}; /* 2049 */
    uint8_t p[512];

    say(fd, head, sizeof(head));
    assert_true(is_closed(fd));
    comes_to(of_worker(f, WORKER_C_LEG_OVERSIZED), 1);
    say_frame(other, p, rtp(p, 4));
    phone_hears(f, 4);
    close(fd);
    close(other);
}

/* The one nominated last has the media; its rival stays, and has them when that is over: what a browser keeps for worse times. */
static void rivals(void **state)
{
    struct fixture *f = *state;
    const int first = comes_in(f, true), second = comes_in(f, false);
    struct pollfd end = {.fd = first, .events = POLLIN};
    uint8_t p[512];

    phone_says(f, 1);
    hears_rtp(first, 1);
    say_frame(second, p, check(f, "wicufrag", PWD, true, p));
    answered(second);
    phone_says(f, 2);
    hears_rtp(second, 2);
    say_frame(first, p, rtp(p, 9)); /* what is still under way counts */
    phone_hears(f, 9);
    assert_int_equal(poll(&end, 1, 3500), 0); /* the 3 s of RFC 8445 8.3 are for candidates, which others share here */
    phone_says(f, 3);
    hears_rtp(second, 3);
    say_frame(first, p, check(f, "wicufrag", PWD, true, p));
    answered(first);
    phone_says(f, 4);
    hears_rtp(first, 4);
    close(first);
    close(second);
}

/* The selected connection breaks; the browser comes back with the same ufrag and no nomination. */
static void comes_back(void **state)
{
    struct fixture *f = *state;
    int fd = comes_in(f, true);

    phone_says(f, 1);
    hears_rtp(fd, 1);
    close(fd);
    comes_to(of_worker(f, WORKER_C_LEGS), 0);
    phone_says(f, 2); /* nowhere to go */
    comes_to(&f->counts[0].gated, 1);
    fd = comes_in(f, false);
    phone_says(f, 3);
    hears_rtp(fd, 3);
    close(fd);
}

static void many(void **state)
{
    struct fixture *f = *state;
    int fd[MEDIA_LEGS + 1];
    uint8_t p[512];

    for (unsigned i = 0; i < MEDIA_LEGS; i++)
        fd[i] = comes_in(f, false);
    fd[MEDIA_LEGS] = dial(&f->plain);
    say_frame(fd[MEDIA_LEGS], p, check(f, "wicufrag", PWD, false, p));
    assert_true(is_closed(fd[MEDIA_LEGS]));
    for (unsigned i = 0; i <= MEDIA_LEGS; i++)
        close(fd[i]);
}

static void forget(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.id = WIC;
}

static void ends(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true);
    uint8_t p[512], one[512];
    size_t n;

    post(door_inbox(f->door), BUS_DOOR_FORGET, forget, f);
    post(f->inboxes[0], BUS_SEP_CLOSE, forget, f);
    assert_true(is_closed(fd));
    n = framed(p, one, check(f, "wicufrag", PWD, true, one));
    refused(f, &f->plain, p, n, of_door(f, DOOR_C_UNKNOWN));
    close(fd);
}

/* RTP to somebody who does not read: it is dropped, the connection stays, and others hear theirs. */
static void slow_reader(void **state)
{
    struct fixture *f = *state;
    const int small = 4096;
    const int fd = dial(&f->plain);
    uint8_t p[512];
    uint16_t seq = 0;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    say_frame(fd, p, check(f, "wicufrag", PWD, true, p));
    answered(fd);
    while (count_get(of_worker(f, WORKER_C_LEG_DROPPED)) == 0 && seq < 60000) {
        phone_says(f, seq++);
        if (seq % 50 == 0) /* the phone's own socket must not lose them */
            poll(NULL, 0, 1);
    }
    assert_true(count_get(of_worker(f, WORKER_C_LEG_DROPPED)) > 0);
    assert_int_equal(count_get(of_worker(f, WORKER_C_LEGS)), 1);
    say_frame(fd, p, rtp(p, 9)); /* it still speaks */
    phone_hears(f, 9);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(relays),
        RIG(pieces),
        RIG(strangers),
        cmocka_unit_test_setup_teardown(silent_ones, setup_hasty, teardown),
        RIG(crowd),
        RIG(too_long),
        RIG(rivals),
        RIG(comes_back),
        RIG(many),
        RIG(ends),
        RIG(slow_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
