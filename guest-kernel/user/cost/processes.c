/* SPDX-License-Identifier: MIT */
/* Processes: switches between them, how they begin and end, and what they say to each other through pipes. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "cost.h"

#define BLOCK  4096
#define BLOCKS 16 /* rounds of pipe_bandwidth */

static pid_t other;
static int to_other[2], from_other[2];
static char block[BLOCK];

/* Start the other process; its pipes break when this one ends. */
static void start(void (*live)(void))
{
	REQUIRE(pipe(to_other) == 0 && pipe(from_other) == 0);
	other = fork();
	REQUIRE(other >= 0);
	if (!other) {
		close(to_other[1]);
		close(from_other[0]);
		live();
		_exit(0);
	}
	close(to_other[0]);
	close(from_other[1]);
}

static void end_other(void)
{
	close(to_other[1]);
	close(from_other[0]);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

static void yield_for_ever(void)
{
	for (;;)
		sched_yield();
}

static void start_yielding(void)
{
	start(yield_for_ever);
}

/* To the other and back. */
static void yield(unsigned rounds)
{
	while (rounds--)
		sched_yield();
}

static void echo(void)
{
	char c;

	while (read(to_other[0], &c, 1) == 1 && write(from_other[1], &c, 1) == 1)
		;
}

static void start_echo(void)
{
	start(echo);
}

static void talk(unsigned rounds)
{
	char c = 0;

	while (rounds--)
		REQUIRE(write(to_other[1], &c, 1) == 1 && read(from_other[0], &c, 1) == 1);
}

/* A byte back for each BLOCKS blocks. */
static void swallow(void)
{
	for (size_t left = BLOCK * BLOCKS;;) {
		ssize_t n = read(to_other[0], block, left < BLOCK ? left : BLOCK);

		if (n <= 0)
			return;
		left -= n;
		if (!left) {
			left = BLOCK * BLOCKS;
			REQUIRE(write(from_other[1], block, 1) == 1);
		}
	}
}

static void start_swallowing(void)
{
	start(swallow);
}

static void pour(unsigned rounds)
{
	char c;

	while (rounds--)
		REQUIRE(write(to_other[1], block, BLOCK) == BLOCK);
	REQUIRE(read(from_other[0], &c, 1) == 1);
}

static void reap(pid_t pid)
{
	int status;

	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void fork_exit(unsigned rounds)
{
	while (rounds--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		reap(pid);
	}
}

static void fork_exec(unsigned rounds)
{
	while (rounds--) {
		pid_t pid = fork();

		if (!pid) {
			execl(COST_PATH, "cost", "--nothing", NULL);
			_exit(1);
		}
		reap(pid);
	}
}

const struct workload processes[] = {
    {"process_switch", 64, 200, 2, start_yielding, NULL, yield, end_other},
    {.name = "fork_exit", .rounds = 4, .samples = 50, .run = fork_exit},
    {.name = "fork_exec", .rounds = 2, .samples = 40, .run = fork_exec},
    {"pipe_latency", 16, 200, 2, start_echo, NULL, talk, end_other},
    {"pipe_bandwidth", BLOCKS, 60, BLOCK / 1024, start_swallowing, NULL, pour, end_other},
    {0},
};
