/* SPDX-License-Identifier: MIT */
/* The 8254 timer, for those who load it past timer_arm(). */
#ifndef PIT_H
#define PIT_H

/* Let channel 0 interrupt once, after so many of its ticks (at most 65535). */
void pit_oneshot(unsigned count);

#endif
