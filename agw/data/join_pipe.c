/* An ICE-TCP connection and a TCP connection: the same chunks on both. A slow side stops the other: what is not written stays in
 * the pass, what does not fit there in the pipe or in the kernel, and then at the sender. */
#include <errno.h>

#include "agw/data/data_limits.h"
#include "agw/data/join.h"
#include "agw/data/pass.h"
#include "agw/data/pipe.h"
#include "agw/data/tcp.h"
#include "common/log.h"

#define ANSWER_MAX (2 * MSRP_LINE_MAX + 256)

/* The answer goes where the source reads, unless it is in the middle of something. */
static bool refusal(struct pass *bad, const struct pass *back, struct buf *out)
{
    return pass_is_between(back) && pass_refusal(bad, out);
}

/* UEs may come again as fast as they like: a line each would be a flood. */
static void say_bad(struct env *env, bus_id id, const char *what)
{
    if (!env->bad_logged || env->now - env->bad_logged >= PIPE_LOG_MS) {
        log_warn("data", "%s=%llu msg=\"connection closed\" why=\"MSRP framing broken\"", what, (unsigned long long)id);
        env->bad_logged = env->now;
    }
    env_count(env, DATA_C_MSRP_BAD, 1);
    env_event(env, id, BUS_EV_MSRP_BAD, "MSRP framing broken");
}

static void core_lost(struct join *j)
{
    pass_source_lost(j->down);
    pass_target_lost(j->up);
    j->live = false;
}

/* What happened to either connection since the last time, before anything is written to the one of now. */
static void look(struct join *j)
{
    if (pipe_was_lost(j->pipe))
        pass_target_lost(j->down);
    if (j->live && !j->tcp->up)
        core_lost(j);
    j->live = j->tcp->up;
}

static void ue_bad(struct env *env, struct join *j)
{
    uint8_t bytes[ANSWER_MAX];
    struct buf b = buf_over(bytes, sizeof bytes);

    if (j->pipe->gate_out && refusal(j->up, j->down, &b))
        (void)pipe_write(j->pipe, b.p, b.len);
    say_bad(env, j->pipe->id, "pipe");
    pipe_drop(j->pipe);
    pass_source_lost(j->up);
    look(j);
}

static void core_bad(struct env *env, struct join *j)
{
    uint8_t bytes[ANSWER_MAX];
    struct buf b = buf_over(bytes, sizeof bytes);

    if (j->tcp->gate_out && refusal(j->down, j->up, &b))
        (void)tcp_write(j->tcp, b.p, b.len);
    say_bad(env, j->tcp->id, "tcp");
    tcp_drop(j->tcp);
    core_lost(j);
}

/* --- towards the core --- */

static bool fill_up(struct join *j)
{
    size_t room, n = 0;
    bool border;
    void *p;

    if (j->pipe->gate_in && (room = pass_room(j->up, &p))) {
        n = pipe_read(j->pipe, p, room);
        pass_got(j->up, n);
    }
    border = pipe_at_border(j->pipe);
    if (border)
        pass_source_lost(j->up);
    return n > 0 || border;
}

static bool is_open_up(const struct join *j)
{
    return j->pipe->gate_in && j->tcp->gate_out;
}

static bool empty_up(struct env *env, struct join *j)
{
    bool moved = false;
    struct sv v;
    size_t n;
    int got = 0;

    while (is_open_up(j) && (got = pass_next(j->up, &v)) == 1 && (n = tcp_write(j->tcp, v.p, v.n)) > 0) {
        moved = true;
        env_count(env, DATA_C_OCTETS_TO_CORE, (int64_t)n);
        j->tcp->stats.tx_octets += n;
        j->pipe->stats.rx_octets += n;
        if (!pass_wrote(j->up, n))
            continue;
        env_count(env, DATA_C_MSG_TO_CORE, 1);
        j->tcp->stats.tx_packets++;
        j->pipe->stats.rx_packets++;
    }
    if (got == -EPROTO)
        ue_bad(env, j);
    return moved || got == -EPROTO;
}

/* --- towards the UE --- */

static bool fill_down(struct join *j)
{
    size_t room, n = 0;
    void *p;

    if (j->tcp->gate_in && (room = pass_room(j->down, &p))) {
        n = tcp_read(j->tcp, p, room);
        pass_got(j->down, n);
    }
    return n > 0;
}

static bool empty_down(struct env *env, struct join *j)
{
    const bool open = j->tcp->gate_in && j->pipe->gate_out;
    bool moved = false;
    struct sv v;
    size_t n;
    int got = 0;

    while (open && (got = pass_next(j->down, &v)) == 1 && (n = pipe_write(j->pipe, v.p, v.n)) > 0) {
        moved = true;
        env_count(env, DATA_C_OCTETS_TO_WIC, (int64_t)n);
        j->tcp->stats.rx_octets += n;
        j->pipe->stats.tx_octets += n;
        if (!pass_wrote(j->down, n))
            continue;
        env_count(env, DATA_C_MSG_TO_WIC, 1);
        j->tcp->stats.rx_packets++;
        j->pipe->stats.tx_packets++;
    }
    if (got == -EPROTO)
        core_bad(env, j);
    return moved || got == -EPROTO;
}

/* --- both --- */

/* What came before the end is in the pass. */
static bool core_closed(struct env *env, struct join *j)
{
    bool gone;

    if (!j->tcp->up || !j->tcp->eof)
        return false;
    gone = tcp_lost(j->tcp) != 0;
    core_lost(j);
    env_event(env, j->tcp->id, gone ? BUS_EV_TCP_FAILED : BUS_EV_TCP_CLOSED, "closed by the far end");
    return true;
}

static void say_cut(bus_id id, const char *what)
{
    log_info("data", "%s=%llu msg=\"connection closed\" why=\"its partner went in the middle of a message\"", what,
             (unsigned long long)id);
}

void join_pipe_leave(struct join *j, bool pipe_stays)
{
    if (pipe_stays && j->pipe->conn && !(pass_is_between(j->down) && pass_is_empty(j->up))) {
        say_cut(j->pipe->id, "pipe");
        pipe_cut(j->pipe);
    }
    if (!pipe_stays && j->tcp->up && !(pass_is_between(j->up) && pass_is_empty(j->down))) {
        say_cut(j->tcp->id, "tcp");
        (void)tcp_lost(j->tcp);
    }
}

void join_pipe_pump(struct env *env, struct join *j)
{
    struct tcp *t = j->tcp;
    bool moved;
    struct sv v;
    void *p;

    do {
        look(j);
        moved = fill_up(j);
        moved = empty_up(env, j) || moved;
        moved = fill_down(j) || moved;
        moved = empty_down(env, j) || moved;
        moved = core_closed(env, j) || moved;
    } while (moved);
    if (t->up)
        tcp_want(t, t->gate_in && pass_room(j->down, &p) > 0, is_open_up(j) && pass_next(j->up, &v) == 1);
}
