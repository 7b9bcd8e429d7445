/* What this gateway can do of the profile's packages: one table for refusals and for the Packages of an audit. To enable an
 * item is to add its row. Pure. Thread: control. */
#pragma once

#include "h248/iq.h"

/* Before iq_get: does the command ask for an item that we know and cannot do? 0; or -EBADMSG with *fault: 440 nothing of its
 * package is in the table, else 445 property, 512 event, 513 signal. Switching off what we cannot do is no request. */
int able_check(const struct h248_cmd *cmd, struct iq_fault *fault);
bool able_has(const char *package); /* a row of it stands in the table: an audit names it */
