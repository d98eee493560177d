/* SPDX-License-Identifier: MIT */
/* Ending the machine. None of these returns; any context. */
#pragma once

#include "lib/types.h"

void power_init(void); /* registers what follows a panic */
void power_off(void) __noreturn;
void power_reboot(void) __noreturn;
/* The machine is not fit to go on, which has been said: halt. */
void power_stop(void) __noreturn;
/* Dom0 crashed or we did: reboot after a moment, or with `noreboot` halt and say so. */
void power_crash(void) __noreturn;
