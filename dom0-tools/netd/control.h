/* SPDX-License-Identifier: MIT */
/*
 * What rl asks of the running rl-netd, in lines (ctl.h); answers are files below <run_dir>/netd, which are there, whole, or not:
 *
 *	tell FILE QUESTION...              answer.h
 *	reload FILE                        read /etc/rl/switch.cfg again
 *	capture FILE PID BYTES WHAT PATH   begin a capture for a process
 *	uncapture FILE PID                 end it
 *
 * An answer's first character is '+' or '-': it was done, or the text says why not.
 */
#pragma once

#include <stdbool.h>

/* To be polled. -1 and a report. */
int control_open(void);
/* True: captures have begun or ended. */
bool control_hear(int fd);
/* Now and then, while there are captures: false, there are none. */
bool control_tend(void);
