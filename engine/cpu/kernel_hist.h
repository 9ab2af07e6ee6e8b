/* Moments and bins of columns, a row at a time. Part of kernel_all.h. */

/* Loops of fixed length over one kind of thing are what the compiler makes vectors of. */
ALWAYS void moments_of_lanes(const float *restrict x, double *restrict sum, double *restrict sq,
                             float *restrict min, float *restrict max)
{
    double v[LANES];
    for (int k = 0; k < LANES; k++)
        v[k] = (double)x[k];
    for (int k = 0; k < LANES; k++)
        sum[k] += v[k];
    for (int k = 0; k < LANES; k++)
        sq[k] += v[k] * v[k];
    for (int k = 0; k < LANES; k++)
        min[k] = x[k] < min[k] ? x[k] : min[k];
    for (int k = 0; k < LANES; k++)
        max[k] = x[k] > max[k] ? x[k] : max[k];
}

TARGET static void moments(const float *x, int32_t n, double *sum, double *sq, float *min,
                           float *max)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        moments_of_lanes(x + j, sum + j, sq + j, min + j, max + j);
    for (; j < n; j++) {
        const double v = (double)x[j];
        sum[j] += v;
        sq[j] += v * v;
        min[j] = x[j] < min[j] ? x[j] : min[j];
        max[j] = x[j] > max[j] ? x[j] : max[j];
    }
}

TARGET static void count_bins(const float *x, int32_t n, const float *scale, uint32_t *bin,
                              size_t ld)
{
    int32_t j = 0, at[LANES];
    for (; j + LANES <= n; j += LANES) {
        for (int32_t k = 0; k < LANES; k++)
            at[k] = bin_of(x[j + k], scale[j + k]);
        for (int32_t k = 0; k < LANES; k++)
            bin[(size_t)(j + k) * ld + (size_t)at[k]]++;
    }
    for (; j < n; j++)
        bin[(size_t)j * ld + (size_t)bin_of(x[j], scale[j])]++;
}
