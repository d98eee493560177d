/* SPDX-License-Identifier: MIT */
#include "lib/tracepoint.h"

void (*tracepoint)(enum tracepoint_kind kind, uint64_t arg);
uint32_t tracepoint_page = 4096;

void tracepoint_report(enum tracepoint_kind kind, uint64_t arg)
{
	tracepoint(kind, arg);
}
