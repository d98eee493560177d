/* SPDX-License-Identifier: MIT */
/* The console of an unprivileged domain: two rings of bytes in a page shared with Dom0's console daemon. */
#ifndef DRIVERS_CONSOLE_RING_H
#define DRIVERS_CONSOLE_RING_H

#include "kern/lib/types.h"

void console_ring_init(void *page, unsigned event_port);
bool console_ring_present(void);
/* Waits for room as long as the other side makes progress now and then. Interrupts off. After the last piece of a text,
 * call console_ring_tell(). */
void console_ring_write(const char *text, size_t len);
void console_ring_tell(void);
void console_ring_start_input(void); /* from now on, received characters go to console_input() */

#endif
