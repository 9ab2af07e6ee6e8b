/* Losses and the most likely tokens from logits that exist a chunk of columns at a time. */
#include "gpu/launch.cuh"
#include <math.h>

__global__ void cap_logits(mat z, float cap)
{
    EACH_ELEMENT(t, i, z.rows, z.cols)
    {
        float *p = z.at + (size_t)t * z.ld + (size_t)i;
        *p = cap * tanhf(*p / cap);
    }
}
void gpu_soft_cap(mat z, float cap, stream *s)
{
    over_elements(cap_logits, z.rows, z.cols, s, z, cap);
}

/* Maxima and sums of a chunk in float, put together in double and in order. */
__global__ void fold_chunk(vocab_state *state, mat z, int32_t first, ints target, int32_t vocab,
                           faults f)
{
    SHARED(float, part, 32);
    const int32_t t = (int32_t)blockIdx.x;
    const float *row = z.at + (size_t)t * z.ld;
    float max = -INFINITY, sum = 0;
    for (int32_t i = (int32_t)threadIdx.x; i < z.cols; i += (int32_t)blockDim.x)
        max = row[i] > max ? row[i] : max;
    max = block_max(max, part);
    for (int32_t i = (int32_t)threadIdx.x; i < z.cols; i += (int32_t)blockDim.x)
        sum += expf(row[i] - max);
    sum = block_sum(sum, part);
    if (threadIdx.x != 0)
        return;
    vocab_state v = first == 0 ? vocab_state{0, -INFINITY, 0} : state[t];
    const float most = max > v.max ? max : v.max;
    v.sum = (first == 0 ? 0 : v.sum * exp((double)v.max - (double)most)) +
            (double)sum * exp((double)max - (double)most);
    v.max = most;
    const int32_t to = target.at ? target.at[(size_t)t * target.ld] : -1;
    if (to >= vocab)
        report(f, FAULT_ID, to, vocab, 0);
    if (to >= first && to - first < z.cols)
        v.target = row[to - first];
    state[t] = v;
}
void gpu_vocab_fold(vocab_state *state, mat z, int32_t first, ints target, int32_t vocab, faults f,
                    stream *s)
{
    if (z.rows > 0)
        launch(fold_chunk, (unsigned)z.rows, 512, 0, s, state, z, first, target, vocab, f);
}

__global__ void loss_of_rows(float *loss, size_t ld, const vocab_state *state, ints target)
{
    const int32_t t = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
    if (t >= target.n)
        return;
    const vocab_state v = state[t];
    loss[(size_t)t * ld] = target.at[(size_t)t * target.ld] < 0
                               ? NAN
                               : (float)((double)v.max + log(v.sum) - (double)v.target);
}
void gpu_vocab_loss(float *loss, size_t ld, const vocab_state *state, ints target, stream *s)
{
    if (target.n > 0)
        launch(loss_of_rows, ((unsigned)target.n + 127) / 128, 128, 0, s, loss, ld, state, target);
}

__global__ void best_of_vocab(ints ids, mat logp, const int32_t *candidate, size_t ld,
                              const int32_t *at, const vocab_state *state)
{
    EACH_ELEMENT(t, i, logp.rows, logp.cols)
    {
        float *p = logp.at + (size_t)t * logp.ld + (size_t)i;
        const int32_t from = at[(size_t)t * (size_t)logp.cols + (size_t)i];
        ids.at[(size_t)t * ids.ld + (size_t)i] = candidate[(size_t)t * ld + (size_t)from];
        *p = (float)((double)*p - (double)state[t].max - log(state[t].sum));
    }
}
void gpu_vocab_best(ints ids, mat logp, const int32_t *candidate, size_t ld, const int32_t *at,
                    const vocab_state *state, stream *s)
{
    over_elements(best_of_vocab, logp.rows, logp.cols, s, ids, logp, candidate, ld, at, state);
}

__global__ void shift(int32_t *ids, size_t ld, int32_t rows, int32_t n, int32_t by)
{
    EACH_ELEMENT(t, i, rows, n)
    ids[(size_t)t * ld + (size_t)i] += by;
}
void gpu_shift_ids(int32_t *ids, size_t ld, int32_t rows, int32_t n, int32_t by, stream *s)
{
    over_elements(shift, rows, n, s, ids, ld, rows, n, by);
}
