/* SPDX-License-Identifier: MIT */
/*
 * See timeline.h. A CPU's records are cut into runs, in each of which one vCPU had that CPU; a vCPU's runs on all CPUs,
 * sorted, are its track. Within a run, stays in the hypervisor alternate with guest code.
 *
 * Quick records (hypervisor/trace/hook.inc) do not tell the guest's mode. They are hypercalls of pv64 kernels, and a
 * pv64 guest changes its mode only in the hypervisor, so the mode is that of the next entry.
 */
#include "timeline.h"
#include "arrows.h"
#include "reason.h"

#include <stdbool.h>
#include <stdlib.h>

#define IDLE_DOMAIN 0x7fff
#define LENT_TRACK  99   /* in a domain's process, behind its vCPUs */
#define LENT_NS     1000 /* how long a copy is shown there, unless the next one begins */

struct run {
	uint32_t vcpu; /* domain << 16 | vCPU */
	unsigned cpu;
	uint64_t start, end;
	const struct ringlet_record *first, *last; /* one past the last */
	uint32_t lost;                             /* records missing before it */
};

struct runs {
	struct run *list;
	size_t count, room;
};

struct writer {
	const struct timeline *t;
	FILE *out;
	uint64_t zero;
	unsigned pid, tid;
	struct arrows arrows;
	bool first;
};

static bool is_stay(const struct ringlet_record *r)
{
	return r->what < RINGLET_RECORD_upcall;
}

static bool has_arrow(const struct ringlet_record *r)
{
	return r->what == RINGLET_RECORD_event || r->what == RINGLET_RECORD_told ||
	       r->what == RINGLET_RECORD_copy;
}

static uint64_t stay_end(const struct ringlet_record *r)
{
	return r->tsc + (uint32_t)(r->low - (uint32_t)r->tsc);
}

static int add_run(struct runs *runs, const struct run *run)
{
	if (runs->count == runs->room) {
		size_t room = runs->room ? runs->room * 2 : 64;
		struct run *more = realloc(runs->list, room * sizeof(*more));

		if (!more)
			return -1;
		runs->list = more;
		runs->room = room;
	}
	runs->list[runs->count++] = *run;
	return 0;
}

static int keep_run(const struct timeline *t, struct runs *runs, const struct run *run)
{
	unsigned domain = run->vcpu >> 16;

	if (run->first == run->last || domain == IDLE_DOMAIN ||
	    (t->domain != RINGLET_TRACE_ALL && domain != t->domain))
		return 0;
	return add_run(runs, run);
}

/* Cut the records of @cpu at each change of its vCPU. */
static int cut(const struct timeline *t, unsigned cpu, struct runs *runs)
{
	const struct timeline_cpu *c = &t->cpus[cpu];
	struct run run = {.vcpu = (uint32_t)IDLE_DOMAIN << 16, .cpu = cpu};
	uint32_t lost = 0;

	run.first = run.last = c->records;
	for (const struct ringlet_record *r = c->records; r < c->records + c->count; r++) {
		if (r->what == RINGLET_RECORD_lost) {
			lost = r->low;
		} else if (r->what == RINGLET_RECORD_vcpu) {
			if (keep_run(t, runs, &run))
				return -1;
			run = (struct run){r->low, cpu, r->tsc, r->tsc, r + 1, r + 1, lost};
			lost = 0;
		} else {
			run.last = r + 1;
			run.end = is_stay(r) ? stay_end(r) : run.end;
		}
	}
	return keep_run(t, runs, &run);
}

static int by_track(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* One event up to and without its closing brace. */
static void event(struct writer *w, char phase, uint64_t tsc)
{
	uint64_t ns = tsc <= w->zero ? 0 : (tsc - w->zero) * 1000000 / w->t->khz;

	fprintf(w->out, "%s{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%llu.%03u", w->first ? "" : ",\n",
		phase, w->pid, w->tid, (unsigned long long)(ns / 1000), (unsigned)(ns % 1000));
	w->first = false;
}

static void begin(struct writer *w, uint64_t tsc, const char *name, const char *category)
{
	event(w, 'B', tsc);
	fprintf(w->out, ",\"name\":\"%s\",\"cat\":\"%s\"}", name, category);
}

static void end(struct writer *w, uint64_t tsc)
{
	event(w, 'E', tsc);
	fputc('}', w->out);
}

/* A moment without arguments. */
static void mark(struct writer *w, uint64_t tsc, const char *name)
{
	event(w, 'i', tsc);
	fprintf(w->out, ",\"s\":\"t\",\"name\":\"%s\",\"cat\":\"call\"}", name);
}

static void moment(struct writer *w, uint64_t tsc, const char *name, uint32_t arg)
{
	event(w, 'i', tsc);
	fprintf(w->out,
		",\"s\":\"t\",\"name\":\"%s\",\"cat\":\"event\",\"args\":{\"domain\":%u,\"port\":%u}}", name,
		arg >> 16, arg & 0xffff);
}

static bool is_into(const struct ringlet_record *copy)
{
	return copy->low & RINGLET_COPY_INTO;
}

static void copied(struct writer *w, uint64_t tsc, const struct ringlet_record *copy)
{
	event(w, 'i', tsc);
	fprintf(w->out,
		",\"s\":\"t\",\"name\":\"copy %s\",\"cat\":\"copy\",\"args\":{\"domain\":%u,\"bytes\":%u}}",
		is_into(copy) ? "to" : "from", copy->low >> 16, copy->low & RINGLET_COPY_BYTES);
}

/* An end of the arrow @id: in the innermost slice that lasts at that time. */
static void arrow(struct writer *w, uint64_t tsc, bool start, const char *name, uint32_t id)
{
	if (!id)
		return;
	event(w, start ? 's' : 'f', tsc);
	fprintf(w->out, ",\"id\":%u,\"name\":\"%s\",\"cat\":\"arrow\"%s}", id, name,
		start ? "" : ",\"bp\":\"e\"");
}

static uint32_t mode_before(const struct ringlet_record *stay)
{
	uint32_t mode = stay->what >> 16 & 15;

	return mode || (stay->what & 0xffff) >= RINGLET_REASON_trap
		   ? mode
		   : RINGLET_MODE_KNOWN | RINGLET_MODE_KERNEL | 3;
}

static void mode_name(uint32_t mode, char *name, size_t size)
{
	snprintf(name, size, "ring %u %s", mode & 3, mode & RINGLET_MODE_KERNEL ? "kernel" : "user");
}

/* Guest code from @from on until the stay @next begins. A pv32 kernel may enter its application by an IRET of
 * its own, and then it was in two rings. */
static void guest(struct writer *w, uint64_t from, uint32_t after, const struct ringlet_record *next)
{
	uint32_t before = mode_before(next);
	char name[64], first[24], second[24];

	if (!before)
		before = after;
	if (!after)
		after = before;
	if (!after || next->tsc < from)
		return;
	mode_name(after, first, sizeof(first));
	mode_name(before, second, sizeof(second));
	snprintf(name, sizeof(name), "%s%s%s", first, after == before ? "" : ", then ",
		 after == before ? "" : second);
	begin(w, from, name, "ring");
	end(w, next->tsc);
}

static uint64_t clamp(uint64_t t, uint64_t low, uint64_t high)
{
	return t < low ? low : t > high ? high : t;
}

/* A moment that has an arrow if its other end was seen too. */
static void joined(struct writer *w, uint64_t at, const struct ringlet_record *m)
{
	uint32_t id = arrows_find(&w->arrows, m);

	if (m->what == RINGLET_RECORD_copy) {
		copied(w, at, m);
		arrow(w, at, is_into(m), "copy", id);
	} else {
		moment(w, at, m->what == RINGLET_RECORD_event ? "event" : "told", m->low);
		arrow(w, at, m->what == RINGLET_RECORD_event, "event", id);
	}
}

/* The hypervisor's @stay, and the moments [m, stay) in it. */
static void inside(struct writer *w, const struct ringlet_record *m, const struct ringlet_record *stay)
{
	uint64_t stop = stay_end(stay);
	char name[64];

	reason_name(stay->what & 0xffff, name, sizeof(name));
	begin(w, stay->tsc, "ring 0", "ring");
	begin(w, stay->tsc, name, "reason");
	for (uint64_t at = stay->tsc; m < stay; m++) {
		at = clamp(m->tsc, at, stop);
		if (m->what == RINGLET_RECORD_upcall)
			moment(w, at, "upcall", (uint32_t)(w->pid - 1) << 16);
		else if (m->what == RINGLET_RECORD_call) {
			reason_name(m->low, name, sizeof(name));
			mark(w, at, name);
		} else if (has_arrow(m))
			joined(w, at, m);
	}
	end(w, stop);
	end(w, stop);
}

static void write_run(struct writer *w, const struct run *run)
{
	const struct ringlet_record *moments = run->first;
	uint64_t at = run->start;
	uint32_t after = 0;

	event(w, 'B', run->start);
	fprintf(w->out, ",\"name\":\"on CPU %u\",\"cat\":\"running\",\"args\":{\"lost_before\":%u}}",
		run->cpu, run->lost);
	for (const struct ringlet_record *r = run->first; r < run->last; r++) {
		if (!is_stay(r))
			continue;
		if (r->tsc > at)
			guest(w, at, after, r);
		inside(w, moments, r);
		moments = r + 1;
		at = stay_end(r);
		after = r->what >> 20 & 15;
	}
	end(w, run->end);
}

static void name_track(struct writer *w, const char *what, const char *name)
{
	fprintf(w->out, "%s{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s\",\"args\":{\"name\":\"%s\"}}",
		w->first ? "" : ",\n", w->pid, w->tid, what, name);
	w->first = false;
}

static void write_runs(struct writer *w, const struct runs *runs)
{
	char name[32];

	for (const struct run *r = runs->list; r < runs->list + runs->count; r++) {
		/* Ids of 0 mean "idle" to viewers. */
		w->pid = (r->vcpu >> 16) + 1;
		w->tid = w->pid * 100 + (r->vcpu & 0xffff);
		if (r == runs->list || r[-1].vcpu != r->vcpu) {
			snprintf(name, sizeof(name), "vCPU %u", r->vcpu & 0xffff);
			name_track(w, "process_name", w->t->domain_name(r->vcpu >> 16));
			name_track(w, "thread_name", name);
		}
		write_run(w, r);
	}
}

/* The moments that inside() will write, which are those that a stay follows. */
static int note_arrows(struct arrows *arrows, const struct runs *runs)
{
	int rc = 0;

	for (const struct run *run = runs->list; run < runs->list + runs->count; run++) {
		const struct ringlet_record *stop = run->last;

		while (stop > run->first && !is_stay(stop - 1))
			stop--;
		for (const struct ringlet_record *r = run->first; r < stop && !rc; r++)
			if (has_arrow(r))
				rc = arrows_note(arrows, r, run->vcpu >> 16);
	}
	arrows_join(arrows);
	return rc;
}

/* A domain's pages may be copied while it does not run, so that these copies have a track of their own. */
static void lent(struct writer *w, const struct arrow_end *e, const struct arrow_end *next)
{
	const struct ringlet_record *copy = e->record;
	uint64_t stop = copy->tsc + LENT_NS * (uint64_t)w->t->khz / 1000000;

	if (next && next->record->low >> 16 == copy->low >> 16 && next->record->tsc < stop)
		stop = next->record->tsc;
	event(w, 'B', copy->tsc);
	fprintf(w->out, ",\"name\":\"%s by %s\",\"cat\":\"lent\",\"args\":{\"bytes\":%u}}",
		is_into(copy) ? "written" : "read", w->t->domain_name(e->domain),
		copy->low & RINGLET_COPY_BYTES);
	arrow(w, copy->tsc, !is_into(copy), "copy", e->id);
	end(w, stop);
}

static void write_lent(struct writer *w)
{
	size_t n = arrows_copies(&w->arrows);
	const struct arrow_end *list = w->arrows.list;

	for (size_t i = 0; i < n; i++) {
		w->pid = (list[i].record->low >> 16) + 1;
		w->tid = w->pid * 100 + LENT_TRACK;
		if (!i || list[i - 1].record->low >> 16 != list[i].record->low >> 16) {
			name_track(w, "process_name", w->t->domain_name(w->pid - 1));
			name_track(w, "thread_name", "granted pages");
		}
		lent(w, &list[i], i + 1 < n ? &list[i + 1] : NULL);
	}
}

static uint64_t first_start(const struct runs *runs)
{
	uint64_t zero = ~0ull;

	for (size_t i = 0; i < runs->count; i++)
		zero = runs->list[i].start < zero ? runs->list[i].start : zero;
	return zero;
}

int timeline_write(const struct timeline *t, FILE *out)
{
	struct writer w = {.t = t, .out = out, .first = true};
	struct runs runs = {0};
	uint64_t lost = 0;
	int rc = 0;

	for (unsigned cpu = 0; cpu < t->nr_cpus && !rc; cpu++) {
		rc = cut(t, cpu, &runs);
		lost += t->cpus[cpu].lost;
	}
	rc = rc ? rc : note_arrows(&w.arrows, &runs);
	if (!rc) {
		if (runs.count)
			qsort(runs.list, runs.count, sizeof(*runs.list), by_track);
		w.zero = first_start(&runs);
		fprintf(
		    out,
		    "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"lost\":%llu,\"tsc_khz\":%u,\"cpus\":%u},\n",
		    (unsigned long long)lost, t->khz, t->nr_cpus);
		fputs("\"traceEvents\":[\n", out);
		write_runs(&w, &runs);
		write_lent(&w);
		fputs("\n]}\n", out);
	}
	arrows_free(&w.arrows);
	free(runs.list);
	return rc;
}
