/* The shim itself: what CUDA leaves undefined shows, and what it promises holds. */
#include "gpu/types.cuh"
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>
extern "C" {
#include <cmocka.h>
}

enum { SEEDS = 20 };

static cudaStream_t new_stream(void)
{
    cudaStream_t s;
    assert_int_equal(cudaStreamCreateWithPriority(&s, cudaStreamNonBlocking, 0), cudaSuccess);
    return s;
}
template <class T> static T *new_memory(size_t n)
{
    void *p;
    assert_int_equal(cudaMalloc(&p, n * sizeof(T)), cudaSuccess);
    return static_cast<T *>(p);
}

/* Runs fn in a child; returns what it wrote to stderr and its status. */
static int in_child(void (*fn)(void), char *text, size_t n)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        fn();
        _exit(0);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t r; got + 1 < n && (r = read(ends[0], text + got, n - 1 - got)) > 0;)
        got += (size_t)r;
    text[got] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* ---- blocks */
enum { REVERSED = 128 };
template <bool barrier> __global__ void reverse(int *x)
{
    SHARED(int, all, REVERSED);
    all[threadIdx.x] = x[threadIdx.x];
    if (barrier)
        __syncthreads();
    x[threadIdx.x] = all[REVERSED - 1 - threadIdx.x];
}
template <bool barrier> static int wrong_reversals(void)
{
    int wrong = 0;
    cudaStream_t s = new_stream();
    int *x = new_memory<int>(REVERSED);
    for (int seed = 0; seed < SEEDS; seed++) {
        shim_seed((uint64_t)seed);
        for (int i = 0; i < REVERSED; i++)
            x[i] = i;
        launch(reverse<barrier>, 1, REVERSED, 0, s, x);
        cudaStreamSynchronize(s);
        bool right = true;
        for (int i = 0; i < REVERSED; i++)
            right = right && x[i] == REVERSED - 1 - i;
        wrong += !right;
    }
    cudaFree(x);
    cudaStreamDestroy(s);
    return wrong;
}
static void test_missing_barrier_gives_wrong_numbers(void **)
{
    assert_int_equal(wrong_reversals<true>(), 0);
    assert_int_equal(wrong_reversals<false>(), SEEDS);
}

__global__ void sum_of_block(float *y, const float *x)
{
    SHARED(float, part, 32);
    const float sum = block_sum(x[threadIdx.x], part), most = block_max(x[threadIdx.x], part);
    if (threadIdx.x == 0)
        y[2 * blockIdx.x] = sum, y[2 * blockIdx.x + 1] = most;
}
static void test_block_sums(void **)
{
    cudaStream_t s = new_stream();
    float *x = new_memory<float>(1024), *y = new_memory<float>(6);
    for (int i = 0; i < 1024; i++)
        x[i] = (float)(i * 37 % 101);
    for (unsigned n = 32; n <= 1024; n += n < 256 ? 32 : 256) {
        float sum = 0, most = 0;
        for (unsigned i = 0; i < n; i++)
            sum += x[i], most = x[i] > most ? x[i] : most;
        launch(sum_of_block, 3, n, 0, s, y, x);
        cudaStreamSynchronize(s);
        for (int b = 0; b < 3; b++)
            assert_true(y[2 * b] == sum && y[2 * b + 1] == most);
    }
    cudaFree(x);
    cudaFree(y);
    cudaStreamDestroy(s);
}

__global__ void half_at_barrier(void)
{
    if (threadIdx.x < 32)
        __syncthreads();
}
__global__ void half_at_exchange(int *x)
{
    if (threadIdx.x < 16)
        x[threadIdx.x] = __shfl_xor_sync(ALL_LANES, (int)threadIdx.x, 1);
}
__global__ void beyond_shared(int *x)
{
    SHARED(int, some, 32);
    some[threadIdx.x] = x[threadIdx.x];
    x[threadIdx.x] = some[threadIdx.x + (threadIdx.x == 31)];
}
__global__ void beyond_memory(int *x, const int *from)
{
    x[threadIdx.x] = from[threadIdx.x];
}

static void leave_barrier(void)
{
    cudaStream_t s = new_stream();
    launch(half_at_barrier, 1, 64, 0, s);
    cudaStreamSynchronize(s);
}
static void leave_exchange(void)
{
    cudaStream_t s = new_stream();
    launch(half_at_exchange, 1, 32, 0, s, new_memory<int>(32));
    cudaStreamSynchronize(s);
}
static void read_beyond_shared(void)
{
    cudaStream_t s = new_stream();
    int *x = new_memory<int>(32);
    launch(beyond_shared, 1, 32, 0, s, x);
    cudaStreamSynchronize(s);
}
static void read_beyond_memory(void)
{
    cudaStream_t s = new_stream();
    launch(beyond_memory, 1, 32, 0, s, new_memory<int>(32), new_memory<int>(31));
    cudaStreamSynchronize(s);
}
static void expect_end(void (*fn)(void), const char *word)
{
    static char text[1 << 16];
    const int status = in_child(fn, text, sizeof text);
    assert_true(status != 0);
    if (!strstr(text, word))
        fail_msg("'%s' does not say '%s'", text, word);
}
static void test_what_ends_the_program(void **)
{
    expect_end(leave_barrier, "a barrier that not all reach");
    expect_end(leave_exchange, "an exchange that not all lanes reach");
}
static void test_out_of_bounds(void **)
{
#ifndef __SANITIZE_ADDRESS__
    skip(); /* it is the sanitizer that sees them */
#endif
    expect_end(read_beyond_shared, "heap-buffer-overflow");
    expect_end(read_beyond_shared, "test_shim.cc");
    expect_end(read_beyond_memory, "heap-buffer-overflow");
}

__global__ void first_of_shared(float *x)
{
    SHARED(float, fixed, 8);
    DYNAMIC_SHARED(float, some);
    x[threadIdx.x] = threadIdx.x < 8 ? fixed[threadIdx.x] : some[threadIdx.x - 8];
}
static void test_shared_memory_starts_as_nan(void **)
{
    cudaStream_t s = new_stream();
    float *x = new_memory<float>(32);
    launch(first_of_shared, 1, 32, 24 * sizeof(float), s, x);
    cudaStreamSynchronize(s);
    for (int i = 0; i < 32; i++)
        assert_true(x[i] != x[i]);
    launch(first_of_shared, 1, 2048, 0, s, x);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidValue);
    cudaFree(x);
    cudaStreamDestroy(s);
}

/* ---- streams */
static void test_a_source_that_goes_too_early(void **)
{
    cudaStream_t s = new_stream();
    int *x = new_memory<int>(1), host = 7;
    cudaMemcpyAsync(x, &host, sizeof host, cudaMemcpyHostToDevice, s);
    host = 8;
    cudaStreamSynchronize(s);
    assert_int_equal(*x, 8);
    cudaFree(x);
    cudaStreamDestroy(s);
}

__global__ void add_one(int *x)
{
    *x += 1;
}
static int stale_reads(bool waits)
{
    int stale = 0;
    int *x = new_memory<int>(2);
    for (int seed = 0; seed < SEEDS; seed++) {
        cudaStream_t a = new_stream(), b = new_stream();
        cudaEvent_t done;
        cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
        shim_seed((uint64_t)seed);
        x[0] = 0;
        for (int i = 0; i < 5; i++)
            launch(add_one, 1, 1, 0, a, x);
        cudaEventRecord(done, a);
        if (waits)
            cudaStreamWaitEvent(b, done, 0);
        cudaMemcpyAsync(x + 1, x, sizeof *x, cudaMemcpyDeviceToDevice, b);
        cudaStreamSynchronize(b);
        stale += x[1] != 5;
        cudaStreamDestroy(a);
        cudaStreamDestroy(b);
        cudaEventDestroy(done);
    }
    cudaFree(x);
    return stale;
}
static void test_a_missing_wait_between_streams(void **)
{
    assert_int_equal(stale_reads(true), 0);
    assert_in_range(stale_reads(false), SEEDS / 2, SEEDS);
}

static void test_the_nth_call_fails(void **)
{
    void *p;
    const size_t before = shim_bytes();
    shim_fail(2, cudaErrorMemoryAllocation);
    assert_int_equal(cudaMalloc(&p, 8), cudaSuccess);
    assert_int_equal(shim_bytes(), before + 8);
    cudaFree(p);
    assert_int_equal(cudaMalloc(&p, 8), cudaErrorMemoryAllocation);
    assert_int_equal(cudaMalloc(&p, 8), cudaSuccess);
    cudaFree(p);
    shim_fail(1, cudaErrorIllegalAddress);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cudaMalloc(&p, 8), cudaErrorIllegalAddress);
    shim_fail(0, cudaSuccess);
    assert_int_equal(shim_bytes(), before);
}

/* ---- 16-bit floats */
static double value_of(uint32_t h)
{
    const int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
    const double v = e == 0    ? ldexp(m, -24)
                     : e == 31 ? (m ? NAN : INFINITY)
                               : ldexp(1024 + m, e - 25);
    return h >> 15 ? -v : v;
}
static void test_f16(void **)
{
    for (uint32_t h = 0; h < 65536; h++) {
        const float v = widen(f16{(uint16_t)h});
        f16 back;
        narrow(&back, v);
        if (v != v) {
            assert_true(std::isnan(value_of(h)));
            assert_true(std::isnan(value_of(back.bits)));
            continue;
        }
        assert_true((double)v == value_of(h));
        assert_int_equal(back.bits, h);
    }
    /* Between neighbours: the nearer, of two as near the even one. */
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const double low = value_of(h), high = h == 0x7bff ? 65536 : value_of(h + 1);
        const float middle = (float)((low + high) / 2);
        f16 at, below, above;
        narrow(&at, middle);
        narrow(&below, nextafterf(middle, 0));
        narrow(&above, nextafterf(middle, INFINITY));
        assert_int_equal(at.bits, h + (h & 1));
        assert_int_equal(below.bits, h);
        assert_int_equal(above.bits, h + 1);
    }
}
static void test_bf16(void **)
{
    for (uint32_t h = 0; h < 0x7f80; h++) {
        const float low = widen(bf16{(uint16_t)h}), middle = bits_float(h << 16 | 0x8000);
        bf16 same, at, below, above;
        narrow(&same, -low);
        narrow(&at, middle);
        narrow(&below, nextafterf(middle, 0));
        narrow(&above, nextafterf(middle, INFINITY));
        assert_int_equal(same.bits, h | 0x8000);
        assert_int_equal(at.bits, h + (h & 1));
        assert_int_equal(below.bits, h);
        assert_int_equal(above.bits, h + 1);
    }
    bf16 nan;
    narrow(&nan, NAN);
    assert_true(std::isnan(widen(nan)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_barrier_gives_wrong_numbers),
        cmocka_unit_test(test_block_sums),
        cmocka_unit_test(test_what_ends_the_program),
        cmocka_unit_test(test_out_of_bounds),
        cmocka_unit_test(test_shared_memory_starts_as_nan),
        cmocka_unit_test(test_a_source_that_goes_too_early),
        cmocka_unit_test(test_a_missing_wait_between_streams),
        cmocka_unit_test(test_the_nth_call_fails),
        cmocka_unit_test(test_f16),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
