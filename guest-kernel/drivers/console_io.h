/* SPDX-License-Identifier: MIT */
/* Dom0's console input: what is typed at the hypervisor's own console. */
#ifndef DRIVERS_CONSOLE_IO_H
#define DRIVERS_CONSOLE_IO_H

void console_io_start_input(void); /* from now on, received characters go to console_input() */

#endif
