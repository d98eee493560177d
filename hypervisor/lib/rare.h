/* SPDX-License-Identifier: MIT */
/*
 * Calls on rare paths. A function that calls another one, however rarely, saves registers for that call on all of its
 * paths, since a call may lose them. A __rare function (lib/types.h) loses only its result's register. The compiler
 * makes no use of that where it is called, so the call is an assembly statement that says it. The function must be
 * external, or the compiler would not know that it is used.
 */
#pragma once

#include "lib/types.h"

#ifdef HOST_TEST
#define rare_call(fn, ...)  fn(__VA_ARGS__)
#define rare_value(fn, ...) fn(__VA_ARGS__)
#else

#define RARE_ARGS_1(a)                    "D"(a)
#define RARE_ARGS_2(a, b)                 "D"(a), "S"(b)
#define RARE_ARGS_3(a, b, c)              "D"(a), "S"(b), "d"(c)
#define RARE_ARGS_4(a, b, c, d)           "D"(a), "S"(b), "d"(c), "c"(d)
#define RARE_PICK(_1, _2, _3, _4, n, ...) RARE_ARGS_##n
#define RARE_ARGS(...)                    RARE_PICK(__VA_ARGS__, 4, 3, 2, 1)(__VA_ARGS__)

/* fn(...), one to four integers or pointers, without a result. */
#define rare_call(fn, ...)                                                                        \
	do {                                                                                      \
		(void)sizeof((fn(__VA_ARGS__), 0)); /* the arguments' types are the function's */ \
		__asm__ volatile("call " #fn : : RARE_ARGS(__VA_ARGS__) : "memory", "cc");        \
	} while (0)

/* The same with a result. */
#define rare_value(fn, ...)                                                                              \
	({                                                                                               \
		__typeof__(fn(__VA_ARGS__)) result_;                                                     \
		__asm__ volatile("call " #fn : "=a"(result_) : RARE_ARGS(__VA_ARGS__) : "memory", "cc"); \
		result_;                                                                                 \
	})
#endif
