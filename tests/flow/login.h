/* What a played WIC logs in with: digest (RFC 7616, MD5) and web tokens (RFC 7519, HS256). Written apart from alg/users: it is
 * the other end. Pure. One thread. */
#pragma once

#include "common/sv.h"

/* login: "NAME:PASSWORD"; challenge: value of WWW-Authenticate. The value of Authorization; -EBADMSG: no digest of MD5. */
int login_digest(char *out, size_t size, struct sv login, struct sv challenge, const char *method, const char *uri);
/* what: "SECRET JSON"; "exp": +60 in it is 60 s from now. -EINVAL */
int login_token(char *out, size_t size, struct sv what);
/* what: "SECRET NAME". The password of a TURN credential (REST API draft): base64(HMAC-SHA1(secret, name)). */
void login_turn(char *out, size_t size, struct sv what);
