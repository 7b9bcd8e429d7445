/* The played WIC as an IMS UE of TS 33.203 W.3: MSRP over ICE-TCP, with no data channel (tests/fake/ice_tcp under the MSRP of
 * tests/lab/far_msrp). */
#include <stdio.h>

#include "tests/flow/play.h"

static void on_up(void *arg)
{
    struct play *p = arg;

    p->ue.up = true;
}

static void on_message(void *arg, struct sv ctype, struct sv body)
{
    struct play *p = arg;

    (void)ctype;
    play_queue(p, "agw", "wic", "msrp", body, NULL)->stream = -1;
}

int ue_msrp_open(struct play *p)
{
    const struct ice_tcp_h ih = {.up = on_up, .arg = p};
    const struct far_msrp_h mh = {.message = on_message, .arg = p};
    int err = ice_tcp_new(&p->ue.ice, &p->loop, "127.0.0.1", &ih);

    return err ? err : far_msrp_new(&p->ue.far, &p->loop, "127.0.0.1", &mh);
}

void ue_msrp_close(struct play *p)
{
    far_msrp_free(p->ue.far);
    ice_tcp_free(p->ue.ice);
    p->ue.far = NULL;
    p->ue.ice = NULL;
}

bool ue_msrp_ice(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char addr[128], ufrag[ICE_TCP_TEXT], pwd[ICE_TCP_TEXT], mine[ICE_TCP_TEXT], path[512];
    const struct media_arg args[] = {MEDIA_ARG(addr), MEDIA_ARG(ufrag), MEDIA_ARG(pwd), MEDIA_ARG(mine), MEDIA_ARG(path), {0}};
    struct addr remote, local;

    if (!media_args(p, s, args, why, size))
        return false;
    if (addr_parse_hostport(&remote, sv_from(addr), 0)) {
        snprintf(why, size, "addr=%s is none", addr);
        return false;
    }
    p->ue.up = false;
    ice_tcp_peer(p->ue.ice, &remote, ufrag, pwd, mine);
    ice_tcp_local(p->ue.ice, &local);
    return !far_msrp_start(p->ue.far, true, &local, path);
}

bool ue_msrp_send(struct play *p, const struct chart_step *s, struct sv text)
{
    struct sv args = s->args;

    if (!text.n && sv_is(sv_word(&args), "close")) {
        far_msrp_drop(p->ue.far);
        return true;
    }
    return !far_msrp_send(p->ue.far, "text/plain", text.p, text.n, 0);
}
