/* SPDX-License-Identifier: MIT */
/* Port instructions. In Dom0's kernel each one traps, and the hypervisor does what its virtual IOPL and its ports allow. */
#ifndef X86_PORTS_H
#define X86_PORTS_H

#include "kern/lib/types.h"

#define PORT_ACCESS(letter, type)                                                    \
	static inline void out##letter(uint16_t port, type value)                    \
	{                                                                            \
		__asm__ volatile("out" #letter " %0, %1" ::"a"(value), "Nd"(port));  \
	}                                                                            \
	static inline type in##letter(uint16_t port)                                 \
	{                                                                            \
		type value;                                                          \
                                                                                     \
		__asm__ volatile("in" #letter " %1, %0" : "=a"(value) : "Nd"(port)); \
		return value;                                                        \
	}

PORT_ACCESS(b, uint8_t)
PORT_ACCESS(w, uint16_t)
PORT_ACCESS(l, uint32_t)

#endif
