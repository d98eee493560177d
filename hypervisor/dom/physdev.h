/* SPDX-License-Identifier: MIT */
/* Parts of hypercall 33, physdev_op; @cmd is one of theirs. */
#pragma once

#include "lib/types.h"

long physdev_irq_op(uint32_t cmd, gva_t arg);    /* physdev_irq.c: who is told of an interrupt answers it */
long physdev_driver_op(uint32_t cmd, gva_t arg); /* physdev_driver.c: Dom0's. -ENOSYS */
