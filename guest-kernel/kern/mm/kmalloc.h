/* SPDX-License-Identifier: MIT */
/* Memory for the kernel's own objects. */
#ifndef KERN_MM_KMALLOC_H
#define KERN_MM_KMALLOC_H

#include "kern/lib/types.h"

void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *p);
char *kstrdup(const char *s);

#endif
