/* SPDX-License-Identifier: MIT */
/*
 * Consoles: output of printk to the devices of `console=`, input of the serial line for Dom0. Input is
 * gathered by interrupt into a ring; console_work() (exit path, PENDING_DEBUG) reports it.
 */
#pragma once

#include "lib/types.h"

void console_init(void);     /* outputs, from the command line; before the first printk */
void console_rx_start(void); /* input by interrupt; after the I/O APIC */
int console_getc(void);      /* next character typed, or -1 */
/* Called outside interrupts when input came: Dom0's VIRQ_CONSOLE. */
void console_set_notify(void (*fn)(void));
void console_work(void);

/* Debug keys: `rl debug-keys` or, after ^A three times, the serial line itself. */
void debug_key(char key);
void debug_key_register(char key, const char *what, void (*fn)(void));
