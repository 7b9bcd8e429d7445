/* The floor under a call's DTLS: the server's half of a bare OpenSSL handshake in memory, as a call needs it (DTLS 1.2,
 * ECDSA P-256 on both sides, use_srtp, any certificate, the connection stays open until all are done), no sockets, no ICE. */
#pragma once

/* Mean of n of them, CPU µs of the server; 0: it failed. */
double handshake_server_us(unsigned n);
