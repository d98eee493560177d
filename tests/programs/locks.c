/* SPDX-License-Identifier: MIT */
/*
 * Locks on files keep others out: fcntl's by process and range, with waiting, an answer to deadlocks and an end with
 * the first close; by open file (F_OFD_*); and flock's.
 */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/time.h>

#define FILE_NAME "/tmp/locked"

static int file;

static void open_file(void)
{
	file = open(FILE_NAME, O_RDWR | O_CREAT, 0644);
	CHECK(file >= 0 && ftruncate(file, 1000) == 0);
}

static struct flock range(int type, long start, long len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static int lock(int fd, int command, int type, long start, long len)
{
	struct flock f = range(type, start, len);

	return fcntl(fd, command, &f) ? errno : 0;
}

/* What another process gets: 0 or errno. What it held it gives back with its end. */
static int other(int type, long start, long len)
{
	pid_t pid = fork();

	if (!pid)
		_exit(lock(file, F_SETLK, type, start, len));
	return WEXITSTATUS(wait_code(pid));
}

static void ranges_of_processes(void)
{
	open_file();
	CHECK(lock(file, F_SETLK, F_WRLCK, 100, 100) == 0);
	CHECK(other(F_WRLCK, 0, 0) == EAGAIN && other(F_RDLCK, 199, 1) == EAGAIN &&
	      other(F_WRLCK, 100, 1) == EAGAIN);
	CHECK(other(F_WRLCK, 0, 100) == 0 && other(F_WRLCK, 200, 0) == 0);
	CHECK(lock(file, F_SETLK, F_WRLCK, 150, 100) == 0); /* its own are no obstacle */
	CHECK(lock(file, F_SETLK, F_UNLCK, 140, 20) == 0);
	CHECK(other(F_WRLCK, 140, 20) == 0 && other(F_RDLCK, 139, 1) == EAGAIN &&
	      other(F_RDLCK, 160, 1) == EAGAIN);
	CHECK(lock(file, F_SETLK, F_RDLCK, 0, 0) == 0);
	CHECK(other(F_RDLCK, 0, 0) == 0 && other(F_WRLCK, 500, 1) == EAGAIN);
	CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0 && other(F_WRLCK, 0, 0) == 0);
}

static void other_ways_to_name_a_range(void)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};

	open_file();
	CHECK(fcntl(file, F_SETLK, &f) == 0 && other(F_WRLCK, 990, 5) == EAGAIN &&
	      other(F_WRLCK, 995, 0) == 0);
	CHECK(lseek(file, 500, SEEK_SET) == 500);
	f = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -5};
	CHECK(fcntl(file, F_SETLK, &f) == 0 && other(F_WRLCK, 495, 1) == EAGAIN &&
	      other(F_WRLCK, 500, 1) == 0);
	CHECK(lock(file, F_SETLK, F_WRLCK, -1, 5) == EINVAL && lock(file, F_SETLK, 7, 0, 1) == EINVAL);
	f.l_whence = 9;
	CHECK(fcntl(file, F_SETLK, &f) == -1 && errno == EINVAL);
	CHECK(fcntl(file, F_SETLK, (void *)16) == -1 && errno == EFAULT);
}

static void modes_of_files(void)
{
	int reader, writer;

	open_file();
	reader = open(FILE_NAME, O_RDONLY), writer = open(FILE_NAME, O_WRONLY);
	CHECK(lock(reader, F_SETLK, F_WRLCK, 0, 1) == EBADF && lock(reader, F_SETLK, F_RDLCK, 0, 1) == 0);
	CHECK(lock(writer, F_SETLK, F_RDLCK, 0, 1) == EBADF && lock(writer, F_SETLK, F_WRLCK, 0, 1) == 0);
}

static void locks_tell_their_owner(void)
{
	struct flock f = range(F_WRLCK, 0, 0);
	pid_t parent = getpid(), pid;

	open_file();
	CHECK(fcntl(file, F_GETLK, &f) == 0 && f.l_type == F_UNLCK);
	CHECK(lock(file, F_SETLK, F_RDLCK, 30, 12) == 0);
	pid = fork();
	if (!pid) { /* which has not inherited it */
		f = range(F_RDLCK, 0, 0);
		CHECK(fcntl(file, F_GETLK, &f) == 0 && f.l_type == F_UNLCK);
		f = range(F_WRLCK, 0, 0);
		CHECK(fcntl(file, F_GETLK, &f) == 0 && f.l_type == F_RDLCK && f.l_pid == parent);
		CHECK(f.l_start == 30 && f.l_len == 12);
		_exit(0);
	}
	CHECK(wait_code(pid) == 0);
}

static void ends_of_locks(void)
{
	int second;

	open_file();
	CHECK(other(F_WRLCK, 0, 0) == 0); /* its end gave it back */
	CHECK(lock(file, F_SETLK, F_WRLCK, 0, 0) == 0);
	second = open(FILE_NAME, O_RDONLY);
	CHECK(other(F_RDLCK, 0, 0) == EAGAIN);
	CHECK(close(second) == 0 && other(F_RDLCK, 0, 0) == 0); /* any descriptor of the file */
}

static void on_alarm(int sig)
{
}

static void waiting(void)
{
	struct sigaction act = {.sa_handler = on_alarm};
	struct itimerval soon = {{0, 20000}, {0, 20000}};
	int ready[2];
	pid_t pid;
	char c;

	open_file();
	CHECK(pipe(ready) == 0 && lock(file, F_SETLK, F_WRLCK, 0, 10) == 0);
	pid = fork();
	if (!pid) {
		sigaction(SIGALRM, &act, NULL);
		setitimer(ITIMER_REAL, &soon, NULL);
		CHECK(lock(file, F_SETLKW, F_RDLCK, 5, 1) == EINTR);
		soon = (struct itimerval){0};
		setitimer(ITIMER_REAL, &soon, NULL);
		CHECK(write(ready[1], "x", 1) == 1 && lock(file, F_SETLKW, F_RDLCK, 5, 1) == 0);
		CHECK(lock(file, F_SETLK, F_WRLCK, 0, 5) == 0);
		_exit(0);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	usleep(50000);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	CHECK(lock(file, F_SETLK, F_UNLCK, 0, 10) == 0 && wait_code(pid) == 0);
}

/* Three in a ring: the last one to ask is told. */
static void deadlocks(void)
{
	int ready[2], told = 0;
	pid_t pids[3];
	char c;

	open_file();
	CHECK(pipe(ready) == 0 && lock(file, F_SETLK, F_WRLCK, 10, 1) == 0);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int rc;

			CHECK(lock(file, F_SETLK, F_WRLCK, i, 1) == 0 && write(ready[1], "x", 1) == 1);
			while (lock(file, F_SETLK, F_WRLCK, 10, 1)) /* the start signal */
				usleep(1000);
			lock(file, F_SETLK, F_UNLCK, 10, 1);
			rc = lock(file, F_SETLKW, F_WRLCK, (i + 1) % 3, 1);
			_exit(rc == EDEADLK ? 2 : rc);
		}
	}
	for (int i = 0; i < 3; i++)
		CHECK(read(ready[0], &c, 1) == 1);
	CHECK(lock(file, F_SETLK, F_UNLCK, 10, 1) == 0);
	for (int i = 0; i < 3; i++) {
		int code = WEXITSTATUS(wait_code(pids[i]));

		CHECK(code == 0 || code == 2);
		told += code == 2;
	}
	CHECK(told == 1);
}

static void open_file_locks(void)
{
	struct flock f = range(F_WRLCK, 0, 0);
	int second, again;

	open_file();
	second = open(FILE_NAME, O_RDWR);
	again = dup(file);
	CHECK(lock(file, F_OFD_SETLK, F_WRLCK, 0, 10) == 0 && lock(again, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
	CHECK(lock(second, F_OFD_SETLK, F_WRLCK, 5, 10) == EAGAIN);
	CHECK(fcntl(second, F_OFD_GETLK, &f) == 0 && f.l_type == F_WRLCK && f.l_pid == -1 && f.l_len == 10);
	CHECK(lock(second, F_SETLK, F_RDLCK, 0, 1) == EAGAIN); /* against a process's too */
	f.l_pid = 1;
	CHECK(fcntl(second, F_OFD_SETLK, &f) == -1 && errno == EINVAL);
	CHECK(close(file) == 0 && lock(second, F_OFD_SETLK, F_WRLCK, 5, 10) == EAGAIN);
	CHECK(close(again) == 0 && lock(second, F_OFD_SETLK, F_WRLCK, 5, 10) == 0);
}

static int try_flock(int fd, int operation)
{
	return flock(fd, operation | LOCK_NB) ? errno : 0;
}

static void flocks(void)
{
	int second, again;
	pid_t pid;

	open_file();
	second = open(FILE_NAME, O_RDONLY);
	again = dup(file);
	CHECK(flock(file, LOCK_EX) == 0 && try_flock(second, LOCK_SH) == EWOULDBLOCK &&
	      try_flock(again, LOCK_EX) == 0);
	CHECK(lock(second, F_SETLK, F_RDLCK, 0, 0) == 0); /* the two kinds do not know of each other */
	CHECK(flock(file, LOCK_SH) == 0 && try_flock(second, LOCK_SH) == 0 &&
	      try_flock(second, LOCK_EX) == EWOULDBLOCK);
	CHECK(flock(file, 3) == -1 && errno == EINVAL);
	CHECK(try_flock(file, LOCK_EX) == 0);
	pid = fork();
	if (!pid) { /* the open file is its parent's, and so is the lock */
		CHECK(close(file) == 0 && flock(second, LOCK_EX) == 0);
		_exit(0);
	}
	usleep(50000);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0 && close(file) == 0);
	CHECK(flock(again, LOCK_UN) == 0 && wait_code(pid) == 0);
}

/* What an application locks byte by byte has a bound, and neighbours become one. */
static void many_locks(void)
{
	int got = 0;

	open_file();
	for (int i = 0; i < 5000; i++)
		CHECK(lock(file, F_SETLK, F_WRLCK, i, 1) == 0);
	CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0);
	while (got < 5000 && lock(file, F_SETLK, F_WRLCK, 2 * got, 1) == 0)
		got++;
	CHECK(got >= 100 && got < 5000 && errno == ENOLCK);
}

static const struct check checks[] = {
    {"ranges of processes", ranges_of_processes},
    {"other ways to name a range", other_ways_to_name_a_range},
    {"modes of files", modes_of_files},
    {"locks tell their owner", locks_tell_their_owner},
    {"ends of locks", ends_of_locks},
    {"waiting", waiting},
    {"deadlocks", deadlocks},
    {"open file locks", open_file_locks},
    {"flocks", flocks},
    {"many locks", many_locks},
};

int main(int argc, char **argv)
{
	return RUN_CHECKS("locks", checks, argc, argv);
}
