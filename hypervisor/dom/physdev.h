/* SPDX-License-Identifier: MIT */
/* The part of hypercall 33, physdev_op, that is Dom0's: operations by number (dom/physdev_driver.c). */
#pragma once

#include "mm/sub_op.h"
#include "xen/physdev.h"

#define PHYSDEV_DRIVER_OPS (PHYSDEVOP_release_msix + 1)
extern const struct sub_op physdev_driver_ops[PHYSDEV_DRIVER_OPS];
