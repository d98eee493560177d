/* SPDX-License-Identifier: MIT */
/* pv32's layout of the structures that are too big or too odd for the tables of xlat.h. */
#pragma once

#include "lib/types.h"

struct callback;
struct vcpu;
struct vcpu_guest_context;

/* @c: zeroed; @compat: COMPAT_SIZEOF_vcpu_guest_context bytes. Callbacks have selectors, which the native form lacks. */
void pv32_context_in(struct vcpu_guest_context *c, const void *compat);
void pv32_context_out(void *compat, const struct vcpu_guest_context *c, const struct vcpu *v);
void pv32_callbacks_in(struct vcpu *v, const void *compat);
/* struct callback_register */
void pv32_callback_in(const void *compat, uint16_t *type, struct callback *cb);
