/* AuditValue (H.248.1 7.2.5; TS 29.334 5.8.5, 5.12.3). Thread: control. */
#pragma once

#include "agw/ctl/cmd.h"

int audit_root(struct cmd_call *call); /* 0, -EBADMSG with call->fault, -ENOMEM */
int audit_term(struct cmd_call *call, const struct term *t);
