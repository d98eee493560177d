/* SPDX-License-Identifier: MIT */
/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes to be written: in this machine's order, nanoseconds, Ethernet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_HEAD_MAX 128
#define PCAPNG_TAIL_MAX 24

/* All return how many bytes they have written at @out, which has room for PCAPNG_HEAD_MAX. */
size_t pcapng_section(uint8_t *out);
size_t pcapng_interface(uint8_t *out, const char *name);
/* What stands before the @len bytes of a frame, and what behind them (@tail, PCAPNG_TAIL_MAX). */
size_t pcapng_packet(uint8_t *out, uint32_t interface, uint64_t time_ns, uint32_t len, bool outbound,
		     uint8_t *tail, size_t *tail_len);
