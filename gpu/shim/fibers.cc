/* Blocks of fibers. */
#include "gpu/shim/device.h"
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sys/mman.h>
#include <vector>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **, const void *, size_t) {}
static void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) {}
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) ((void)0)
#endif
#ifndef __x86_64__
#error "the shim switches fibers on x86-64 only"
#endif

enum { STACK = 64 << 10, GUARD = 4 << 10, MOST_THREADS = 1024, MOST_SHARED = 227 << 10 };
enum state { RUNS, AT_BARRIER, AT_EXCHANGE, DONE };

struct fiber : shim_thread {
    void *sp, *save; /* save: the sanitizer's */
    char *stack;
    state now;
    int line;
    unsigned mask, turn; /* of exchanges */
};
struct warp {
    uint64_t bits[2][32];
};

static fiber fibers[MOST_THREADS];
static warp warps[MOST_THREADS / 32];
static void *main_sp, *main_save;
static const void *main_stack;
static size_t main_size;
static const std::function<void()> *body;
static std::map<const void *, void *> shared;
static void *dynamic;
static size_t used;
shim_thread *shim_self;
uint64_t shim_random(void);

extern "C" void shim_switch(void **from, void *to);
asm(".text\n.globl shim_switch\n.type shim_switch,@function\nshim_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
    ".size shim_switch,.-shim_switch\n");

[[noreturn]] static void refuse(const char *what, int line)
{
    fprintf(stderr, "shim: block (%u, %u, %u), thread %u: %s (line %d)\n", shim_self->block.x,
            shim_self->block.y, shim_self->block.z, shim_self->thread.x, what, line);
    abort();
}

static void leave(fiber *f, state why)
{
    f->now = why;
    __sanitizer_start_switch_fiber(why == DONE ? nullptr : &f->save, main_stack, main_size);
    shim_switch(&f->sp, main_sp);
    __sanitizer_finish_switch_fiber(f->save, &main_stack, &main_size);
}

static void start(void)
{
    __sanitizer_finish_switch_fiber(nullptr, &main_stack, &main_size);
    (*body)();
    leave(static_cast<fiber *>(shim_self), DONE);
}

static void prepare(fiber *f)
{
    if (!f->stack) {
        char *p = static_cast<char *>(mmap(nullptr, STACK + GUARD, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (p == MAP_FAILED || mprotect(p, GUARD, PROT_NONE) != 0)
            abort();
        f->stack = p + GUARD;
        (void)VALGRIND_STACK_REGISTER(f->stack, f->stack + STACK);
    }
    void **top = reinterpret_cast<void **>(f->stack + STACK) - 2;
    *top = reinterpret_cast<void *>(start); /* where the first switch returns to */
    f->sp = top - 6;
    f->now = RUNS, f->turn = 0;
}

static void enter(fiber *f)
{
    shim_self = f;
    __sanitizer_start_switch_fiber(&main_save, f->stack, STACK);
    shim_switch(&main_sp, f->sp);
    __sanitizer_finish_switch_fiber(main_save, nullptr, nullptr);
}

static bool ready(const fiber *w, int n) /* have all lanes of the exchange come? */
{
    unsigned checked = 0; /* a mask is looked at once, though all of its lanes have it */
    for (int i = 0; i < n; i++) {
        if (w[i].now != AT_EXCHANGE || w[i].mask == checked)
            continue;
        for (int j = 0; j < 32; j++)
            if (w[i].mask >> j & 1 &&
                (j >= n || w[j].now != AT_EXCHANGE || w[j].mask != w[i].mask))
                return false;
        checked = w[i].mask;
    }
    return true;
}

/* As far as it can; false when it had already come there. */
static bool run_warp(fiber *w, int n)
{
    bool moved = false;
    for (;;) {
        int at = (int)((unsigned)shim_random() % (unsigned)n);
        bool waits = false;
        for (int k = 0; k < n; k++, at = at + 1 < n ? at + 1 : 0) {
            fiber *f = &w[at];
            if (f->now == RUNS)
                enter(f), moved = true;
            waits |= f->now == AT_EXCHANGE;
        }
        if (!waits)
            return moved;
        if (!ready(w, n)) {
            for (int i = 0; i < n; i++)
                if (w[i].now == AT_EXCHANGE)
                    shim_self = &w[i];
            refuse("an exchange that not all lanes reach", 0);
        }
        for (int i = 0; i < n; i++)
            if (w[i].now == AT_EXCHANGE)
                w[i].now = RUNS;
    }
}

static void run_block(int n)
{
    int done = 0;
    while (done < n) {
        const unsigned n_warps = (unsigned)(n + 31) / 32, turn = (unsigned)shim_random();
        for (unsigned k = 0; k < n_warps; k++) {
            const int first = (int)((k * (turn | 1) + turn) % n_warps) * 32;
            run_warp(fibers + first, n - first < 32 ? n - first : 32);
        }
        for (unsigned k = 0; k < n_warps; k++) /* those that the stride left out */
            run_warp(fibers + k * 32, n - (int)k * 32 < 32 ? n - (int)k * 32 : 32);
        int line = 0;
        done = 0;
        for (int i = 0; i < n; i++)
            if (fibers[i].now == DONE)
                done++;
            else
                shim_self = &fibers[i], line = fibers[i].line;
        if (done > 0 && done < n)
            refuse("a barrier that not all reach", line);
        for (int i = 0; i < n && done == 0; i++)
            if (fibers[i].line != line)
                refuse("a barrier while others stand at another", line);
            else
                fibers[i].now = RUNS;
    }
}

/* Exactly so large, that the sanitizer sees what lies beyond; NaN. */
static void *room(size_t bytes)
{
    void *p = nullptr;
    if ((used += bytes) > MOST_SHARED || posix_memalign(&p, 16, bytes) != 0)
        refuse("more shared memory than a block may have", 0);
    return memset(p, 0xff, bytes);
}

void *shim_shared(const void *site, size_t bytes)
{
    void *&p = shared[site];
    return p ? p : (p = room(bytes));
}
void *shim_dynamic(void)
{
    return dynamic;
}

void shim_barrier(int line)
{
    fiber *f = static_cast<fiber *>(shim_self);
    f->line = line;
    leave(f, AT_BARRIER);
}

const uint64_t *shim_exchange(unsigned mask, uint64_t bits)
{
    fiber *f = static_cast<fiber *>(shim_self);
    const size_t i = (size_t)(f - fibers);
    uint64_t *all = warps[i / 32].bits[f->turn++ & 1];
    all[i % 32] = bits;
    f->mask = mask;
    leave(f, AT_EXCHANGE);
    return all;
}

/* Called by the stream when the work's turn has come. */
void shim_run(dim3 grid, dim3 block, size_t bytes, const std::function<void()> &kernel)
{
    const int n = (int)(block.x * block.y * block.z);
    const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z, from = shim_random();
    body = &kernel;
    for (uint64_t b = 0; b < blocks; b++) {
        const uint64_t at = (b + from) % blocks;
        for (int i = 0; i < n; i++) {
            prepare(&fibers[i]);
            fibers[i].block_dim = block, fibers[i].grid_dim = grid;
            fibers[i].thread = dim3((unsigned)i % block.x, (unsigned)i / block.x % block.y,
                                    (unsigned)i / block.x / block.y);
            fibers[i].block = dim3((unsigned)(at % grid.x), (unsigned)(at / grid.x % grid.y),
                                   (unsigned)(at / grid.x / grid.y));
        }
        shim_self = fibers;
        used = 0;
        dynamic = bytes ? room(bytes) : nullptr;
        run_block(n);
        free(dynamic);
        for (auto &s : shared)
            free(s.second);
        shared.clear();
    }
}
