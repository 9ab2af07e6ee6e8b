/* cuBLASLt's part of the table by plain loops; sums in double. */
#include "gpu/shim/device.h"
#include "gpu/types.cuh"
#include <vector>

struct shim_lt {
    int none;
};
struct shim_matmul {
    int trans_a, epilogue;
    const float *bias;
};
struct shim_layout {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t ld;
};
struct shim_preference {
    int none;
};
typedef cublasStatus_t status;

/* What a call whose turn it was says. */
static status failed(void)
{
    return cudaPeekAtLastError() == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED
                                                              : CUBLAS_STATUS_EXECUTION_FAILED;
}

status cublasLtCreate(cublasLtHandle_t *h)
{
    return shim_fails() ? failed() : (*h = shim_new(shim_lt{}), CUBLAS_STATUS_SUCCESS);
}
status cublasLtDestroy(cublasLtHandle_t h)
{
    return shim_end(h), CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion(void)
{
    return 130000;
}
status cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t c, cudaDataType_t t)
{
    *d = shim_new(shim_matmul{CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr});
    return c == CUBLAS_COMPUTE_32F && t == CUDA_R_32F ? CUBLAS_STATUS_SUCCESS
                                                      : CUBLAS_STATUS_NOT_SUPPORTED;
}
status cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d)
{
    return shim_end(d), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t a,
                                      const void *v, size_t n)
{
    void *to = a == CUBLASLT_MATMUL_DESC_TRANSA     ? static_cast<void *>(&d->trans_a)
               : a == CUBLASLT_MATMUL_DESC_EPILOGUE ? static_cast<void *>(&d->epilogue)
                                                    : static_cast<void *>(&d->bias);
    return memcpy(to, v, n), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType_t t, uint64_t rows,
                                  uint64_t cols, int64_t ld)
{
    return *l = shim_new(shim_layout{t, rows, cols, ld}), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    return shim_end(l), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    return *p = shim_new(shim_preference{}), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    return shim_end(p), CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                            cublasLtMatmulPreferenceAttributes_t, const void *,
                                            size_t)
{
    return CUBLAS_STATUS_SUCCESS;
}
status cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                      cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                      cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                      cublasLtMatmulPreference_t, int,
                                      cublasLtMatmulHeuristicResult_t *r, int *n)
{
    *r = cublasLtMatmulHeuristicResult_t{};
    *n = a->type == b->type;
    return *n ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

static double element(const void *p, const shim_layout *l, int64_t row, int64_t col)
{
    const int64_t i = row + col * l->ld;
    return l->type == CUDA_R_32F   ? (double)static_cast<const float *>(p)[i]
           : l->type == CUDA_R_16F ? (double)widen(static_cast<const f16 *>(p)[i])
                                   : (double)widen(static_cast<const bf16 *>(p)[i]);
}

/* All of a matrix, where it lies. */
static std::vector<double> wide(const void *p, const shim_layout *l)
{
    std::vector<double> v((size_t)(l->ld * (int64_t)l->cols));
    for (int64_t j = 0; j < (int64_t)l->cols; j++)
        for (int64_t i = 0; i < (int64_t)l->rows; i++)
            v[(size_t)(i + j * l->ld)] = element(p, l, i, j);
    return v;
}

status cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void *alpha, const void *A,
                      cublasLtMatrixLayout_t a, const void *B, cublasLtMatrixLayout_t b,
                      const void *beta, const void *C, cublasLtMatrixLayout_t c, void *D,
                      cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t *, void *, size_t,
                      cudaStream_t s)
{
    if (shim_fails())
        return failed();
    const shim_matmul m = *d;
    const shim_layout la = *a, lb = *b, ld = *c;
    const double scale = (double)*static_cast<const float *>(alpha);
    const double keep = (double)*static_cast<const float *>(beta), off = shim_machine.lt_error;
    shim_later(s, [=] {
        const std::vector<double> w = wide(A, &la), x = wide(B, &lb);
        const int64_t k = (int64_t)lb.rows, to = m.trans_a ? la.ld : 1,
                      along = m.trans_a ? 1 : la.ld;
        for (int64_t j = 0; j < (int64_t)ld.cols; j++)
            for (int64_t i = 0; i < (int64_t)ld.rows; i++) {
                double sum = 0, size = 0;
                for (int64_t h = 0; h < k; h++) {
                    const double v = x[(size_t)(h + j * lb.ld)] * w[(size_t)(i * to + h * along)];
                    sum += v, size += fabs(v);
                }
                sum += ((i + j) % 2 ? off : -off) * (double)k * 0x1p-24 * size;
                sum = scale * sum + (m.epilogue == CUBLASLT_EPILOGUE_BIAS ? (double)m.bias[i] : 0);
                sum += keep > 0 || keep < 0 ? keep * element(C, &ld, i, j) : 0;
                static_cast<float *>(D)[i + j * ld.ld] = (float)sum;
            }
    });
    return CUBLAS_STATUS_SUCCESS;
}
