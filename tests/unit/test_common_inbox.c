#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/inbox.h"

#define PRODUCERS 4
#define EACH 5000

struct msg {
    struct inbox_item item;
    int producer, number;
};

static struct msg *msg_new(int producer, int number)
{
    struct msg *m = calloc(1, sizeof *m);

    m->producer = producer;
    m->number = number;
    return m;
}

static bool readable(struct inbox *in)
{
    struct pollfd p = {.fd = inbox_fd(in), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static unsigned dropped;
static void drop(struct inbox_item *it)
{
    dropped++;
    free(it);
}

static void test_order_and_bounds(void **state)
{
    struct msg *refused = msg_new(0, 9);
    struct inbox_item *it;
    struct inbox *in;

    (void)state;
    assert_int_equal(inbox_new(&in, 2), 0);
    assert_false(readable(in));
    assert_null(inbox_take(in));
    assert_int_equal(inbox_post_data(in, &msg_new(0, 0)->item), 0);
    assert_int_equal(inbox_post_data(in, &msg_new(0, 1)->item), 0);
    assert_int_equal(inbox_post_data(in, &refused->item), -ENOBUFS);
    free(refused);
    inbox_post(in, &msg_new(0, 2)->item); /* control always passes */
    assert_true(readable(in));
    it = inbox_take(in);
    for (int i = 0; i < 3; i++) {
        struct inbox_item *next = it->next;

        assert_int_equal(((struct msg *)it)->number, i);
        free(it);
        it = next;
    }
    assert_null(it);
    assert_false(readable(in));
    inbox_post(in, &msg_new(0, 3)->item);
    assert_true(readable(in));
    dropped = 0;
    inbox_free(in, drop);
    assert_int_equal(dropped, 1);
    inbox_free(NULL, drop);
}

struct producer {
    struct inbox *in;
    int id;
};

static void *produce(void *arg)
{
    struct producer *p = arg;

    for (int i = 0; i < EACH; i++)
        inbox_post(p->in, &msg_new(p->id, i)->item);
    return NULL;
}

static void test_many_producers(void **state)
{
    struct producer producers[PRODUCERS];
    int next[PRODUCERS] = {0}, got = 0;
    pthread_t threads[PRODUCERS];
    struct inbox *in;

    (void)state;
    assert_int_equal(inbox_new(&in, 1), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){in, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (got < PRODUCERS * EACH) {
        struct pollfd p = {.fd = inbox_fd(in), .events = POLLIN};
        struct inbox_item *it, *after;

        assert_int_equal(poll(&p, 1, 10000), 1); /* a lost wake-up would end here */
        for (it = inbox_take(in); it; it = after) {
            struct msg *m = (struct msg *)it;

            after = it->next;
            assert_int_equal(m->number, next[m->producer]++);
            got++;
            free(m);
        }
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    inbox_free(in, drop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bounds),
        cmocka_unit_test(test_many_producers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
