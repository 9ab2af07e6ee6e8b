#include "engine/session/estimate.h"
#include <math.h>

static const int32_t look_at[] = {16, 64, 256};
enum { N_LOOKS = sizeof look_at / sizeof *look_at };

int32_t look_reached(int32_t n, int32_t N)
{
    if (n >= N)
        return N;
    int32_t look = 0;
    for (int i = 0; i < N_LOOKS; i++)
        if (n >= look_at[i])
            look = look_at[i];
    return look;
}

int32_t looks_of(int32_t N)
{
    int32_t n = 1;
    for (int i = 0; i < N_LOOKS; i++)
        n += look_at[i] < N;
    return n;
}

double sampling_half(double sd, int32_t n)
{
    return n < 2 || !(sd > 0) ? NAN : student_quantile(0.975, n - 1) * sd / sqrt(n);
}

double partial_half(double sd, int32_t n, int32_t N)
{
    if (n < 2 || !(sd > 0))
        return NAN;
    double p = 1 - 0.05 / looks_of(N) / 2;
    return student_quantile(p, n - 1) * sd / sqrt(n) * sqrt(1 - (double)n / N);
}
