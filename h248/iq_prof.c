/* The Iq profile as a table: which descriptors a command may carry (TS 29.334 5.8, table of commands). */
#include "h248/iq.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <utlist.h>

#define D(kind) (1u << H248_D_##kind)
#define UNUSED (D(MODEM) | D(MUX) | D(EVENT_BUFFER) | D(DIGITMAP)) /* TS 29.334 5.7: not in the profile */

static const struct {
    bool known; /* Move, AuditCapability: not in the profile, 443 */
    uint32_t request, reply;
} commands[] = {
    /* A reply may say more than it must (5.8.1): what the request carried, and with Subtract the
     * Statistics of the termination, or in version 3 those of its streams, which stand in Media. */
    [H248_ADD] = {true, D(MEDIA) | D(EVENTS) | D(SIGNALS), D(MEDIA) | D(EVENTS) | D(SIGNALS) | D(ERROR)},
    [H248_MODIFY] = {true, D(MEDIA) | D(EVENTS) | D(SIGNALS), D(MEDIA) | D(EVENTS) | D(SIGNALS) | D(ERROR)},
    [H248_SUBTRACT] = {true, D(AUDIT), D(MEDIA) | D(STATISTICS) | D(ERROR)},
    [H248_AUDIT_VALUE] = {true, D(AUDIT), D(MEDIA) | D(EVENTS) | D(SIGNALS) | D(OBSERVED) | D(STATISTICS) | D(PACKAGES) |
                                              D(ERROR) | D(EMPTY)},
    [H248_NOTIFY] = {true, D(OBSERVED) | D(ERROR), D(ERROR)},
    [H248_SERVICE_CHANGE] = {true, D(SERVICES), D(SERVICES) | D(ERROR)},
};

static const char *const desc_names[] = {
    [H248_D_MEDIA] = "Media", [H248_D_MODEM] = "Modem", [H248_D_MUX] = "Mux", [H248_D_EVENTS] = "Events",
    [H248_D_EVENT_BUFFER] = "EventBuffer", [H248_D_SIGNALS] = "Signals", [H248_D_DIGITMAP] = "DigitMap",
    [H248_D_AUDIT] = "Audit", [H248_D_OBSERVED] = "ObservedEvents", [H248_D_STATISTICS] = "Statistics",
    [H248_D_PACKAGES] = "Packages", [H248_D_SERVICES] = "Services", [H248_D_ERROR] = "Error", [H248_D_EMPTY] = "empty",
};

unsigned iq_prof_check(const struct h248_cmd *cmd, bool is_reply, char why[160])
{
    bool known = (size_t)cmd->verb < ARRAY_LEN(commands) && commands[cmd->verb].known;
    uint32_t may, seen = 0;
    const struct h248_desc *d;

    if (!known) {
        snprintf(why, 160, "%s is not in this profile", h248_verb_name(cmd->verb));
        return 443;
    }
    may = is_reply ? commands[cmd->verb].reply : commands[cmd->verb].request;
    DL_FOREACH(cmd->descs, d) {
        uint32_t bit = 1u << d->kind;

        if (seen & bit) {
            snprintf(why, 160, "%s twice", desc_names[d->kind]);
            return 448;
        }
        if (!(may & bit)) {
            snprintf(why, 160, "%s in %s", desc_names[d->kind], h248_verb_name(cmd->verb));
            return bit & UNUSED ? 444 : 447;
        }
        seen |= bit;
    }
    return 0;
}

int iq_refuse(struct iq_fault *fault, unsigned code, const char *fmt, ...)
{
    va_list ap;

    fault->code = code;
    va_start(ap, fmt);
    vsnprintf(fault->text, sizeof fault->text, fmt, ap);
    va_end(ap);
    for (char *p = fault->text; *p; p++) { /* a quoted string holds no quote and no control character */
        if (*p < ' ' || *p > '~')
            *p = '.';
        else if (*p == '"')
            *p = '\'';
    }
    return -EBADMSG;
}
