/* SPDX-License-Identifier: MIT */
/* Time and waiting for events, for tests of timers. */
#pragma once

#include "fw.h"

uint64_t system_time(void); /* ns, by vcpu_time_info */
unsigned bind_timer(void);  /* port of VIRQ_TIMER, the periodic timer stopped */
/* Give the processor up, with nothing to wake for on this port: for longer and longer, since short times may be over
 * before sleep begins. */
void nap(unsigned port);
/* Block until the port is pending (and take it) or system time passes @until. */
bool wait_for_port(unsigned port, uint64_t until);
