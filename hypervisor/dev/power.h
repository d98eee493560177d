/* SPDX-License-Identifier: MIT */
/* Ending the machine. None of these returns; any context. */
#pragma once

#include "lib/types.h"

void power_init(void); /* registers what follows a panic */
void power_off(void) __noreturn;
void power_reboot(void) __noreturn;
/* The machine cannot go on, and the reason has been printed: halt. */
void power_stop(void) __noreturn;
/* Dom0 or the hypervisor crashed: reboot, or with `noreboot` halt, and say so. */
void power_crash(void) __noreturn;
