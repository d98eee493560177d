/* SPDX-License-Identifier: MIT */
/* The PC that a domain with an unmodified kernel has, as far as its builder must describe it to that kernel. */
#pragma once

/* The I/O port of its PM1a control register, by which it switches itself off; its FADT, which the builder writes, says so. */
#define RINGLET_PC_PM1A_PORT 0x604
