/* SPDX-License-Identifier: MIT */
/* Included before every file (hypervisor/build.mk): no symbol leaves the image, so the compiler may reach
 * each one RIP-relatively, without a global offset table. */
#pragma once
#pragma GCC visibility push(hidden)
