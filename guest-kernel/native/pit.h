/* SPDX-License-Identifier: MIT */
/* The 8254 timer, for code that loads it without timer_arm(). */
#ifndef PIT_H
#define PIT_H

/* Let channel 0 interrupt once, after a number of its ticks (at most 65535). */
void pit_oneshot(unsigned count);

#endif
