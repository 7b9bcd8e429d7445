/* A real worker thread with the inboxes of those around it, for tests on loopback. Functions in a header because each unit test
 * is one program. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agw/ctl/cert.h"
#include "agw/media/worker.h"
#include "tests/fake/check.h"

#define PWD "gatewaypasswordgateway00"

struct worker_rig {
    struct cert *cert;
    struct inbox *ctl, *data; /* what control and the data thread would read */
    struct worker *worker;
    struct stun_mac *mac;
};

/* conf: what is particular to the test; the rest is filled in. What worker_new says. */
static inline int worker_rig_up(struct worker_rig *r, struct worker_conf conf)
{
    assert_int_equal(cert_new(&r->cert, "agw"), 0);
    assert_int_equal(inbox_new(&r->ctl, 1000), 0);
    assert_int_equal(inbox_new(&r->data, 1000), 0);
    assert_int_equal(stun_mac_new(&r->mac), 0);
    conf.ice_timeout_ms = 30000;
    conf.dtls_timeout_ms = 20000;
    conf.ctl = r->ctl;
    conf.data = r->data;
    conf.cert_der = r->cert->der;
    conf.cert_len = r->cert->der_len;
    conf.key_der = r->cert->key;
    conf.key_len = r->cert->key_len;
    return worker_new(&r->worker, &conf);
}

static inline void worker_rig_down(struct worker_rig *r)
{
    worker_free(r->worker);
    inbox_free(r->ctl, bus_drop);
    inbox_free(r->data, bus_drop);
    stun_mac_free(r->mac);
    cert_free(r->cert);
}
