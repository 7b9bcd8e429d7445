/* What the SDP parser and the typed attributes share. Pure. Only for common/sdp*.c. */
#pragma once

#include "common/sdp.h"

/* "name:value" or "name" into at. Some attributes are drawn in 3GPP charts with another separator
 * ("setup=actpass", "path;x", "sctp-port 5000"): read as meant, never written so. -EINVAL: no name. */
int sdp_attr_split(struct sv text, struct sdp_attr *at);
/* As sdp_attr_find and sdp_attr_next, with a view for the name. */
const struct sdp_attr *sdp_attr_find_sv(const struct sdp_attr *list, struct sv name);
