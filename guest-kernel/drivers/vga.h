/* SPDX-License-Identifier: MIT */
/* The VGA text screen, output only. Native kernels only. */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

void vga_init(void);
void vga_put(char c);

#endif
