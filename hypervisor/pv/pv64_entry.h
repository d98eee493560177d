/* SPDX-License-Identifier: MIT */
/* pv64: entry and return, for pv64_kind (guest/kind.h says what each does). */
#pragma once

#include "guest/abi.h"

struct callback;

extern const struct guest_abi pv64_abi;

bool pv64_in_kernel(const struct vcpu *v);
void pv64_enter(struct vcpu *v, const struct callback *to, unsigned n);
void pv64_set_cr2(struct vcpu *v, gva_t address);
void pv64_page_fault(struct vcpu *v, gva_t address, uint32_t error);
gva_t pv64_get_cr2(const struct vcpu *v);
long pv64_iret(struct vcpu *v);
int pv64_multicall(struct vcpu *v, gva_t *list, uint32_t *left);
void pv64_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide);
unsigned pv64_hypercall_split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide);
void pv64_hypercall_rewind(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n);
void pv64_fill_hypercall_page(void *page);
