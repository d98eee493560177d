/* SPDX-License-Identifier: MIT */
/* attack [NAME]: all attacks, or one; attack names: lists them. Ends with code 0 if the kernel bore them. */
#include "attack.h"
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>

void wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
	_exit(1);
}

long granted(long result, int line, const char *call)
{
	if (result == -1)
		wrong("line %d: %s: %s", line, call, strerror(errno));
	return result;
}

int status_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		wrong("no child to wait for: %s", strerror(errno));
	return status;
}

int status_soon(pid_t child, int seconds)
{
	double until = now() + seconds;
	int status;

	while (!waitpid(child, &status, WNOHANG)) {
		if (now() > until) {
			kill(child, SIGKILL);
			wrong("process %d does not end", child);
		}
		usleep(2000);
	}
	return status;
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

elf_segment code_segment(void)
{
	return (elf_segment){
	    .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x10000, .p_filesz = PAGE, .p_memsz = PAGE};
}

void write_program(const char *path, const elf_segment *segments, int count, unsigned long entry)
{
#if __SIZEOF_LONG__ == 8
	static const unsigned char code[] = {0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05}; /* exit(7) */
#else
	static const unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80};
#endif
	static char image[PAGE];
	elf_header *h = (elf_header *)image;
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	*h = (elf_header){.e_type = ET_EXEC,
			  .e_version = 1,
			  .e_phoff = sizeof(*h),
			  .e_phentsize = sizeof(*segments),
			  .e_phnum = count,
			  .e_ehsize = sizeof(*h),
			  .e_entry = entry};
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = sizeof(long) == 8 ? ELFCLASS64 : ELFCLASS32;
	h->e_ident[EI_DATA] = h->e_ident[EI_VERSION] = 1;
	h->e_machine = sizeof(long) == 8 ? EM_X86_64 : EM_386;
	memcpy(h + 1, segments, count * sizeof(*segments));
	memcpy(image + 0x400, code, sizeof(code));
	if (fd < 0 || write(fd, image, sizeof(image)) != sizeof(image))
		wrong("cannot write %s", path);
	close(fd);
}

static const struct attack *const groups[] = {file_attacks, memory_attacks, process_attacks, time_attacks};

static int attempt(const struct attack *a)
{
	pid_t child = fork();
	int status;

	if (!child) {
		setsid();
		a->run();
		_exit(0);
	}
	status = status_of(child);
	printf("%s %s\n", status ? "not ok" : "ok", a->name);
	if (status & 0x7f)
		printf("# ended by signal %d\n", status & 0x7f);
	return status != 0;
}

int main(int argc, char **argv)
{
	int failed = 0, tried = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]); /* what some attacks execute */
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		for (const struct attack *a = groups[g]; a->name; a++) {
			if (argc > 1 && !strcmp(argv[1], "names"))
				puts(a->name);
			if (argc > 1 && strcmp(argv[1], a->name))
				continue;
			failed += attempt(a);
			tried++;
		}
	}
	if (tried)
		printf("attack: %d borne, %d not\n", tried - failed, failed);
	return failed || (!tried && argc > 1 && strcmp(argv[1], "names"));
}
