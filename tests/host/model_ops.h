/* SPDX-License-Identifier: MIT */
/* What the guest of test_model.c and another domain do at random, and what the model has to say of each. */
#pragma once

#include "frame_model.h"

#define OTHERS 4 /* frames of the other domain; the first is its L1 table */
#define ROOTS  2

extern struct domain *other;
extern struct page_info *foreign_frame[OTHERS];
extern int root[ROOTS]; /* frame that a vCPU runs on, or -1 */
extern uint64_t random_state;
/* Where decisions come from, a number below @n each; at first a sequence from random_state. */
extern uint32_t (*model_random)(uint32_t n);

/* A guest of the kind with all its frames, and the other domain; and their end, after which nothing is left. */
void model_begin(const struct guest_kind *kind);
void model_end(void);

/* One random operation, with the model to choose by. */
void model_step(void);
